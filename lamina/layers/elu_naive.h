// The specification of elu.h, in plain loops.
#pragma once

#include <cmath>

#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
Tensor<T> elu_forward(const TensorView<T>& x, double alpha = 1) {
  Tensor<T> out(x.shape());
  for (Index i = 0; i < x.size(); ++i) out[i] = x[i] > 0 ? x[i] : static_cast<T>(alpha) * std::expm1(x[i]);
  return out;
}

template <class T>
Tensor<T> elu_backward(const TensorView<T>& dout, const TensorView<T>& x, double alpha = 1) {
  Tensor<T> dx(x.shape());
  for (Index i = 0; i < x.size(); ++i) dx[i] = x[i] > 0 ? dout[i] : dout[i] * static_cast<T>(alpha) * std::exp(x[i]);
  return dx;
}

}  // namespace lamina::naive
