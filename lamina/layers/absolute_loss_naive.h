// The specification of absolute_loss.h, in plain loops.
#pragma once

#include <cmath>
#include <span>
#include <utility>

#include "lamina/layers/loss_naive.h"
#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
std::pair<T, Tensor<T>> absolute_loss(const TensorView<T>& x, const TensorView<T>& t,
                                      std::span<const double> weights = {}) {
  return mean_loss(x, t, weights, [](T prediction, T target) {
    const T d = prediction - target;
    return std::pair(std::abs(d), static_cast<T>(d > 0 ? 1 : d < 0 ? -1 : 0));
  });
}

}  // namespace lamina::naive
