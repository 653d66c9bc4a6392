// Tensors as files hold them: of one of four types, by name.
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

/// The elements converted to T, each as a static_cast does it. Throws std::invalid_argument where T is an integer type
/// and the elements are not of that type.
template <class T>
Tensor<T> to_tensor(const StoredTensor& tensor);

/// The tensor's bytes, row-major.
std::string_view bytes_of(const StoredView& tensor);

/// A tensor with elements taken from `bytes`, of which there must be exactly as many as the shape needs.
template <class T>
Tensor<T> tensor_from_bytes(const Shape& shape, std::string_view bytes);

/// Looks a name up. Null where there is none.
const StoredTensor* find_tensor(const std::vector<NamedStoredTensor>& tensors, std::string_view name);

/// The shape and the number of bytes of a tensor in a file. Returns "", or what is wrong with the lengths: more
/// than Shape::kMaxRank axes, or a size that overflows. No axes at all mean one element, of shape (1,).
std::string check_stored_shape(const std::vector<std::uint64_t>& lengths, std::uint64_t item_bytes, Shape& shape,
                               std::uint64_t& bytes);

/// A name from a file, in quotes, fit to stand in one line of an error message: shortened, other bytes than printable
/// ASCII as '?'.
std::string quoted_name(std::string_view name);

}  // namespace lamina
