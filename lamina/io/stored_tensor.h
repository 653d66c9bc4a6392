// Named tensors of one of four types, as files hold them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// A tensor as it was read from a file.
using StoredTensor = std::variant<Tensor<float>, Tensor<double>, Tensor<std::int64_t>, Tensor<std::uint8_t>>;
/// A tensor to be written to a file.
using StoredView =
    std::variant<TensorView<float>, TensorView<double>, TensorView<std::int64_t>, TensorView<std::uint8_t>>;

struct NamedStoredTensor {
  std::string name;
  StoredTensor value;
};
struct NamedStoredView {
  std::string name;
  StoredView value;
};

inline const Shape& shape_of(const StoredTensor& tensor) {
  return std::visit([](const auto& t) -> const Shape& { return t.shape(); }, tensor);
}
inline const Shape& shape_of(const StoredView& tensor) {
  return std::visit([](const auto& t) -> const Shape& { return t.shape(); }, tensor);
}

/// The elements converted to T, each by a static_cast. Throws std::invalid_argument if T is an integer type and the
/// elements are not of that type.
template <class T>
Tensor<T> to_tensor(const StoredTensor& tensor);

/// The tensor's bytes, row-major.
std::string_view bytes_of(const StoredView& tensor);

/// A tensor whose elements are copied from `bytes`. There must be exactly as many bytes as the shape needs.
template <class T>
Tensor<T> tensor_from_bytes(const Shape& shape, std::string_view bytes);

/// The tensor of that name, or null.
const StoredTensor* find_tensor(const std::vector<NamedStoredTensor>& tensors, std::string_view name);

/// Sets `shape` and `bytes` to the shape and the number of bytes of a tensor in a file. Returns "", or what is wrong
/// with the lengths: more than Shape::kMaxRank axes, or a size that overflows. A tensor without axes has one element
/// and gets the shape (1,).
std::string check_stored_shape(const std::vector<std::uint64_t>& lengths, std::uint64_t item_bytes, Shape& shape,
                               std::uint64_t& bytes);

/// A name from a file, in quotes, for one line of an error message: long names are shortened, and bytes other than
/// printable ASCII become '?'.
std::string quoted_name(std::string_view name);

}  // namespace lamina
