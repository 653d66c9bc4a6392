// The specification of relu.h, in plain loops.
#pragma once

#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
Tensor<T> relu_forward(const TensorView<T>& x) {
  Tensor<T> out(x.shape());
  for (Index i = 0; i < x.size(); ++i) out[i] = x[i] < 0 ? 0 : x[i];  // keeps NaN
  return out;
}

template <class T>
Tensor<T> relu_backward(const TensorView<T>& dout, const TensorView<T>& x) {
  Tensor<T> dx(x.shape());
  for (Index i = 0; i < x.size(); ++i) dx[i] = x[i] > 0 ? dout[i] : 0;
  return dx;
}

}  // namespace lamina::naive
