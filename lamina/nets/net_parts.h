// What the course's nets share: checks of their options.
#pragma once

#include <cmath>
#include <string_view>

#include "lamina/check.h"
#include "lamina/nets/block_text.h"
#include "lamina/tensor.h"

namespace lamina::detail {

inline void check_size(std::string_view where, std::string_view name, Index size) {
  if (size < 1) fail(where, "expected ", name, " of at least 1, got ", size);
}

/// Checks the options that all of the course's nets have.
template <class Options>
void check_common_options(std::string_view where, const Options& options) {
  check_size(where, "num_classes", options.num_classes);
  if (!std::isfinite(options.weight_scale) || options.weight_scale < 0)
    fail(where, "expected a finite weight_scale of at least 0, got ", options.weight_scale);
  if (!std::isfinite(options.reg) || options.reg < 0)
    fail(where, "expected a finite reg of at least 0, got ", options.reg);
}

inline void check_image_dims(std::string_view where, const Shape& input_dim) {
  if (input_dim.rank() != 3 || input_dim.size() == 0)
    fail(where, "expected input_dim (C, H, W), each at least 1, got ", input_dim);
}

/// Filter sizes must be odd, so that a pad of (k - 1) / 2 keeps an image's size.
inline void check_filter_size(std::string_view where, std::string_view name, Index k) {
  if (k < 1 || k % 2 == 0) fail(where, "expected ", name, " to be odd and at least 1, got ", k);
}

/// How the weights of one of the course's nets are initialized.
template <class Options>
Initial initial_of(const Options& options) {
  if (options.init == FirstWeights::normal) return Initial::scaled(options.weight_scale);
  return {options.init == FirstWeights::he ? Initial::Kind::he : Initial::Kind::xavier};
}

}  // namespace lamina::detail
