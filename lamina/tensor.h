// The tensor: aligned, contiguous, row-major memory with a shape, and a view of such memory. No maths.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "lamina/memory.h"

namespace lamina {

/// Sizes, strides and positions, in elements.
using Index = std::int64_t;

/// A class number, 0 to C - 1.
using Label = std::int32_t;

/// Order of a batch of images in memory: (N, C, H, W), the public one, or channels last, (N, H, W, C).
enum class Layout { nchw, nhwc };

/// The lengths of a tensor's axes, at most 6 of them. A default-made shape has rank 0 and size 0.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<Index> lengths) : Shape(std::span<const Index>(lengths.begin(), lengths.size())) {}
  /// Throws std::invalid_argument for more than 6 axes, a negative length, or a size beyond 2^58 elements.
  explicit Shape(std::span<const Index> lengths);

  int rank() const { return rank_; }
  /// The length of an axis, 0 <= axis < rank().
  Index operator[](int axis) const {
    assert(axis >= 0 && axis < rank_);
    return lengths_[static_cast<std::size_t>(axis)];
  }
  /// Number of elements; 0 for a default-made shape.
  Index size() const { return size_; }
  const Index* begin() const { return lengths_.data(); }
  const Index* end() const { return lengths_.data() + rank_; }

  bool operator==(const Shape& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

  /// As Python prints it: "(32, 3, 32, 32)", "(5,)", "()".
  std::string to_string() const;

 private:
  std::array<Index, kMaxRank> lengths_{};
  int rank_ = 0;
  Index size_ = 0;
};

/// Row-major elements that somebody else owns. Cheap to copy; copies share the memory.
/// Functions take inputs as `const TensorView<T>&`, and a Tensor<T> is one. The `const` protects against writing by
/// mistake only: a copy of a const view can be written to.
template <class T>
class TensorView {
 public:
  using Scalar = T;

  TensorView() = default;
  /// `data` points at shape.size() elements, which must outlive the view.
  TensorView(T* data, const Shape& shape) : data_(data), shape_(shape) {}

  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  Index dim(int axis) const { return shape_[axis]; }
  Index size() const { return shape_.size(); }
  bool empty() const { return size() == 0; }

  T* data() { return data_; }
  const T* data() const { return data_; }
  T* begin() { return data_; }
  T* end() { return data_ + size(); }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size(); }
  std::span<T> flat() { return {data_, static_cast<std::size_t>(size())}; }
  std::span<const T> flat() const { return {data_, static_cast<std::size_t>(size())}; }

  /// The i-th element in memory order.
  T& operator[](Index i) {
    assert(i >= 0 && i < size());
    return data_[i];
  }
  const T& operator[](Index i) const {
    assert(i >= 0 && i < size());
    return data_[i];
  }
  /// The element at the given indices, one for each axis: v(n, c, h, w).
  template <class... I>
  T& operator()(I... index) {
    return data_[offset(index...)];
  }
  template <class... I>
  const T& operator()(I... index) const {
    return data_[offset(index...)];
  }

  /// The same memory under another shape of the same size.
  TensorView reshaped(const Shape& shape) const {
    assert(shape.size() == size());
    return TensorView(data_, shape);
  }
  /// `count` entries of the leading axis from `first` on.
  TensorView rows(Index first, Index count) const;

  void fill(T value) { std::fill(begin(), end(), value); }

 protected:
  template <class... I>
  Index offset(I... index) const {
    assert(static_cast<int>(sizeof...(I)) == rank());
    Index at = 0;
    int axis = 0;
    ((assert(index >= 0 && static_cast<Index>(index) < shape_[axis]),
      at = at * shape_[axis] + static_cast<Index>(index), ++axis),
     ...);
    return at;
  }

  T* data_ = nullptr;
  Shape shape_;
};

/// A tensor that owns its memory, aligned to 64 bytes. Copies are deep.
template <class T>
class Tensor : public TensorView<T> {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  static constexpr std::size_t kAlignment = 64;

  Tensor() = default;
  /// Zeros.
  explicit Tensor(const Shape& shape) {
    resize(shape);
    this->fill(T{});
  }
  Tensor(const Shape& shape, T value) {
    resize(shape);
    this->fill(value);
  }
  /// A copy of `values`, in row-major order; their number must be the shape's size.
  Tensor(const Shape& shape, std::span<const T> values) {
    assert(static_cast<Index>(values.size()) == shape.size());
    resize(shape);
    std::copy(values.begin(), values.end(), this->begin());
  }
  explicit Tensor(const TensorView<T>& view) { assign(view); }
  Tensor(const Tensor& other) : TensorView<T>() { assign(other); }
  Tensor(Tensor&& other) noexcept { swap(other); }
  Tensor& operator=(const Tensor& other) {
    if (this != &other) assign(other);
    return *this;
  }
  Tensor& operator=(Tensor&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Tensor() = default;

  /// Changes the shape. The memory is kept if it is large enough. Afterwards the elements are unspecified.
  void resize(const Shape& shape) {
    if (shape.size() > capacity_) {
      const detail::Memory memory = detail::allocate(static_cast<std::size_t>(shape.size()) * sizeof(T));
      memory_ = {static_cast<T*>(memory.start), Free{memory.bytes}};
      capacity_ = shape.size();
      this->data_ = memory_.get();
    }
    this->shape_ = shape;
  }
  /// Gives the same elements another shape of the same size.
  void reshape(const Shape& shape) {
    assert(shape.size() == this->size());
    this->shape_ = shape;
  }
  /// Takes the shape and a copy of the elements of `view`.
  void assign(const TensorView<T>& view) {
    resize(view.shape());
    std::copy(view.begin(), view.end(), this->begin());
  }
  void swap(Tensor& other) noexcept {
    std::swap(this->data_, other.data_);
    std::swap(this->shape_, other.shape_);
    std::swap(memory_, other.memory_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  struct Free {
    std::size_t bytes = 0;
    void operator()(T* p) const { detail::give_back({p, bytes}); }
  };
  std::unique_ptr<T, Free> memory_;
  Index capacity_ = 0;
};

template <class T>
TensorView<T> TensorView<T>::rows(Index first, Index count) const {
  assert(rank() >= 1 && first >= 0 && count >= 0 && first + count <= dim(0));
  std::array<Index, Shape::kMaxRank> lengths{};
  std::copy(shape_.begin(), shape_.end(), lengths.begin());
  lengths[0] = count;
  const Index row = dim(0) == 0 ? 0 : size() / dim(0);
  return TensorView(data_ + first * row,
                    Shape(std::span<const Index>(lengths.data(), static_cast<std::size_t>(rank()))));
}

}  // namespace lamina
