// The specification of average_pool.h, in plain loops over (N, C, H, W).
#pragma once

#include "lamina/layers/average_pool.h"
#include "lamina/tensor.h"

namespace lamina::naive {

/// Calls use(n, c, i, j, h, w, divisor) for every window (n, c, i, j) and every pixel (h, w) of the image in it.
template <class Use>
void for_each_averaged(const Shape& x_shape, const AveragePoolParam& param, Use&& use) {
  const Index N = x_shape[0], C = x_shape[1], H = x_shape[2], W = x_shape[3];
  const Index PH = param.pool_height, PW = param.pool_width, s = param.stride, pad = param.pad;
  const auto has = [&](Index h, Index w) { return 0 <= h && h < H && 0 <= w && w < W; };
  for (Index n = 0; n < N; ++n)
    for (Index c = 0; c < C; ++c)
      for (Index i = 0; i <= (H + 2 * pad - PH) / s; ++i)
        for (Index j = 0; j <= (W + 2 * pad - PW) / s; ++j) {
          const Index top = i * s - pad, left = j * s - pad;
          Index pixels = 0;
          for (Index h = top; h < top + PH; ++h)
            for (Index w = left; w < left + PW; ++w) pixels += has(h, w);
          for (Index h = top; h < top + PH; ++h)
            for (Index w = left; w < left + PW; ++w)
              if (has(h, w)) use(n, c, i, j, h, w, param.exclude_pad ? pixels : PH * PW);
        }
}

template <class T>
Tensor<T> average_pool_forward(const TensorView<T>& x, const AveragePoolParam& param) {
  const Index OH = 1 + (x.dim(2) + 2 * param.pad - param.pool_height) / param.stride;
  const Index OW = 1 + (x.dim(3) + 2 * param.pad - param.pool_width) / param.stride;
  Tensor<T> out({x.dim(0), x.dim(1), OH, OW}), divisors(out.shape());
  for_each_averaged(x.shape(), param, [&](Index n, Index c, Index i, Index j, Index h, Index w, Index divisor) {
    out(n, c, i, j) += x(n, c, h, w);
    divisors(n, c, i, j) = static_cast<T>(divisor);
  });
  for (Index k = 0; k < out.size(); ++k) out[k] /= divisors[k];
  return out;
}

template <class T>
Tensor<T> average_pool_backward(const TensorView<T>& dout, const Shape& x_shape, const AveragePoolParam& param) {
  Tensor<T> dx(x_shape);
  for_each_averaged(x_shape, param, [&](Index n, Index c, Index i, Index j, Index h, Index w, Index divisor) {
    dx(n, c, h, w) += dout(n, c, i, j) / static_cast<T>(divisor);
  });
  return dx;
}

}  // namespace lamina::naive
