// Huber's loss (Huber, 1964), for one or many numbers: squared for small errors d = x - t, absolute for large ones.
//   L = 1/(N K) sum_ij h(d_ij),  h(d) = d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)
//   dx = max(-delta, min(delta, d)) / (N K)
// x (N, K) are predictions, t (N, K) the true numbers.
#pragma once

#include <span>
#include <type_traits>
#include <utility>

#include "lamina/tensor.h"

namespace lamina {

/// Returns the mean loss over all N K numbers; with weights (N,) of the examples, sum_i w_i l_i / sum_i w_i, where l_i
/// is the mean over example i. Unless dx is null, writes the gradient of x to *dx, resized to (N, K). Throws
/// std::invalid_argument unless t is of x's shape and delta is above 0, N, K > 0, and weights are not negative and not
/// all 0.
template <class T>
double huber_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t, Tensor<T>* dx, double delta = 1,
                  std::span<const double> weights = {});
/// `auto [loss, dx] = huber_loss(x, t);`
template <class T>
std::pair<double, Tensor<T>> huber_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t);

}  // namespace lamina
