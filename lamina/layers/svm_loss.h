// Multiclass hinge loss (Weston and Watkins, 1999): L = 1/N sum_i sum_{j != y_i} max(0, x_ij - x_i[y_i] + 1).
// With weights w_i of the examples, 1/N becomes w_i / sum w.
#pragma once

#include <span>
#include <utility>

#include "lamina/tensor.h"

namespace lamina {

/// Returns the mean loss over the N rows of x (N, C). Unless dx is null, writes the gradient of x to *dx, resized to
/// (N, C). With weights (N,) the mean is weighted. Throws std::invalid_argument unless y has N labels, each of
/// 0 .. C - 1, N > 0, and weights are not negative.
template <class T>
double svm_loss(const TensorView<T>& x, std::span<const Label> y, Tensor<T>* dx, std::span<const double> weights = {});
template <class T>
std::pair<double, Tensor<T>> svm_loss(const TensorView<T>& x, std::span<const Label> y);

}  // namespace lamina
