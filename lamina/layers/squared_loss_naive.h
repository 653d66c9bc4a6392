// The specification of squared_loss.h, in plain loops.
#pragma once

#include <span>
#include <utility>

#include "lamina/layers/loss_naive.h"
#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
std::pair<T, Tensor<T>> squared_loss(const TensorView<T>& x, const TensorView<T>& t,
                                     std::span<const double> weights = {}) {
  return mean_loss(x, t, weights, [](T prediction, T target) {
    const T d = prediction - target;
    return std::pair(d * d, 2 * d);
  });
}

}  // namespace lamina::naive
