// The specification of softmax_loss.h, in plain loops.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "lamina/layers/loss_naive.h"
#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
Tensor<T> softmax(const TensorView<T>& x) {
  const Index N = x.dim(0), C = x.dim(1);
  Tensor<T> p(x.shape());
  for (Index i = 0; i < N; ++i) {
    T max = x(i, 0), sum = 0;
    for (Index j = 1; j < C; ++j) max = std::max(max, x(i, j));
    for (Index j = 0; j < C; ++j) sum += std::exp(x(i, j) - max);
    for (Index j = 0; j < C; ++j) p(i, j) = std::exp(x(i, j) - max) / sum;
  }
  return p;
}

template <class T>
std::pair<T, Tensor<T>> softmax_loss(const TensorView<T>& x, std::span<const Label> y, T label_smoothing = 0,
                                     std::span<const double> weights = {}) {
  const Index N = x.dim(0), C = x.dim(1);
  std::pair<T, Tensor<T>> result{T{0}, softmax(x)};
  auto& [loss, dx] = result;
  for (Index i = 0; i < N; ++i) {
    const T share = share_of<T>(i, N, weights);
    const Label label = y[static_cast<std::size_t>(i)];
    T max = x(i, 0), sum = 0;
    for (Index j = 1; j < C; ++j) max = std::max(max, x(i, j));
    for (Index j = 0; j < C; ++j) sum += std::exp(x(i, j) - max);
    for (Index j = 0; j < C; ++j) {
      const T q = label_smoothing / static_cast<T>(C) + (j == label ? 1 - label_smoothing : 0);
      if (q != 0) loss += q * (std::log(sum) - (x(i, j) - max)) * share;
      dx(i, j) = (dx(i, j) - q) * share;
    }
  }
  return result;
}

}  // namespace lamina::naive
