#include "lamina/io/stored_tensor.h"

#include <bit>
#include <cassert>
#include <cstring>
#include <type_traits>

#include "lamina/check.h"

namespace lamina {

static_assert(std::endian::native == std::endian::little, "files hold little-endian numbers");

template <class T>
Tensor<T> to_tensor(const StoredTensor& tensor) {
  return std::visit(
      [](const auto& t) {
        using From = typename std::decay_t<decltype(t)>::Scalar;
        Tensor<T> result;
        if constexpr (std::is_integral_v<T> && !std::is_same_v<T, From>) {
          fail("to_tensor", "expected elements of the integer type asked for, got another type");
        } else {
          result.resize(t.shape());
          for (Index i = 0; i < t.size(); ++i) result[i] = static_cast<T>(t[i]);
        }
        return result;
      },
      tensor);
}

std::string_view bytes_of(const StoredView& tensor) {
  return std::visit(
      [](const auto& t) {
        return std::string_view(reinterpret_cast<const char*>(t.data()),
                                static_cast<std::size_t>(t.size()) * sizeof(*t.data()));
      },
      tensor);
}

template <class T>
Tensor<T> tensor_from_bytes(const Shape& shape, std::string_view bytes) {
  assert(bytes.size() == static_cast<std::size_t>(shape.size()) * sizeof(T));
  Tensor<T> result;
  result.resize(shape);
  if (!bytes.empty()) std::memcpy(result.data(), bytes.data(), bytes.size());
  return result;
}

const StoredTensor* find_tensor(const std::vector<NamedStoredTensor>& tensors, std::string_view name) {
  for (const NamedStoredTensor& tensor : tensors)
    if (tensor.name == name) return &tensor.value;
  return nullptr;
}

std::string check_stored_shape(const std::vector<std::uint64_t>& lengths, std::uint64_t item_bytes, Shape& shape,
                               std::uint64_t& bytes) {
  if (lengths.size() > static_cast<std::size_t>(Shape::kMaxRank))
    return "expected at most 6 axes, got " + std::to_string(lengths.size());
  constexpr std::uint64_t kMost = std::uint64_t{1} << 60;
  std::vector<Index> axes;
  bytes = item_bytes;
  for (const std::uint64_t length : lengths) {
    if (length > kMost || __builtin_mul_overflow(bytes, length, &bytes) || bytes > kMost)
      return "expected a size below 2^60 bytes, got more";
    axes.push_back(static_cast<Index>(length));
  }
  if (axes.empty()) axes.push_back(1);
  shape = Shape(axes);
  return "";
}

std::string quoted_name(std::string_view name) {
  std::string text = "'";
  for (const char c : name.substr(0, 60)) text += c < 0x20 || c >= 0x7f ? '?' : c;
  return text + (name.size() > 60 ? "...'" : "'");
}

template Tensor<float> to_tensor(const StoredTensor&);
template Tensor<double> to_tensor(const StoredTensor&);
template Tensor<std::int64_t> to_tensor(const StoredTensor&);
template Tensor<std::uint8_t> to_tensor(const StoredTensor&);
template Tensor<float> tensor_from_bytes(const Shape&, std::string_view);
template Tensor<double> tensor_from_bytes(const Shape&, std::string_view);
template Tensor<std::int64_t> tensor_from_bytes(const Shape&, std::string_view);
template Tensor<std::uint8_t> tensor_from_bytes(const Shape&, std::string_view);

}  // namespace lamina
