// The specification of sigmoid.h, in plain loops.
#pragma once

#include <cmath>

#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
Tensor<T> sigmoid_forward(const TensorView<T>& x) {
  Tensor<T> out(x.shape());
  for (Index i = 0; i < x.size(); ++i) out[i] = 1 / (1 + std::exp(-x[i]));
  return out;
}

template <class T>
Tensor<T> sigmoid_backward(const TensorView<T>& dout, const TensorView<T>& x) {
  const Tensor<T> out = naive::sigmoid_forward(x);
  Tensor<T> dx(x.shape());
  for (Index i = 0; i < x.size(); ++i) dx[i] = dout[i] * out[i] * (1 - out[i]);
  return dx;
}

}  // namespace lamina::naive
