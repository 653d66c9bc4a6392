// Softmax (cross-entropy) loss: L = -1/N sum_i log p_i[y_i], p_i = softmax of the scores x_i (N, C).
//   dx = (p - onehot(y)) / N
// With label smoothing s (Szegedy et al., 2016) onehot(y) becomes q = (1 - s) onehot(y) + s / C:
//   L = -1/N sum_i sum_j q_ij log p_ij,  dx = (p - q) / N
// With weights w_i of the examples, 1/N becomes w_i / sum w.
#pragma once

#include <span>
#include <utility>

#include "lamina/tensor.h"

namespace lamina {

/// Returns the mean loss over the N rows of x (N, C). Unless dx is null, writes the gradient of x to *dx, resized to
/// (N, C). With weights (N,) the mean is weighted. Throws std::invalid_argument unless y has N labels, each of
/// 0 .. C - 1, N > 0, 0 <= label_smoothing < 1, and weights are not negative.
template <class T>
double softmax_loss(const TensorView<T>& x, std::span<const Label> y, Tensor<T>* dx, double label_smoothing = 0,
                    std::span<const double> weights = {});
/// `auto [loss, dx] = softmax_loss(x, y);`
template <class T>
std::pair<double, Tensor<T>> softmax_loss(const TensorView<T>& x, std::span<const Label> y);

/// Writes the softmax of each row of scores x (N, C), its probabilities, to `out`, resized to (N, C).
template <class T>
void softmax(const TensorView<T>& x, Tensor<T>& out);

}  // namespace lamina
