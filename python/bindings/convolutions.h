// What the bindings of convolutions share: conv_param.
#pragma once

#include <utility>

#include "lamina/layers/conv.h"
#include "python/bindings/arrays.h"

namespace lamina::python {

/// conv_param from what _arguments.convolution gives: (height, width) of stride, pad and dilation, and the groups.
inline ConvParam conv_param(const py::tuple& settings) {
  const auto sides = [](const py::handle& pair) {
    const auto [height, width] = pair.cast<std::pair<Index, Index>>();
    return Sides(height, width);
  };
  return {.stride = sides(settings[0]),
          .pad = sides(settings[1]),
          .dilation = sides(settings[2]),
          .groups = settings[3].cast<Index>()};
}

}  // namespace lamina::python
