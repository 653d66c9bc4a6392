// The specification of dropout.h, in plain loops.
#pragma once

#include <utility>

#include "lamina/layers/dropout.h"
#include "lamina/tensor.h"

namespace lamina::naive {

/// The output and the mask: 0 or 1 / p in training, 1 at test time.
template <class T>
std::pair<Tensor<T>, Tensor<T>> dropout_forward(const TensorView<T>& x, const DropoutParam& dropout_param,
                                                RandomState& random) {
  Tensor<T> out(x.shape()), mask(x.shape(), T{1});
  if (dropout_param.mode == Mode::train) {
    if (dropout_param.seed) random.seed(*dropout_param.seed);
    for (Index i = 0; i < x.size(); ++i)
      mask[i] = random.rand() < dropout_param.p ? static_cast<T>(1 / dropout_param.p) : T{0};
  }
  for (Index i = 0; i < x.size(); ++i) out[i] = x[i] * mask[i];
  return {std::move(out), std::move(mask)};
}

template <class T>
Tensor<T> dropout_backward(const TensorView<T>& dout, const TensorView<T>& mask) {
  Tensor<T> dx(dout.shape());
  for (Index i = 0; i < dout.size(); ++i) dx[i] = dout[i] * mask[i];
  return dx;
}

}  // namespace lamina::naive
