// The specification of silu.h, in plain loops.
#pragma once

#include <algorithm>
#include <cmath>

#include "lamina/tensor.h"

namespace lamina::naive {

// At infinity, where the formula multiplies infinity by 0, both passes give the limit.
template <class T>
Tensor<T> silu_forward(const TensorView<T>& x) {
  Tensor<T> out(x.shape());
  for (Index i = 0; i < x.size(); ++i) out[i] = std::isinf(x[i]) ? std::max(x[i], T{0}) : x[i] / (1 + std::exp(-x[i]));
  return out;
}

template <class T>
Tensor<T> silu_backward(const TensorView<T>& dout, const TensorView<T>& x) {
  Tensor<T> dx(x.shape());
  for (Index i = 0; i < x.size(); ++i) {
    const T s = 1 / (1 + std::exp(-x[i]));
    dx[i] = dout[i] * (std::isinf(x[i]) ? s : s * (1 + x[i] * (1 - s)));
  }
  return dx;
}

}  // namespace lamina::naive
