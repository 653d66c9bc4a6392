// The specification of layernorm.h, in plain loops.
#pragma once

#include <cmath>
#include <utility>

#include "lamina/layers/layernorm.h"
#include "lamina/tensor.h"

namespace lamina::naive {

/// The output and the cache, which views x and gamma.
template <class T>
std::pair<Tensor<T>, LayerNormCache<T>> layernorm_forward(const TensorView<T>& x, const TensorView<T>& gamma,
                                                          const TensorView<T>& beta, const LayerNormParam& ln_param) {
  const Index N = x.dim(0), D = x.dim(1);
  Tensor<T> out(x.shape());
  LayerNormCache<T> cache{x, gamma, Tensor<T>({N}), Tensor<T>({N})};
  for (Index i = 0; i < N; ++i) {
    T mean = 0, var = 0;
    for (Index j = 0; j < D; ++j) mean += x(i, j);
    mean /= static_cast<T>(D);
    for (Index j = 0; j < D; ++j) var += (x(i, j) - mean) * (x(i, j) - mean);
    var /= static_cast<T>(D);
    const T inv_std = 1 / std::sqrt(var + static_cast<T>(ln_param.eps));
    for (Index j = 0; j < D; ++j) out(i, j) = gamma[j] * (x(i, j) - mean) * inv_std + beta[j];
    cache.mean[i] = mean;
    cache.inv_std[i] = inv_std;
  }
  return {std::move(out), std::move(cache)};
}

template <class T>
NormGradients<T> layernorm_backward(const TensorView<T>& dout, const LayerNormCache<T>& cache) {
  const TensorView<T>&x = cache.x, &gamma = cache.gamma;
  const Index N = x.dim(0), D = x.dim(1);
  NormGradients<T> grad{Tensor<T>(x.shape()), Tensor<T>({D}), Tensor<T>({D})};
  for (Index i = 0; i < N; ++i) {
    const T inv_std = cache.inv_std[i];
    const auto x_hat = [&](Index j) { return (x(i, j) - cache.mean[i]) * inv_std; };
    T mean_g = 0, mean_gx = 0;  // of g = dout gamma, and of g x^
    for (Index j = 0; j < D; ++j) {
      grad.dbeta[j] += dout(i, j);
      grad.dgamma[j] += dout(i, j) * x_hat(j);
      mean_g += dout(i, j) * gamma[j] / static_cast<T>(D);
      mean_gx += dout(i, j) * gamma[j] * x_hat(j) / static_cast<T>(D);
    }
    for (Index j = 0; j < D; ++j) grad.dx(i, j) = (dout(i, j) * gamma[j] - mean_g - x_hat(j) * mean_gx) * inv_std;
  }
  return grad;
}

}  // namespace lamina::naive
