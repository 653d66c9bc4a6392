// The specification of huber_loss.h, in plain loops.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "lamina/layers/loss_naive.h"
#include "lamina/tensor.h"

namespace lamina::naive {

template <class T>
std::pair<T, Tensor<T>> huber_loss(const TensorView<T>& x, const TensorView<T>& t, T delta = 1,
                                   std::span<const double> weights = {}) {
  return mean_loss(x, t, weights, [delta](T prediction, T target) {
    const T d = prediction - target, size = std::abs(d);
    return std::pair(size <= delta ? d * d / 2 : delta * (size - delta / 2), std::max(-delta, std::min(delta, d)));
  });
}

}  // namespace lamina::naive
