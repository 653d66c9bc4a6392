// The specification of leaky_relu.h, in plain loops.
#pragma once

#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
Tensor<T> leaky_relu_forward(const TensorView<T>& x, double slope = 0.01) {
  Tensor<T> out(x.shape());
  for (Index i = 0; i < x.size(); ++i) out[i] = x[i] > 0 ? x[i] : static_cast<T>(slope) * x[i];
  return out;
}

template <class T>
Tensor<T> leaky_relu_backward(const TensorView<T>& dout, const TensorView<T>& x, double slope = 0.01) {
  Tensor<T> dx(x.shape());
  for (Index i = 0; i < x.size(); ++i) dx[i] = x[i] > 0 ? dout[i] : static_cast<T>(slope) * dout[i];
  return dx;
}

}  // namespace lamina::naive
