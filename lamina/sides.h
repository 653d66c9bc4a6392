// A setting of a convolution that an image's height and width have each, such as the stride.
#pragma once

#include <string>

#include "lamina/tensor.h"

namespace lamina {

/// A number for the height and one for the width; a single number stands for both.
struct Sides {
  constexpr Sides(Index both) : h(both), w(both) {}  // NOLINT: implicit
  constexpr Sides(Index height, Index width) : h(height), w(width) {}

  Index h, w;

  bool operator==(const Sides&) const = default;
  /// "2", or "2x1" if they differ.
  std::string to_string() const { return h == w ? std::to_string(h) : std::to_string(h) + "x" + std::to_string(w); }
};

}  // namespace lamina
