// The checks of scores, targets and weights that the loss layers share.
#pragma once

#include <cmath>
#include <span>
#include <string_view>

#include "lamina/check.h"
#include "lamina/kernels/row_weights.h"
#include "lamina/tensor.h"

namespace lamina::detail {

/// Throws std::invalid_argument unless x has the shape (N, K) with N, K > 0.
inline void check_scores(std::string_view where, const Shape& x, const char* shape) {
  if (x.rank() != 2) fail(where, "expected x of shape ", shape, ", got ", x);
  if (x[0] == 0 || x[1] == 0) fail(where, "expected at least one row of at least one score, got x ", x);
}

/// Throws std::invalid_argument unless scores are (N, C) with N, C > 0 and y has N labels, each of 0 .. C - 1.
inline void check_labels(std::string_view where, const Shape& scores, std::span<const Label> y) {
  check_scores(where, scores, "(N, C)");
  const Index N = scores[0], C = scores[1];
  if (static_cast<Index>(y.size()) != N)
    fail(where, "expected y of ", N, " labels to match x ", scores, ", got ", y.size());
  for (Index i = 0; i < N; ++i) {
    const Label label = y[static_cast<std::size_t>(i)];
    if (label < 0 || label >= C)
      fail(where, "expected labels of 0 to ", C - 1, " to match x ", scores, ", got ", label, " in row ", i);
  }
}

/// What each of N examples weighs; all 1 if there are no weights. If all weigh 0, the loss and its gradient are 0.
/// Throws std::invalid_argument unless there are none or N, which are finite and not negative.
inline kernels::RowWeights check_weights(std::string_view where, Index N, std::span<const double> weights) {
  if (weights.empty()) return {nullptr, static_cast<double>(N)};
  if (static_cast<Index>(weights.size()) != N)
    fail(where, "expected weights of ", N, " examples, got ", weights.size());
  double total = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0 && std::isfinite(weights[i])))
      fail(where, "expected weights of at least 0, got ", weights[i], " in row ", i);
    total += weights[i];
  }
  if (!std::isfinite(total)) fail(where, "expected weights with a finite sum, got ", total);
  return {weights.data(), total > 0 ? total : 1};
}

/// A loss of scores x and numbers t of the same shape (N, K): kernel(N, K, x, t, dx, weights) divided by K and by the
/// sum of the weights. Throws std::invalid_argument if the shapes or the weights are not right.
template <class T, class Kernel>
double loss_of_numbers(std::string_view where, const TensorView<T>& x, const TensorView<T>& t, Tensor<T>* dx,
                       std::span<const double> weights, Kernel&& kernel) {
  check_scores(where, x.shape(), "(N, K)");
  check_shape(where, "t", t.shape(), x.shape(), "x");
  const Index N = x.dim(0), K = x.dim(1);
  const kernels::RowWeights rows = check_weights(where, N, weights);
  const T* scores = x.data();  // dx may be the tensor that x views
  if (dx) dx->resize({N, K});
  return kernel(N, K, scores, t.data(), dx ? dx->data() : nullptr, rows) / (rows.total * static_cast<double>(K));
}

}  // namespace lamina::detail
