// The specification of sigmoid_loss.h, in plain loops.
#pragma once

#include <cmath>
#include <span>
#include <utility>

#include "lamina/layers/loss_naive.h"
#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
std::pair<T, Tensor<T>> sigmoid_loss(const TensorView<T>& x, const TensorView<T>& t,
                                     std::span<const double> weights = {}) {
  return mean_loss(x, t, weights, [](T score, T target) {
    const T p = 1 / (1 + std::exp(-score));
    return std::pair(-target * std::log(p) - (1 - target) * std::log(1 - p), p - target);
  });
}

}  // namespace lamina::naive
