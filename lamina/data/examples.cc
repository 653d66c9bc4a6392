#include "lamina/data/examples.h"

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>
#include <vector>

#include "lamina/check.h"

namespace lamina {
namespace {

Shape shape_of_one(const Shape& shape) {
  if (shape.rank() < 2) fail("Examples", "expected examples of shape (N, ...) with two or more axes, got ", shape);
  return Shape(std::span<const Index>(shape.begin() + 1, shape.end()));
}

Shape batch_shape(Index count, const Shape& example) {
  std::array<Index, Shape::kMaxRank> lengths{count};
  std::copy(example.begin(), example.end(), lengths.begin() + 1);
  return Shape(std::span<const Index>(lengths.data(), static_cast<std::size_t>(example.rank()) + 1));
}

template <class T>
const Tensor<T>& checked(const std::shared_ptr<const Tensor<T>>& examples) {
  if (!examples) fail("Examples", "expected a tensor of examples, got null");
  return *examples;
}

// Uniform between 1 - most, which counts as 0 if it is less, and 1 + most.
double factor_around_1(double most, RandomState& random) {
  const double least = std::max(0.0, 1 - most);
  return least + (1 + most - least) * random.rand();
}

}  // namespace

// The values of examples as floats, filled as they are asked for: doubles example by example, where each will be taken
// often; any other kind all at once, as soon as so many were converted one by one as there are.
class Examples::KeptFloats {
 public:
  explicit KeptFloats(double times) : times_(times) {}

  // All examples as floats, or null where they are not kept yet and are not worth it now, before `count` more of them
  // are taken: at the places `rows`, or one after the other where that is null.
  const float* all(const Examples& examples, const Index* rows, Index count) {
    const Index numbers = examples.size_ * examples.example_shape_.size();
    const bool soon = asked_ >= examples.size_ || (rows == nullptr && times_ > 1);
    if (!complete_ && soon && numbers * kFloat <= kMostBytes) {
      values_.resize(Shape{numbers});
      examples.convert(nullptr, 0, examples.size_, values_.data());
      complete_ = true;  // not before: a conversion that was stopped begins again
    }
    asked_ += count;
    return complete_ ? values_.data() : nullptr;
  }

  // Whether gather() should take these examples.
  bool keeps_rows(const Examples& examples) const {
    return !complete_ && examples.kind_ == Kind::doubles && times_ >= kOften &&
           examples.size_ * examples.example_shape_.size() * kFloat <= kMostBytesOfRows;
  }

  // The doubles of the given places, of which those that are not kept yet are converted and kept.
  void gather(const Examples& examples, std::span<const Index> rows, float* out) {
    const Index example = examples.example_shape_.size();
    values_.resize(Shape{examples.size_ * example});
    rows_.resize(static_cast<std::size_t>(examples.size_), Row::lacks);
    for (const std::size_t row : made_) rows_[row] = Row::lacks;  // of a call that was stopped
    how_.clear();
    made_.clear();
    for (const Index at : rows) {
      Row& row = rows_[static_cast<std::size_t>(at)];
      how_.push_back(row == Row::kept    ? kernels::Keep::from_kept
                     : row == Row::lacks ? kernels::Keep::make
                                         : kernels::Keep::none);
      if (row != Row::lacks) continue;
      row = Row::made;
      made_.push_back(static_cast<std::size_t>(at));
    }
    kernels::gather_and_keep(static_cast<Index>(rows.size()), example, static_cast<const double*>(examples.data_),
                             rows.data(), how_.data(), values_.data(), out);
    for (const std::size_t row : made_) rows_[row] = Row::kept;
    made_.clear();
  }

 private:
  enum class Row : std::uint8_t { lacks, made, kept };
  static constexpr Index kFloat = sizeof(float);
  // Random draws of 1.6 times as many examples as there are cost as much memory traffic with keeping as without.
  static constexpr double kOften = 2;
  static constexpr Index kMostBytes = Index{1} << 24, kMostBytesOfRows = Index{1} << 26;

