// Squared loss, for one or many numbers: L = 1/(N K) sum_ij (x_ij - t_ij)^2,  dx = 2 (x - t) / (N K).
// x (N, K) are predictions, t (N, K) the true numbers.
#pragma once

#include <span>
#include <type_traits>
#include <utility>

#include "lamina/tensor.h"

namespace lamina {

/// Returns the mean loss over all N K numbers; with weights (N,) of the examples, sum_i w_i l_i / sum_i w_i, where l_i
/// is the mean over example i. Unless dx is null, writes the gradient of x to *dx, resized to (N, K). Throws
/// std::invalid_argument unless t is of x's shape, N, K > 0, and weights are not negative.
template <class T>
double squared_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t, Tensor<T>* dx,
                    std::span<const double> weights = {});
/// `auto [loss, dx] = squared_loss(x, t);`
template <class T>
std::pair<double, Tensor<T>> squared_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t);

}  // namespace lamina
