// The specification of svm_loss.h, in plain loops.
#pragma once

#include <span>
#include <utility>

#include "lamina/layers/loss_naive.h"
#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
std::pair<T, Tensor<T>> svm_loss(const TensorView<T>& x, std::span<const Label> y,
                                 std::span<const double> weights = {}) {
  const Index N = x.dim(0), C = x.dim(1);
  std::pair<T, Tensor<T>> result{T{0}, Tensor<T>(x.shape())};
  auto& [loss, dx] = result;
  for (Index i = 0; i < N; ++i) {
    const T share = share_of<T>(i, N, weights);
    const Label label = y[static_cast<std::size_t>(i)];
    for (Index j = 0; j < C; ++j) {
      const T margin = x(i, j) - x(i, label) + 1;
      if (j == label || margin <= 0) continue;
      loss += margin * share;
      dx(i, j) += share;
      dx(i, label) -= share;
    }
  }
  return result;
}

}  // namespace lamina::naive
