// The specification of groupnorm.h, in plain loops over (N, C, H, W).
#pragma once

#include <cmath>
#include <utility>

#include "lamina/layers/groupnorm.h"
#include "lamina/tensor.h"

namespace lamina::naive {

/// Calls use(c, i, j) for every element of group g of one image.
template <class T, class Use>
void for_group(const TensorView<T>& x, Index g, Index G, Use&& use) {
  const Index width = x.dim(1) / G;
  for (Index c = g * width; c < (g + 1) * width; ++c)
    for (Index i = 0; i < x.dim(2); ++i)
      for (Index j = 0; j < x.dim(3); ++j) use(c, i, j);
}

/// Mean and biased variance of group g of image n.
template <class T>
std::pair<T, T> group_statistics(const TensorView<T>& x, Index n, Index g, Index G) {
  const T m = static_cast<T>(x.dim(1) / G * x.dim(2) * x.dim(3));
  T mean = 0, var = 0;
  for_group(x, g, G, [&](Index c, Index i, Index j) { mean += x(n, c, i, j) / m; });
  for_group(x, g, G, [&](Index c, Index i, Index j) { var += (x(n, c, i, j) - mean) * (x(n, c, i, j) - mean) / m; });
  return {mean, var};
}

/// gamma and beta of C elements.
template <class T>
Tensor<T> spatial_groupnorm_forward(const TensorView<T>& x, const TensorView<T>& gamma, const TensorView<T>& beta,
                                    Index G, const GroupNormParam& gn_param) {
  Tensor<T> out(x.shape());
  for (Index n = 0; n < x.dim(0); ++n)
    for (Index g = 0; g < G; ++g) {
      const auto [mean, var] = group_statistics(x, n, g, G);
      const T mu = mean, std = std::sqrt(var + static_cast<T>(gn_param.eps));
      for_group(x, g, G,
                [&](Index c, Index i, Index j) { out(n, c, i, j) = gamma[c] * (x(n, c, i, j) - mu) / std + beta[c]; });
    }
  return out;
}

template <class T>
NormGradients<T> spatial_groupnorm_backward(const TensorView<T>& dout, const TensorView<T>& x,
                                            const TensorView<T>& gamma, Index G, const GroupNormParam& gn_param) {
  NormGradients<T> grad{Tensor<T>(x.shape()), Tensor<T>(gamma.shape()), Tensor<T>(gamma.shape())};
  const T m = static_cast<T>(x.dim(1) / G * x.dim(2) * x.dim(3));
  for (Index n = 0; n < x.dim(0); ++n)
    for (Index g = 0; g < G; ++g) {
      const auto [mean, var] = group_statistics(x, n, g, G);
      const T mu = mean, inv_std = 1 / std::sqrt(var + static_cast<T>(gn_param.eps));
      T sum = 0, sum_x_hat = 0;  // of dout gamma, and of that times x^
      for_group(x, g, G, [&](Index c, Index i, Index j) {
        const T d = dout(n, c, i, j), x_hat = (x(n, c, i, j) - mu) * inv_std;
        grad.dbeta[c] += d;
        grad.dgamma[c] += d * x_hat;
        sum += d * gamma[c];
        sum_x_hat += d * gamma[c] * x_hat;
      });
      for_group(x, g, G, [&](Index c, Index i, Index j) {
        const T x_hat = (x(n, c, i, j) - mu) * inv_std;
        grad.dx(n, c, i, j) = inv_std * (dout(n, c, i, j) * gamma[c] - (sum + x_hat * sum_x_hat) / m);
      });
    }
  return grad;
}

}  // namespace lamina::naive
