// A layer's bias, which may be None.
#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include "lamina/tensor.h"
#include "python/bindings/arrays.h"

namespace lamina::python {

/// The b of an affine layer or a convolution, or none where Python gives None.
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

/// The gradient of the bias, or None if the layer has no bias.
template <class T>
py::object bias_gradient(Tensor<T>&& db, Type type) {
  if (db.rank() == 0) return py::none();
  return result(std::move(db), type);
}

}  // namespace lamina::python
