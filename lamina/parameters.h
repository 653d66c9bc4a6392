// A dictionary of tensors in one flat buffer: a net's parameters, its gradients, an update rule's state.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/check.h"
#include "lamina/tensor.h"

namespace lamina {

/// Tensors by name, in the order in which they were listed, side by side in one aligned buffer (each starts at
/// a multiple of 64 bytes; the gaps are zero). The notebooks' `model.params` and `grads`.
template <class T>
class Parameters {
 public:
  struct Entry {
    std::string name;
    TensorView<T> value;
  };
  using Layout = std::vector<std::pair<std::string, Shape>>;

  Parameters() = default;
  /// All zeros. Throws std::invalid_argument where a name is given twice.
  explicit Parameters(const Layout& layout) {
    constexpr Index step = static_cast<Index>(Tensor<T>::kAlignment / sizeof(T));
    Index total = 0;
    for (const auto& entry : layout) total += (entry.second.size() + step - 1) / step * step;
    buffer_ = Tensor<T>(Shape{total});
    entries_.reserve(layout.size());
    Index at = 0;
    for (const auto& [name, shape] : layout) {
      if (contains(name)) fail("Parameters", "expected each name once, got '", name, "' twice");
      entries_.push_back({name, TensorView<T>(buffer_.data() + at, shape)});
      at += (shape.size() + step - 1) / step * step;
    }
  }
  Parameters(const Parameters& other) : Parameters(other.layout()) { copy_from(other); }
  Parameters(Parameters&&) noexcept = default;
  Parameters& operator=(const Parameters& other) {
    if (this != &other) *this = Parameters(other);
    return *this;
  }
  Parameters& operator=(Parameters&&) noexcept = default;
  ~Parameters() = default;

  /// The tensor of that name. Throws std::invalid_argument where there is none.
  TensorView<T>& operator[](std::string_view name) { return const_cast<Entry&>(find(name)).value; }
  const TensorView<T>& operator[](std::string_view name) const { return find(name).value; }
  bool contains(std::string_view name) const {
    for (const Entry& entry : entries_)
      if (entry.name == name) return true;
    return false;
  }

  /// Number of tensors.
  std::size_t size() const { return entries_.size(); }
  auto begin() { return entries_.begin(); }
  auto end() { return entries_.end(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

  /// All elements at once, gaps included: what an optimizer or a copy runs over.
  std::span<T> flat() { return buffer_.flat(); }
  std::span<const T> flat() const { return buffer_.flat(); }
  /// Number of elements without the gaps.
  Index count() const {
    Index n = 0;
    for (const Entry& entry : entries_) n += entry.value.size();
    return n;
  }
  /// Names and shapes.
  Layout layout() const {
    Layout result;
    for (const Entry& entry : entries_) result.emplace_back(entry.name, entry.value.shape());
    return result;
  }
  /// Copies the elements of `other`. Throws std::invalid_argument where it does not have the same names and shapes in
  /// the same order.
  void copy_from(const Parameters& other) {
    if (layout() != other.layout())
      fail("Parameters", "expected ", to_string(layout()), " to copy from, got ", to_string(other.layout()));
    std::copy(other.flat().begin(), other.flat().end(), buffer_.begin());
  }

 private:
  static std::string to_string(const Layout& layout) {
    std::string text;
    for (const auto& [name, shape] : layout) text += (text.empty() ? "" : ", ") + name + " " + shape.to_string();
    return text;
  }
  const Entry& find(std::string_view name) const {
    for (const Entry& entry : entries_)
      if (entry.name == name) return entry;
    std::string names;
    for (const Entry& entry : entries_) names += (names.empty() ? "" : ", ") + entry.name;
    fail("Parameters", "expected one of the names ", names, ", got '", name, "'");
  }

  Tensor<T> buffer_;
  std::vector<Entry> entries_;
};

}  // namespace lamina
