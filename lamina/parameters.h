// A dictionary of tensors: a net's parameters, or their gradients.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/check.h"
#include "lamina/tensor.h"

namespace lamina {

/// A view that shows the same memory for all its life: elements may be written, but it cannot be assigned another view.
template <class T>
class FixedView : public TensorView<T> {
 public:
  using TensorView<T>::TensorView;
  FixedView(const FixedView&) = default;
  FixedView& operator=(const FixedView&) = delete;
  FixedView& operator=(const TensorView<T>&) = delete;
};

/// Tensors by name, in the order in which they were listed: the notebooks' `model.params` and `grads`. They lie side by
/// side in one aligned buffer, each from a multiple of 64 bytes on, with gaps of zeros; or in somebody else's memory.
template <class T>
class Parameters {
 public:
  struct Entry {
    std::string name;
    FixedView<T> value;
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
      entries_.push_back({name, {buffer_.data() + at, shape}});
      at += (shape.size() + step - 1) / step * step;
    }
  }
  /// Tensors of the names and shapes of `like` in somebody else's memory, which must outlive them: tensor i begins at
  /// memory[i]. Throws std::invalid_argument unless there is one address a tensor.
  Parameters(const Parameters& like, std::span<T* const> memory) {
    if (memory.size() != like.size())
      fail("Parameters", "expected memory for ", like.size(), " tensors, got ", memory.size(), " addresses");
    entries_.reserve(memory.size());
    for (std::size_t i = 0; const Entry& entry : like)
      entries_.push_back({entry.name, {memory[i++], entry.value.shape()}});
  }
  /// A copy lies in memory of its own.
  Parameters(const Parameters& other) : Parameters(other.layout()) { copy_from(other); }
  Parameters(Parameters&&) noexcept = default;
  Parameters& operator=(const Parameters& other) {
    if (this != &other) *this = Parameters(other);
    return *this;
  }
  Parameters& operator=(Parameters&&) noexcept = default;
  ~Parameters() = default;

  /// The tensor of that name. Throws std::invalid_argument where there is none.
  FixedView<T>& operator[](std::string_view name) { return const_cast<Entry&>(find(name)).value; }
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

  /// All elements at once, gaps included. Throws std::invalid_argument where they lie in somebody else's memory.
  std::span<T> flat() {
    check_flat();
    return buffer_.flat();
  }
  std::span<const T> flat() const {
    check_flat();
    return buffer_.flat();
  }
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
    auto from = other.begin();
    for (Entry& entry : entries_) {
      std::copy(from->value.begin(), from->value.end(), entry.value.begin());
      ++from;
    }
  }

 private:
  void check_flat() const {
    if (buffer_.empty() && count() > 0)
      fail("Parameters", "expected tensors in one buffer, got some in memory of others");
  }
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