  double times_;
  Tensor<float> values_;
  bool complete_ = false;
  Index asked_ = 0;
  std::vector<Row> rows_;
  std::vector<kernels::Keep> how_;
  std::vector<std::size_t> made_;
};

Examples::Examples(Kind kind, const void* data, std::shared_ptr<const void> owner, const Shape& shape)
    : kind_(kind), data_(data), owner_(std::move(owner)), size_(0), example_shape_(shape_of_one(shape)) {
  size_ = shape[0];
}

Examples::Examples(std::shared_ptr<const Tensor<std::uint8_t>> bytes, std::shared_ptr<const Tensor<double>> mean)
    : Examples(Kind::bytes, checked(bytes).data(), bytes, checked(bytes).shape()) {
  if (mean) check_shape("Examples", "mean", mean->shape(), example_shape_, "one example");
  mean_ = std::move(mean);
}

Examples::Examples(std::shared_ptr<const Tensor<float>> numbers)
    : Examples(Kind::floats, checked(numbers).data(), numbers, checked(numbers).shape()) {}
Examples::Examples(std::shared_ptr<const Tensor<double>> numbers)
    : Examples(Kind::doubles, checked(numbers).data(), numbers, checked(numbers).shape()) {}
Examples::Examples(Tensor<float> numbers) : Examples(std::make_shared<const Tensor<float>>(std::move(numbers))) {}
Examples::Examples(Tensor<double> numbers) : Examples(std::make_shared<const Tensor<double>>(std::move(numbers))) {}

Examples Examples::view(const TensorView<std::uint8_t>& bytes) {
  return {Kind::bytes, bytes.data(), nullptr, bytes.shape()};
}
Examples Examples::view(const TensorView<float>& numbers) {
  return {Kind::floats, numbers.data(), nullptr, numbers.shape()};
}
Examples Examples::view(const TensorView<double>& numbers) {
  return {Kind::doubles, numbers.data(), nullptr, numbers.shape()};
}

Examples Examples::first(Index n) const {
  if (n < 0) fail("Examples::first", "expected a number of 0 or more, got ", n);
  Examples some = *this;
  some.size_ = std::min(n, size_);
  some.kept_ = nullptr;
  return some;
}

Examples Examples::with_mean(std::shared_ptr<const Tensor<double>> mean) const {
  if (mean) check_shape("Examples::with_mean", "mean", mean->shape(), example_shape_, "one example");
  Examples other = *this;
  other.kept_ = nullptr;
  if (kind_ == Kind::bytes) other.mean_ = std::move(mean);
  return other;
}

Examples Examples::keeping_floats(double times) const {
  Examples other = *this;
  other.kept_ = kind_ == Kind::floats ? nullptr : std::make_shared<KeptFloats>(times);
  return other;
}

// Calls body with a pointer to the bytes, floats or doubles.
template <class Body>
void Examples::with_data(Body&& body) const {
  if (data_ == nullptr) return;
  switch (kind_) {
    case Kind::bytes:
      return body(static_cast<const std::uint8_t*>(data_));
    case Kind::floats:
      return body(static_cast<const float*>(data_));
    case Kind::doubles:
      return body(static_cast<const double*>(data_));
  }
}

template <class T>
const T* Examples::in_place() const {
  return kind_ == (std::is_same_v<T, float> ? Kind::floats : Kind::doubles) ? static_cast<const T*>(data_) : nullptr;
}

// The examples at `rows`, or where that is null those from `first` on.
template <class T>
void Examples::convert(const Index* rows, Index first, Index count, T* out) const {
  const Index example = example_shape_.size();
  with_data([&]<class From>(const From* data) {
    data += first * example;
    if constexpr (std::is_same_v<From, std::uint8_t>)
      kernels::gather_bytes(count, example, data, rows, mean_ ? mean_->data() : nullptr, out);
    else
      kernels::gather_numbers(count, example, data, rows, out);
  });
}

void Examples::check_rows(std::span<const Index> rows) const {
  for (const Index row : rows)
    if (row < 0 || row >= size_) fail("Examples::gather", "expected rows of 0 to ", size_ - 1, ", got ", row);
}

void Examples::check_range(const char* where, Index first, Index count) const {
  if (first < 0 || count < 0 || first > size_ - count)
    fail(where, "expected a range within 0 to ", size_, ", got ", count, " from ", first, " on");
}

template <class T>
void Examples::gather(std::span<const Index> rows, Tensor<T>& out) const {
  check_rows(rows);
  const Index count = static_cast<Index>(rows.size());
  out.resize(batch_shape(count, example_shape_));
  if constexpr (std::is_same_v<T, float>) {
    if (kept_ && kept_->keeps_rows(*this)) return kept_->gather(*this, rows, out.data());
    if (const float* all = kept_ ? kept_->all(*this, rows.data(), count) : nullptr)
      return kernels::gather_numbers(count, example_shape_.size(), all, rows.data(), out.data());
  }
  convert(rows.data(), 0, count, out.data());
}

template <class T>
void Examples::gather(std::span<const Index> rows, std::span<const kernels::Move> moves, Tensor<T>& out) const {
  if (example_shape_.rank() != 3) fail("Examples::gather", "expected images (C, H, W) to move, got ", example_shape_);
  if (moves.size() != rows.size())
    fail("Examples::gather", "expected one move for each of ", rows.size(), " rows, got ", moves.size());
  if (!are_bytes() && std::any_of(moves.begin(), moves.end(), [](const kernels::Move& m) { return m.recolours(); }))
    fail("Examples::gather", "expected bytes to change their brightness or contrast, got numbers");
  check_rows(rows);
  const Index count = static_cast<Index>(rows.size());
  out.resize(batch_shape(count, example_shape_));
  const Index C = example_shape_[0], H = example_shape_[1], W = example_shape_[2];
  with_data([&]<class From>(const From* data) {
    if constexpr (std::is_same_v<From, std::uint8_t>)
      kernels::gather_moved_bytes(count, C, H, W, data, rows.data(), moves.data(), mean_ ? mean_->data() : nullptr,
                                  out.data());
    else
      kernels::gather_moved_numbers(count, C, H, W, data, rows.data(), moves.data(), out.data());
  });
}

template <class T>
void Examples::slice(Index first, Index count, Tensor<T>& out) const {
  check_range("Examples::slice", first, count);
  out.resize(batch_shape(count, example_shape_));
  convert<T>(nullptr, first, count, out.data());
}

template <class T>
TensorView<T> Examples::range(Index first, Index count, Tensor<T>& memory) const {
  check_range("Examples::range", first, count);
  const T* all = in_place<T>();
  if constexpr (std::is_same_v<T, float>)
    if (kept_) all = kept_->all(*this, nullptr, count);
  // Whoever gets the view only reads it.
  if (all != nullptr) return {const_cast<T*>(all) + first * example_shape_.size(), batch_shape(count, example_shape_)};
  memory.resize(batch_shape(count, example_shape_));
  convert<T>(nullptr, first, count, memory.data());
  return memory;
}

void draw_moves(const Augmentation& augmentation, const Shape& image, RandomState& random,
                std::span<kernels::Move> moves) {
  const Index shift = augmentation.max_shift, side = augmentation.cutout;
  for (kernels::Move& move : moves) {
    move = {.reflect = augmentation.reflect};
    if (augmentation.mirror) move.mirror = random.rand() < 0.5;
    if (shift > 0) {
      move.dy = static_cast<std::int32_t>(random.randint(2 * shift + 1) - shift);
      move.dx = static_cast<std::int32_t>(random.randint(2 * shift + 1) - shift);
    }
    if (side > 0) {
      move.hole = static_cast<std::int32_t>(side);
      move.hole_y = static_cast<std::int32_t>(random.randint(image[1]) - side / 2);
      move.hole_x = static_cast<std::int32_t>(random.randint(image[2]) - side / 2);
    }
    if (augmentation.brightness > 0) move.brightness = factor_around_1(augmentation.brightness, random);
    if (augmentation.contrast > 0) move.contrast = factor_around_1(augmentation.contrast, random);
  }
}

template void Examples::gather(std::span<const Index>, Tensor<float>&) const;
template void Examples::gather(std::span<const Index>, Tensor<double>&) const;
template void Examples::gather(std::span<const Index>, std::span<const kernels::Move>, Tensor<float>&) const;
template void Examples::gather(std::span<const Index>, std::span<const kernels::Move>, Tensor<double>&) const;
template void Examples::slice(Index, Index, Tensor<float>&) const;
template void Examples::slice(Index, Index, Tensor<double>&) const;
template TensorView<float> Examples::range(Index, Index, Tensor<float>&) const;
template TensorView<double> Examples::range(Index, Index, Tensor<double>&) const;

}  // namespace lamina
