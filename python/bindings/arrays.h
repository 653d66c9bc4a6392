// NumPy arrays in, NumPy arrays out. An array that is contiguous, aligned, of the machine's byte order and of the type
// that is computed in is read where it lies; any other is copied. Results own their memory.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lamina/kernels/elementwise.h"
#include "lamina/tensor.h"

namespace lamina::python {

namespace py = pybind11;

/// The type of a result: what NumPy promotes the arguments' types to, but float64 where all are integers or bool.
/// float16 is computed in float32 and rounded at the end; types wider than float64 are computed, and stay, in it.
enum class Type { float16, float32, float64 };

/// `object` as an array, itself where it is one. TypeError unless its elements are bool, integers or real numbers.
py::array numbers(std::string_view where, std::string_view name, py::handle object);

/// The same for class numbers: TypeError unless they are integers, ValueError unless they have one axis. Numbers that
/// no Label can hold become the largest or -1.
std::vector<Label> labels(std::string_view where, std::string_view name, py::handle object);

/// Weights of examples, (N,); None gives none.
std::vector<double> weights_of(std::string_view where, py::handle object);

/// The type to which NumPy promotes these arrays.
Type promoted(std::initializer_list<const py::array*> arrays);
Type promoted(const std::vector<py::array>& arrays);

/// The lengths of an array's axes, of which a number by itself has none. ValueError for more than 6 axes.
Shape shape_of(std::string_view where, std::string_view name, const py::array& array);
/// "(2, 3)", for any number of axes.
std::string shape_text(const py::array& array);
std::string shape_text(const std::vector<py::ssize_t>& lengths);
std::vector<py::ssize_t> lengths(const py::array& array);
std::vector<py::ssize_t> lengths(const Shape& shape);

/// ValueError unless the array has these lengths: "[where] expected name of shape (3,) to match what, got (4,)".
void check_lengths(std::string_view where, std::string_view name, const py::array& array,
                   const std::vector<py::ssize_t>& expected, std::string_view what);

/// A number as NumPy's scalar of the type, such as np.float32(value).
py::object scalar(double value, Type type);

/// Calls f.operator()<T>() with the type that is computed in.
template <class F>
decltype(auto) with_type(Type type, F&& f) {
  if (type == Type::float64) return f.template operator()<double>();
  return f.template operator()<float>();
}

namespace detail {
/// `array` itself where an Input of the type may read it as it lies, else a converted copy.
py::array readable(const py::array& array, const py::dtype& type, int number);
/// `array` in the type.
py::array cast(const py::array& array, Type type);
}  // namespace detail

template <class T>
constexpr Type type_of() {
  return std::is_same_v<T, double> ? Type::float64 : Type::float32;
}

/// An argument as a tensor of T, alive while this lives. Made, copied and destroyed with the GIL held.
template <class T>
class Input {
 public:
  Input() = default;
  Input(std::string_view where, std::string_view name, const py::array& array)
      : Input(array, shape_of(where, name, array)) {}
  /// Under another shape of as many elements.
  Input(const py::array& array, const Shape& shape)
      : array_(detail::readable(
            array, py::dtype::of<T>(),
            std::is_same_v<T, double> ? py::detail::npy_api::NPY_DOUBLE_ : py::detail::npy_api::NPY_FLOAT_)),
        view_(const_cast<T*>(static_cast<const T*>(array_.data())), shape) {}

  operator const TensorView<T>&() const { return view_; }
  const TensorView<T>& view() const { return view_; }
  /// Whether it lies where the caller's array does.
  bool is(const py::array& array) const { return array_.ptr() == array.ptr(); }

 private:
  py::array array_;
  TensorView<T> view_;
};

/// All elements of an array as one axis: what elementwise layers take, so that any number of axes will do.
template <class T>
Input<T> flat(const py::array& array) {
  return Input<T>(array, Shape{array.size()});
}

/// A fresh array of one axis with these elements. (array_t(count, data) asks for dtype::itemsize(), see arrays.cc.)
template <class T>
py::array_t<T> row_of(std::span<const T> values) {
  return py::array_t<T>(std::vector<py::ssize_t>{static_cast<py::ssize_t>(values.size())}, values.data());
}

/// A copy, made by all threads.
template <class T>
Tensor<T> copied(const TensorView<T>& from) {
  Tensor<T> copy;
  copy.resize(from.shape());
  kernels::copy(from.size(), from.data(), copy.data());
  return copy;
}

/// A fresh array of `type` that has the tensor's memory, or a rounded or widened copy where T is another type.
template <class T>
py::array result(Tensor<T>&& tensor, Type type, const std::vector<py::ssize_t>& shape) {
  if (tensor.empty()) return detail::cast(py::array_t<T>(shape), type);
  auto kept = std::make_unique<Tensor<T>>(std::move(tensor));
  T* data = kept->data();
  const py::capsule owner(kept.get(), [](void* memory) { delete static_cast<Tensor<T>*>(memory); });
  kept.release();
  return detail::cast(py::array_t<T>(shape, data, owner), type);
}
template <class T>
py::array result(Tensor<T>&& tensor, Type type) {
  const std::vector<py::ssize_t> shape = lengths(tensor.shape());
  return result(std::move(tensor), type, shape);
}
/// In the shape of `like`.
template <class T>
py::array result(Tensor<T>&& tensor, Type type, const py::array& like) {
  return result(std::move(tensor), type, lengths(like));
}

}  // namespace lamina::python
