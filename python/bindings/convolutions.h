// What the bindings of convolutions share: conv_param, and a bias that may be None.
#pragma once

#include <optional>
#include <string_view>
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

/// A convolution's b, or none where Python gives None.
class Bias {
 public:
  Bias(std::string_view where, py::handle b) : where_(where) {
    if (!b.is_none()) array_ = numbers(where, "b", b);
  }

  /// b, or `x` without one: for promoted().
  const py::array* or_else(const py::array& x) const { return array_ ? &*array_ : &x; }
  template <class T>
  Input<T> input() const {
    return array_ ? Input<T>(where_, "b", *array_) : Input<T>();
  }

 private:
  std::string_view where_;
  std::optional<py::array> array_;
};

/// db, or None if the convolution has no bias.
template <class T>
py::object bias_gradient(Tensor<T>&& db, Type type) {
  if (db.rank() == 0) return py::none();
  return result(std::move(db), type);
}

}  // namespace lamina::python
