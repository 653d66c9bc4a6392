// The check of scores and labels that both loss layers share.
#pragma once

#include <span>
#include <string_view>

#include "lamina/check.h"
#include "lamina/tensor.h"

namespace lamina::detail {

/// Throws std::invalid_argument unless scores are (N, C) with N, C > 0 and y has N labels, each of 0 .. C - 1.
inline void check_labels(std::string_view where, const Shape& scores, std::span<const Label> y) {
  if (scores.rank() != 2) fail(where, "expected x of shape (N, C), got ", scores);
  const Index N = scores[0], C = scores[1];
  if (N == 0 || C == 0) fail(where, "expected at least one row of at least one score, got x ", scores);
  if (static_cast<Index>(y.size()) != N)
    fail(where, "expected y of ", N, " labels to match x ", scores, ", got ", y.size());
  for (Index i = 0; i < N; ++i) {
    const Label label = y[static_cast<std::size_t>(i)];
    if (label < 0 || label >= C)
      fail(where, "expected labels of 0 to ", C - 1, " to match x ", scores, ", got ", label, " in row ", i);
  }
}

}  // namespace lamina::detail
