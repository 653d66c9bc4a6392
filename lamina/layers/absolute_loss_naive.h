// The specification of absolute_loss.h, in plain loops.
#pragma once

#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
std::pair<T, Tensor<T>> absolute_loss(const TensorView<T>& x, const TensorView<T>& t,
                                      std::span<const double> weights = {}) {
  const Index N = x.dim(0), K = x.dim(1);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::pair<T, Tensor<T>> result{T{0}, Tensor<T>(x.shape())};
  auto& [loss, dx] = result;
  for (Index i = 0; i < N; ++i) {
    const double weight = weights.empty() ? 1.0 / static_cast<double>(N) : weights[static_cast<std::size_t>(i)] / total;
    const T share = static_cast<T>(weight / static_cast<double>(K));
    for (Index j = 0; j < K; ++j) {
      const T d = x(i, j) - t(i, j);
      loss += std::abs(d) * share;
      dx(i, j) = (d > 0 ? 1 : d < 0 ? -1 : 0) * share;
    }
  }
  return result;
}

}  // namespace lamina::naive
