// The specification of batchnorm.h over x (N, D), in plain loops; the backward pass walks the computation graph.
#pragma once

#include <cmath>
#include <tuple>
#include <utility>

#include "lamina/layers/batchnorm.h"
#include "lamina/tensor.h"

namespace lamina::naive {

/// Mean and biased variance of each column of x (N, D).
template <class T>
std::pair<Tensor<T>, Tensor<T>> column_statistics(const TensorView<T>& x) {
  const Index N = x.dim(0), D = x.dim(1);
  std::pair<Tensor<T>, Tensor<T>> statistics{Tensor<T>({D}), Tensor<T>({D})};
  auto& [mean, var] = statistics;
  for (Index j = 0; j < D; ++j) {
    for (Index i = 0; i < N; ++i) mean[j] += x(i, j);
    mean[j] /= static_cast<T>(N);
    for (Index i = 0; i < N; ++i) var[j] += (x(i, j) - mean[j]) * (x(i, j) - mean[j]);
    var[j] /= static_cast<T>(N);
  }
  return statistics;
}

/// The output and the cache, which views x and gamma. Training updates the running averages.
template <class T>
std::pair<Tensor<T>, BatchNormCache<T>> batchnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                          const TensorView<T>& beta, BatchNormParam<T>& bn_param) {
  const Index N = x.dim(0), D = x.dim(1);
  if (bn_param.running_mean.empty()) bn_param.running_mean = Tensor<T>({D});
  if (bn_param.running_var.empty()) bn_param.running_var = Tensor<T>({D});
  Tensor<T> mean = bn_param.running_mean, var = bn_param.running_var;
  if (bn_param.mode == Mode::train) {
    std::tie(mean, var) = column_statistics(x);
    const T momentum = static_cast<T>(bn_param.momentum);
    for (Index j = 0; j < D; ++j) {
      bn_param.running_mean[j] = momentum * bn_param.running_mean[j] + (1 - momentum) * mean[j];
      bn_param.running_var[j] = momentum * bn_param.running_var[j] + (1 - momentum) * var[j];
    }
  }
  Tensor<T> out(x.shape()), inv_std({D});
  for (Index j = 0; j < D; ++j) inv_std[j] = 1 / std::sqrt(var[j] + static_cast<T>(bn_param.eps));
  for (Index i = 0; i < N; ++i)
    for (Index j = 0; j < D; ++j) out(i, j) = gamma[j] * (x(i, j) - mean[j]) * inv_std[j] + beta[j];
  BatchNormCache<T> cache;
  cache.x = x;
  cache.gamma = gamma;
  cache.mean = std::move(mean);
  cache.inv_std = std::move(inv_std);
  cache.mode = bn_param.mode;
  return {std::move(out), std::move(cache)};
}

/// Back through the graph, node by node. mean and inv_std (D,) as the forward pass used them.
///
///   mu = mean(x)   c = x - mu   v = mean(c^2)   s = 1 / sqrt(v + eps)   h = c s   out = gamma h + beta
template <class T>
NormGradients<T> batchnorm_backward(const TensorView<T>& dout, const TensorView<T>& x, const TensorView<T>& gamma,
                                    const TensorView<T>& mean, const TensorView<T>& inv_std, Mode mode) {
  const Index N = x.dim(0), D = x.dim(1);
  NormGradients<T> grad{Tensor<T>(x.shape()), Tensor<T>({D}), Tensor<T>({D})};
  const T n = static_cast<T>(N);
  for (Index j = 0; j < D; ++j) {
    const T s = inv_std[j];
    // out = gamma h + beta
    for (Index i = 0; i < N; ++i) {
      grad.dbeta[j] += dout(i, j);
      grad.dgamma[j] += dout(i, j) * (x(i, j) - mean[j]) * s;
    }
    // h = c s
    T ds = 0;
    for (Index i = 0; i < N; ++i) {
      const T dh = gamma[j] * dout(i, j);
      grad.dx(i, j) = dh * s;  // dc, the part of this branch
      ds += dh * (x(i, j) - mean[j]);
    }
    if (mode == Mode::test) continue;  // mu and v do not depend on x
    // s = (v + eps)^(-1/2)
    const T dv = ds * (-s * s * s / 2);
    // v = mean(c^2)
    for (Index i = 0; i < N; ++i) grad.dx(i, j) += dv * 2 * (x(i, j) - mean[j]) / n;
    // c = x - mu
    T dmu = 0;
    for (Index i = 0; i < N; ++i) dmu -= grad.dx(i, j);
    // mu = mean(x)
    for (Index i = 0; i < N; ++i) grad.dx(i, j) += dmu / n;
  }
  return grad;
}

}  // namespace lamina::naive
