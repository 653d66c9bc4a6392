// The specification of layout.h, in plain loops.
#pragma once

#include "lamina/tensor.h"

namespace lamina::naive {

/// x (N, C, H, W) as (N, H, W, C).
template <class T>
Tensor<T> to_nhwc(const TensorView<T>& x) {
  const Index N = x.dim(0), C = x.dim(1), H = x.dim(2), W = x.dim(3);
  Tensor<T> out({N, H, W, C});
  for (Index n = 0; n < N; ++n)
    for (Index c = 0; c < C; ++c)
      for (Index i = 0; i < H; ++i)
        for (Index j = 0; j < W; ++j) out(n, i, j, c) = x(n, c, i, j);
  return out;
}

/// x (N, H, W, C) as (N, C, H, W).
template <class T>
Tensor<T> to_nchw(const TensorView<T>& x) {
  const Index N = x.dim(0), H = x.dim(1), W = x.dim(2), C = x.dim(3);
  Tensor<T> out({N, C, H, W});
  for (Index n = 0; n < N; ++n)
    for (Index c = 0; c < C; ++c)
      for (Index i = 0; i < H; ++i)
        for (Index j = 0; j < W; ++j) out(n, c, i, j) = x(n, i, j, c);
  return out;
}

}  // namespace lamina::naive
