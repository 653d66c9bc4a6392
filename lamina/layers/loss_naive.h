// What the specifications of the losses share.
#pragma once

#include <numeric>
#include <span>
#include <utility>

#include "lamina/tensor.h"

namespace lamina::naive {

/// The share of example i of N in a mean, or in a mean with weights.
template <class T>
T share_of(Index i, Index N, std::span<const double> weights) {
  if (weights.empty()) return static_cast<T>(1.0 / static_cast<double>(N));
  return static_cast<T>(weights[static_cast<std::size_t>(i)] / std::accumulate(weights.begin(), weights.end(), 0.0));
}

/// The mean over x and t (N, K) of a loss, and its gradient: one(x, t) is the loss of one number and its derivative.
template <class T, class One>
std::pair<T, Tensor<T>> mean_loss(const TensorView<T>& x, const TensorView<T>& t, std::span<const double> weights,
                                  One&& one) {
  const Index N = x.dim(0), K = x.dim(1);
  std::pair<T, Tensor<T>> result{T{0}, Tensor<T>(x.shape())};
  for (Index i = 0; i < N; ++i)
    for (Index j = 0; j < K; ++j) {
      const T share = share_of<T>(i, N, weights) / static_cast<T>(K);
      const auto [loss, slope] = one(x(i, j), t(i, j));
      result.first += loss * share;
      result.second(i, j) = slope * share;
    }
  return result;
}

}  // namespace lamina::naive
