// What the nets' sources share: checks of their options, lines of their summaries.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "lamina/check.h"
#include "lamina/layers/batchnorm.h"
#include "lamina/layers/precision.h"
#include "lamina/nets/net.h"

namespace lamina::detail {

inline void check_size(std::string_view where, std::string_view name, Index size) {
  if (size < 1) fail(where, "expected ", name, " of at least 1, got ", size);
}

inline void check_common_options(std::string_view where, Index num_classes, double weight_scale, double reg) {
  check_size(where, "num_classes", num_classes);
  if (!std::isfinite(weight_scale) || weight_scale < 0)
    fail(where, "expected a finite weight_scale of at least 0, got ", weight_scale);
  if (!std::isfinite(reg) || reg < 0) fail(where, "expected a finite reg of at least 0, got ", reg);
}

inline void check_image_dims(std::string_view where, const Shape& input_dim) {
  if (input_dim.rank() != 3 || input_dim.size() == 0)
    fail(where, "expected input_dim (C, H, W), each at least 1, got ", input_dim);
}

/// Odd, so that a pad of (k - 1) / 2 keeps an image's size.
inline void check_filter_size(std::string_view where, std::string_view name, Index k) {
  if (k < 1 || k % 2 == 0) fail(where, "expected ", name, " to be odd and at least 1, got ", k);
}

/// Adds W (shape) and b to a layout. Throws where a net becomes too large for any computer at hand.
inline void add_weights(std::string_view where, ParameterLayout& layout, const std::string& W, const Shape& shape,
                        const std::string& b, Index outputs) {
  constexpr Index limit = Index{1} << 33;
  layout.emplace_back(W, shape);
  layout.emplace_back(b, Shape{outputs});
  Index total = 0;
  for (const auto& entry : layout) {
    if (entry.second.size() > limit - total)
      fail(where, "expected at most ", limit, " parameters, got ", entry.first, " of shape ", entry.second);
    total += entry.second.size();
  }
}

/// Throws unless X is (N, ...) with `input_dim` values an example.
template <class T>
void check_examples(std::string_view where, const TensorView<T>& X, Index input_dim) {
  double values = 1;  // double: shapes with an empty axis may have long others
  for (int axis = 1; axis < X.rank(); ++axis) values *= static_cast<double>(X.dim(axis));
  if (X.rank() == 0 || values != static_cast<double>(input_dim))
    fail(where, "expected X of shape (N, ...) with ", input_dim, " values an example, got ", X.shape());
}

/// Throws unless X is (N, C, H, W) with input_dim = (C, H, W).
template <class T>
void check_images(std::string_view where, const TensorView<T>& X, const Shape& input_dim) {
  if (X.rank() != 4 || !std::equal(input_dim.begin(), input_dim.end(), X.shape().begin() + 1))
    fail(where, "expected X of shape (N, ", input_dim[0], ", ", input_dim[1], ", ", input_dim[2], "), got ", X.shape());
}

template <class T>
std::string title(std::string_view net, Precision precision) {
  return std::string(net) + (std::is_same_v<T, float> ? ", float32" : ", float64") +
         (precision == Precision::bf16 ? ", products in bf16" : "");
}

/// The precision of a net's copy in U.
template <class U>
Precision precision_in(Precision precision) {
  return std::is_same_v<U, float> ? precision : Precision::full;
}

/// Takes over running averages, momentum and eps from a layer of another precision.
template <class T, class U>
void copy_bn_param(const BatchNormParam<T>& from, BatchNormParam<U>& to) {
  const auto copy = [](const Tensor<T>& x, Tensor<U>& y) {
    y.resize(x.shape());
    std::transform(x.begin(), x.end(), y.begin(), [](T value) { return static_cast<U>(value); });
  };
  copy(from.running_mean, to.running_mean);
  copy(from.running_var, to.running_var);
  to.momentum = from.momentum;
  to.eps = from.eps;
}

inline std::string conv_name(Index F, Index k, Index stride) {
  const std::string size = std::to_string(k);
  return "conv " + size + "x" + size + ", " + std::to_string(F) + (F == 1 ? " filter" : " filters") + ", stride " +
         std::to_string(stride);
}

/// An affine layer (D, M); the first layer of a net needs no gradient of its input.
inline LayerSummary affine_summary(std::string name, std::string parameters, Index D, Index M, bool first) {
  const double product = 2.0 * static_cast<double>(D) * static_cast<double>(M);
  return {std::move(name), std::move(parameters), Shape{M}, D * M + M, (first ? 2 : 3) * product, M};
}

/// A convolution of C channels with k x k filters to `output` (F, OH, OW).
inline LayerSummary conv_summary(std::string name, std::string parameters, Index C, Index k, const Shape& output,
                                 bool first) {
  const Index F = output[0];
  const double product = 2.0 * static_cast<double>(output.size()) * static_cast<double>(C * k * k);
  return {std::move(name), std::move(parameters), output, F * C * k * k + F, (first ? 2 : 3) * product, output.size()};
}

}  // namespace lamina::detail
