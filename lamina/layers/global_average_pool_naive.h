// The specification of global_average_pool.h, in plain loops over (N, C, H, W).
#pragma once

#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
Tensor<T> global_average_pool_forward(const TensorView<T>& x) {
  const Index N = x.dim(0), C = x.dim(1), H = x.dim(2), W = x.dim(3);
  Tensor<T> out({N, C});
  for (Index n = 0; n < N; ++n)
    for (Index c = 0; c < C; ++c) {
      for (Index h = 0; h < H; ++h)
        for (Index w = 0; w < W; ++w) out(n, c) += x(n, c, h, w);
      out(n, c) /= static_cast<T>(H * W);
    }
  return out;
}

template <class T>
Tensor<T> global_average_pool_backward(const TensorView<T>& dout, const Shape& x_shape) {
  Tensor<T> dx(x_shape);
  for (Index n = 0; n < x_shape[0]; ++n)
    for (Index c = 0; c < x_shape[1]; ++c)
      for (Index h = 0; h < x_shape[2]; ++h)
        for (Index w = 0; w < x_shape[3]; ++w) dx(n, c, h, w) = dout(n, c) / static_cast<T>(x_shape[2] * x_shape[3]);
  return dx;
}

}  // namespace lamina::naive
