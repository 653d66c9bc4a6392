// Sigmoid (binary) cross-entropy loss, for K labels at once that an example may have or not:
//   L = 1/(N K) sum_ij log(1 + exp(x_ij)) - t_ij x_ij,  which is -t log p - (1 - t) log(1 - p) of p = 1 / (1 + exp(-x))
//   dx = (p - t) / (N K)
// x (N, K) are logits; t (N, K) is 1 where the example has the label, 0 where it has not, or a probability between.
#pragma once

#include <span>
#include <type_traits>
#include <utility>

#include "lamina/tensor.h"

namespace lamina {

/// Returns the mean loss over all N K numbers; with weights (N,) of the examples, sum_i w_i l_i / sum_i w_i, where l_i
/// is the mean over example i. Unless dx is null, writes the gradient of x to *dx, resized to (N, K). Throws
/// std::invalid_argument unless t is of x's shape and between 0 and 1, N, K > 0, and weights are not negative and not
/// all 0.
template <class T>
double sigmoid_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t, Tensor<T>* dx,
                    std::span<const double> weights = {});
/// `auto [loss, dx] = sigmoid_loss(x, t);`
template <class T>
std::pair<double, Tensor<T>> sigmoid_loss(const TensorView<T>& x, const std::type_identity_t<TensorView<T>>& t);

}  // namespace lamina
