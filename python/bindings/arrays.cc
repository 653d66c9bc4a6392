#include "python/bindings/arrays.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "lamina/check.h"
#include "python/bindings/gil.h"

namespace lamina::python {
namespace {

using Api = py::detail::npy_api;

constexpr int kHalf = 23;  // NPY_HALF, which pybind11 does not name

// What a type asks of the type of a result that it goes into. Told by the type's number, as dtype::itemsize() of a
// pybind11 before 2.12 looks where NumPy 2 keeps something else.
Type needed(const py::dtype& type) {
  switch (type.num()) {
    case Api::NPY_BOOL_:
    case Api::NPY_BYTE_:
    case Api::NPY_UBYTE_:
    case kHalf:
      return Type::float16;
    case Api::NPY_SHORT_:
    case Api::NPY_USHORT_:
    case Api::NPY_FLOAT_:
      return Type::float32;
    default:
      return Type::float64;
  }
}

class Promotion {
 public:
  void add(const py::array& array) {
    const py::dtype dtype = array.dtype();
    type_ = std::max(type_, needed(dtype));
    real_ = real_ || dtype.kind() == 'f';
  }
  Type type() const { return real_ ? type_ : Type::float64; }

 private:
  Type type_ = Type::float16;
  bool real_ = false;
};

[[noreturn]] void not_numbers(std::string_view where, std::string_view name, std::string_view what, py::handle found) {
  throw py::type_error(
      lamina::detail::message(where, "expected ", name, " to be ", what, ", got ", py::str(found).cast<std::string>()));
}

py::array as_array(std::string_view where, std::string_view name, std::string_view what, py::handle object) {
  if (py::isinstance<py::array>(object)) return py::reinterpret_borrow<py::array>(object);
  py::array array = in_python([&] { return py::array::ensure(object); });
  if (!array) not_numbers(where, name, what, py::type::handle_of(object).attr("__name__"));
  return array;
}

}  // namespace

py::array numbers(std::string_view where, std::string_view name, py::handle object) {
  constexpr std::string_view what = "an array of real numbers";
  py::array array = as_array(where, name, what, object);
  const int number = array.dtype().num();
  if (number == Api::NPY_DOUBLE_ || number == Api::NPY_FLOAT_) return array;
  const char kind = array.dtype().kind();
  if (kind != 'f' && kind != 'i' && kind != 'u' && kind != 'b') {
    if (object.is_none()) not_numbers(where, name, what, py::str("None"));
    not_numbers(where, name, what, py::str("one of ") + py::str(array.dtype()));
  }
  return array;
}

std::vector<Label> labels(std::string_view where, std::string_view name, py::handle object) {
  constexpr std::string_view what = "an array of integers";
  const py::array array = as_array(where, name, what, object);
  const char kind = array.dtype().kind();
  if (kind != 'i' && kind != 'u') not_numbers(where, name, what, py::str("one of ") + py::str(array.dtype()));
  if (array.ndim() != 1) fail(where, "expected ", name, " of shape (N,), got ", shape_text(array));
  const py::array wide = detail::readable(array, py::dtype::of<std::int64_t>(), Api::NPY_INT64_);
  const auto* values = static_cast<const std::int64_t*>(wide.data());
  std::vector<Label> result(static_cast<std::size_t>(wide.size()));
  std::transform(values, values + wide.size(), result.begin(), [](std::int64_t value) {
    return static_cast<Label>(std::clamp<std::int64_t>(value, -1, std::numeric_limits<Label>::max()));
  });
  return result;
}

std::vector<double> weights_of(std::string_view where, py::handle object) {
  if (object.is_none()) return {};
  const py::array array = numbers(where, "weights", object);
  if (array.ndim() != 1) fail(where, "expected weights of shape (N,), got ", shape_text(array));
  const Input<double> weights(where, "weights", array);
  return {weights.view().begin(), weights.view().end()};
}

Type promoted(std::initializer_list<const py::array*> arrays) {
  Promotion promotion;
  for (const py::array* array : arrays) promotion.add(*array);
  return promotion.type();
}

Type promoted(const std::vector<py::array>& arrays) {
  Promotion promotion;
  for (const py::array& array : arrays) promotion.add(array);
  return promotion.type();
}

Shape shape_of(std::string_view where, std::string_view name, const py::array& array) {
  if (array.ndim() > Shape::kMaxRank)
    fail(where, "expected ", name, " of at most ", Shape::kMaxRank, " axes, got ", shape_text(array));
  std::array<Index, Shape::kMaxRank> axes{};
  std::copy_n(array.shape(), array.ndim(), axes.begin());
  return Shape(std::span<const Index>(axes.data(), static_cast<std::size_t>(array.ndim())));
}

void check_lengths(std::string_view where, std::string_view name, const py::array& array,
                   const std::vector<py::ssize_t>& expected, std::string_view what) {
  if (lengths(array) != expected)
    fail(where, "expected ", name, " of shape ", shape_text(expected), " to match ", what, ", got ", shape_text(array));
}

std::string shape_text(const std::vector<py::ssize_t>& lengths) {
  py::tuple shape(lengths.size());
  for (std::size_t i = 0; i < lengths.size(); ++i) shape[i] = lengths[i];
  return py::str(shape).cast<std::string>();
}

std::string shape_text(const py::array& array) { return py::str(array.attr("shape")).cast<std::string>(); }

std::vector<py::ssize_t> lengths(const py::array& array) { return {array.shape(), array.shape() + array.ndim()}; }

std::vector<py::ssize_t> lengths(const Shape& shape) { return {shape.begin(), shape.end()}; }

py::object scalar(double value, Type type) {
  static const std::array<py::handle, 3> kinds = [] {
    const py::module_ numpy = py::module_::import("numpy");
    return std::array<py::handle, 3>{numpy.attr("float16").cast<py::object>().release(),
                                     numpy.attr("float32").cast<py::object>().release(),
                                     numpy.attr("float64").cast<py::object>().release()};
  }();
  return kinds[static_cast<std::size_t>(type)](value);
}

py::array detail::readable(const py::array& array, const py::dtype& type, int number) {
  constexpr int kAligned = Api::NPY_ARRAY_C_CONTIGUOUS_ | Api::NPY_ARRAY_ALIGNED_;
  const py::dtype found = array.dtype();
  if (found.num() == number && (array.flags() & kAligned) == kAligned && found.byteorder() == '=') return array;
  PyObject* copy = in_python([&] {
    return Api::get().PyArray_FromAny_(array.ptr(), py::dtype(type).release().ptr(), 0, 0,
                                       kAligned | Api::NPY_ARRAY_FORCECAST_ | Api::NPY_ARRAY_ENSUREARRAY_, nullptr);
  });
  if (!copy) throw py::error_already_set();
  return py::reinterpret_steal<py::array>(copy);
}

py::array detail::cast(const py::array& array, Type type) {
  const Type found = needed(array.dtype());
  if (found == type) return array;
  constexpr const char* kNames[] = {"float16", "float32", "float64"};
  return call(array.attr("astype"), kNames[static_cast<int>(type)]);
}

}  // namespace lamina::python
