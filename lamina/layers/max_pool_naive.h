// The specification of max_pool.h, in plain loops over (N, C, H, W), which a Stoppable can stop.
#pragma once

#include <cmath>

#include "lamina/layers/max_pool.h"
#include "lamina/tensor.h"
#include "lamina/threads.h"

namespace lamina::naive {

/// Calls use(n, c, i, j, h, k) for every window (n, c, i, j), whose first maximum lies at (n, c, h, k).
template <class T, class Use>
void for_each_maximum(const TensorView<T>& x, const PoolParam& pool_param, Use&& use) {
  const Index N = x.dim(0), C = x.dim(1), H = x.dim(2), W = x.dim(3);
  const Index PH = pool_param.pool_height, PW = pool_param.pool_width, s = pool_param.stride;
  for (Index n = 0; n < N; ++n)
    for (Index c = 0; c < C; ++c)
      for (Index i = 0; i <= (H - PH) / s; ++i, Stoppable::check())
        for (Index j = 0; j <= (W - PW) / s; ++j) {
          Index h = i * s, k = j * s;
          for (Index p = i * s; p < i * s + PH; ++p)
            for (Index q = j * s; q < j * s + PW; ++q) {
              const T best = x(n, c, h, k), value = x(n, c, p, q);
              if (!std::isnan(best) && (value > best || std::isnan(value))) {
                h = p;
                k = q;
              }
            }
          use(n, c, i, j, h, k);
        }
}

template <class T>
Tensor<T> max_pool_forward(const TensorView<T>& x, const PoolParam& pool_param) {
  const Index OH = 1 + (x.dim(2) - pool_param.pool_height) / pool_param.stride;
  const Index OW = 1 + (x.dim(3) - pool_param.pool_width) / pool_param.stride;
  Tensor<T> out({x.dim(0), x.dim(1), OH, OW});
  for_each_maximum(x, pool_param,
                   [&](Index n, Index c, Index i, Index j, Index h, Index k) { out(n, c, i, j) = x(n, c, h, k); });
  return out;
}

template <class T>
Tensor<T> max_pool_backward(const TensorView<T>& dout, const TensorView<T>& x, const PoolParam& pool_param) {
  Tensor<T> dx(x.shape());
  for_each_maximum(x, pool_param,
                   [&](Index n, Index c, Index i, Index j, Index h, Index k) { dx(n, c, h, k) += dout(n, c, i, j); });
  return dx;
}

}  // namespace lamina::naive
