// The specification of spatial batch normalization (spatial_batchnorm.h), in plain loops over (N, C, H, W).
#pragma once

#include <cmath>
#include <tuple>
#include <utility>

#include "lamina/layers/spatial_batchnorm.h"
#include "lamina/tensor.h"

namespace lamina::naive {

/// Mean and biased variance of channel c over N, H and W.
template <class T>
std::pair<T, T> channel_statistics(const TensorView<T>& x, Index c) {
  const Index N = x.dim(0), H = x.dim(2), W = x.dim(3);
  const T m = static_cast<T>(N * H * W);
  T mean = 0, var = 0;
  for (Index n = 0; n < N; ++n)
    for (Index i = 0; i < H; ++i)
      for (Index j = 0; j < W; ++j) mean += x(n, c, i, j) / m;
  for (Index n = 0; n < N; ++n)
    for (Index i = 0; i < H; ++i)
      for (Index j = 0; j < W; ++j) var += (x(n, c, i, j) - mean) * (x(n, c, i, j) - mean) / m;
  return {mean, var};
}

/// gamma, beta and the running averages (C,). Training updates the running averages.
template <class T>
Tensor<T> spatial_batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta,
                                    BatchNormParam<T>& bn_param) {
  const Index N = x.dim(0), C = x.dim(1), H = x.dim(2), W = x.dim(3);
  if (bn_param.running_mean.empty()) bn_param.running_mean = Tensor<T>({C});
  if (bn_param.running_var.empty()) bn_param.running_var = Tensor<T>({C});
  const T momentum = static_cast<T>(bn_param.momentum);
  Tensor<T> out(x.shape());
  for (Index c = 0; c < C; ++c) {
    T mean = bn_param.running_mean[c], var = bn_param.running_var[c];
    if (bn_param.mode == Mode::train) {
      std::tie(mean, var) = channel_statistics(x, c);
      bn_param.running_mean[c] = momentum * bn_param.running_mean[c] + (1 - momentum) * mean;
      bn_param.running_var[c] = momentum * bn_param.running_var[c] + (1 - momentum) * var;
    }
    for (Index n = 0; n < N; ++n)
      for (Index i = 0; i < H; ++i)
        for (Index j = 0; j < W; ++j)
          out(n, c, i, j) = gamma[c] * (x(n, c, i, j) - mean) / std::sqrt(var + static_cast<T>(bn_param.eps)) + beta[c];
  }
  return out;
}

/// For test mode with the running averages that the forward pass used.
template <class T>
NormGradients<T> spatial_batchnorm_backward(const TensorView<T>& dout, const TensorView<T>& x,
                                            const TensorView<T>& gamma, const BatchNormParam<T>& bn_param) {
  const Index N = x.dim(0), C = x.dim(1), H = x.dim(2), W = x.dim(3);
  const bool train = bn_param.mode == Mode::train;
  const T m = static_cast<T>(N * H * W);
  NormGradients<T> g{Tensor<T>(x.shape()), Tensor<T>(gamma.shape()), Tensor<T>(gamma.shape())};
  for (Index c = 0; c < C; ++c) {
    const auto [mean, var] =
        train ? channel_statistics(x, c) : std::pair(bn_param.running_mean[c], bn_param.running_var[c]);
    const T inv_std = 1 / std::sqrt(var + static_cast<T>(bn_param.eps));
    for (Index n = 0; n < N; ++n)
      for (Index i = 0; i < H; ++i)
        for (Index j = 0; j < W; ++j) {
          g.dbeta[c] += dout(n, c, i, j);
          g.dgamma[c] += dout(n, c, i, j) * (x(n, c, i, j) - mean) * inv_std;
        }
    for (Index n = 0; n < N; ++n)
      for (Index i = 0; i < H; ++i)
        for (Index j = 0; j < W; ++j) {
          const T x_hat = (x(n, c, i, j) - mean) * inv_std;
          // in training, x moves its channel's mean and variance too
          const T through_statistics = train ? (g.dbeta[c] + x_hat * g.dgamma[c]) / m : 0;
          g.dx(n, c, i, j) = gamma[c] * inv_std * (dout(n, c, i, j) - through_statistics);
        }
  }
  return g;
}

}  // namespace lamina::naive
