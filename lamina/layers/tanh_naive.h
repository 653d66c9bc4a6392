// The specification of tanh.h, in plain loops.
#pragma once

#include <cmath>

#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
Tensor<T> tanh_forward(const TensorView<T>& x) {
  Tensor<T> out(x.shape());
  for (Index i = 0; i < x.size(); ++i) out[i] = std::tanh(x[i]);
  return out;
}

template <class T>
Tensor<T> tanh_backward(const TensorView<T>& dout, const TensorView<T>& x) {
  Tensor<T> dx(x.shape());
  for (Index i = 0; i < x.size(); ++i) dx[i] = dout[i] * (1 - std::tanh(x[i]) * std::tanh(x[i]));
  return dx;
}

}  // namespace lamina::naive
