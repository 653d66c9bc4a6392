#include "lamina/data/dataset.h"

#include <algorithm>

#include "lamina/check.h"
#include "lamina/kernels/gather.h"

namespace lamina {
namespace {

Shape shape_of_one(const Shape& shape) {
  if (shape.rank() < 2) fail("Examples", "expected examples of shape (N, ...) with two or more axes, got ", shape);
  return Shape(std::span<const Index>(shape.begin() + 1, shape.end()));
}

template <class T>
Shape shape_of_one(const std::shared_ptr<const Tensor<T>>& examples) {
  if (!examples) fail("Examples", "expected a tensor of examples, got null");
  return shape_of_one(examples->shape());
}

template <class T>
std::shared_ptr<const Tensor<T>> shared(Tensor<T> tensor) {
  return std::make_shared<const Tensor<T>>(std::move(tensor));
}

Shape batch_shape(Index count, const Shape& example) {
  std::array<Index, Shape::kMaxRank> lengths{count};
  std::copy(example.begin(), example.end(), lengths.begin() + 1);
  return Shape(std::span<const Index>(lengths.data(), static_cast<std::size_t>(example.rank()) + 1));
}

// The number of validation images and of test images in the course's splits.
constexpr Index kHeldOut = 1000;

void check_images(const std::string& name, const char* what, const Tensor<std::uint8_t>& images,
                  const std::vector<Label>& labels, std::size_t classes) {
  if (images.rank() != 4)
    fail("split_dataset", "expected ", what, " images of shape (N, C, H, W), got ", images.shape());
  if (images.dim(0) != static_cast<Index>(labels.size()))
    fail("split_dataset", "expected one label for each of the ", images.dim(0), " ", what, " images of ", name,
         ", got ", labels.size());
  for (const Label label : labels)
    if (label < 0 || static_cast<std::size_t>(label) >= classes)
      fail("split_dataset", "expected ", what, " labels of 0 to ", classes - 1, " in ", name, ", got ", label);
}

}  // namespace

Examples::Examples(std::shared_ptr<const Tensor<std::uint8_t>> bytes, std::shared_ptr<const Tensor<double>> mean)
    : bytes_(std::move(bytes)), mean_(std::move(mean)), example_shape_(shape_of_one(bytes_)) {
  size_ = bytes_->dim(0);
  if (mean_) check_shape("Examples", "mean", mean_->shape(), example_shape_, "one example");
}

Examples::Examples(std::shared_ptr<const Tensor<float>> numbers)
    : floats_(std::move(numbers)), example_shape_(shape_of_one(floats_)) {
  size_ = floats_->dim(0);
}

Examples::Examples(std::shared_ptr<const Tensor<double>> numbers)
    : doubles_(std::move(numbers)), example_shape_(shape_of_one(doubles_)) {
  size_ = doubles_->dim(0);
}

Examples::Examples(Tensor<float> numbers) : Examples(shared(std::move(numbers))) {}
Examples::Examples(Tensor<double> numbers) : Examples(shared(std::move(numbers))) {}

Examples Examples::first(Index n) const {
  if (n < 0) fail("Examples::first", "expected a number of 0 or more, got ", n);
  Examples some = *this;
  some.size_ = std::min(n, size_);
  return some;
}

Examples Examples::with_mean(std::shared_ptr<const Tensor<double>> mean) const {
  if (mean) check_shape("Examples::with_mean", "mean", mean->shape(), example_shape_, "one example");
  Examples other = *this;
  if (bytes_) other.mean_ = std::move(mean);
  return other;
}

template <class T>
void Examples::gather(std::span<const Index> rows, Tensor<T>& out) const {
  for (const Index row : rows)
    if (row < 0 || row >= size_) fail("Examples::gather", "expected rows of 0 to ", size_ - 1, ", got ", row);
  const Index count = static_cast<Index>(rows.size());
  out.resize(batch_shape(count, example_shape_));
  const Index example = example_shape_.size();
  if (bytes_)
    kernels::gather_bytes(count, example, bytes_->data(), rows.data(), mean_ ? mean_->data() : nullptr, out.data());
  else if (floats_)
    kernels::gather_numbers(count, example, floats_->data(), rows.data(), out.data());
  else if (doubles_)
    kernels::gather_numbers(count, example, doubles_->data(), rows.data(), out.data());
}

template <class T>
void Examples::gather(std::span<const Index> rows, std::span<const kernels::Move> moves, Tensor<T>& out) const {
  if (example_shape_.rank() != 3) fail("Examples::gather", "expected images (C, H, W) to move, got ", example_shape_);
  if (moves.size() != rows.size())
    fail("Examples::gather", "expected one move for each of ", rows.size(), " rows, got ", moves.size());
  for (const Index row : rows)
    if (row < 0 || row >= size_) fail("Examples::gather", "expected rows of 0 to ", size_ - 1, ", got ", row);
  const Index count = static_cast<Index>(rows.size());
  out.resize(batch_shape(count, example_shape_));
  const Index C = example_shape_[0], H = example_shape_[1], W = example_shape_[2];
  if (bytes_)
    kernels::gather_moved_bytes(count, C, H, W, bytes_->data(), rows.data(), moves.data(),
                                mean_ ? mean_->data() : nullptr, out.data());
  else if (floats_)
    kernels::gather_moved_numbers(count, C, H, W, floats_->data(), rows.data(), moves.data(), out.data());
  else if (doubles_)
    kernels::gather_moved_numbers(count, C, H, W, doubles_->data(), rows.data(), moves.data(), out.data());
}

void draw_moves(const Augmentation& augmentation, RandomState& random, std::span<kernels::Move> moves) {
  const Index shift = augmentation.max_shift;
  for (kernels::Move& move : moves) {
    move = {};
    if (augmentation.mirror) move.mirror = random.rand() < 0.5;
    if (shift == 0) continue;
    move.dy = static_cast<std::int32_t>(random.randint(2 * shift + 1) - shift);
    move.dx = static_cast<std::int32_t>(random.randint(2 * shift + 1) - shift);
  }
}

template <class T>
void Examples::slice(Index first, Index count, Tensor<T>& out) const {
  if (first < 0 || count < 0 || first > size_ - count)
    fail("Examples::slice", "expected a range within 0 to ", size_, ", got ", count, " from ", first, " on");
  out.resize(batch_shape(count, example_shape_));
  const Index example = example_shape_.size(), skip = first * example;
  if (bytes_)
    kernels::gather_bytes(count, example, bytes_->data() + skip, nullptr, mean_ ? mean_->data() : nullptr, out.data());
  else if (floats_)
    kernels::gather_numbers(count, example, floats_->data() + skip, nullptr, out.data());
  else if (doubles_)
    kernels::gather_numbers(count, example, doubles_->data() + skip, nullptr, out.data());
}

Split Split::first(Index n) const {
  Split some{X.first(n), y};
  some.y.resize(static_cast<std::size_t>(some.X.size()));
  return some;
}

Tensor<double> mean_image(const TensorView<std::uint8_t>& images) {
  if (images.rank() < 2 || images.dim(0) == 0)
    fail("mean_image", "expected images of shape (N, ...) with N of 1 or more, got ", images.shape());
  Tensor<double> mean(shape_of_one(images.shape()));
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(mean.size()));
  kernels::sum_bytes(images.dim(0), mean.size(), images.data(), sums.data());
  for (Index j = 0; j < mean.size(); ++j)
    mean[j] = static_cast<double>(sums[static_cast<std::size_t>(j)]) / static_cast<double>(images.dim(0));
  return mean;
}

Dataset split_dataset(std::string name, std::vector<std::string> class_names, LabelledImages train,
                      LabelledImages test) {
  check_images(name, "training", train.images, train.labels, class_names.size());
  check_images(name, "test", test.images, test.labels, class_names.size());
  const Index total = train.images.dim(0);
  if (total < 2) fail("split_dataset", "expected 2 or more training images in ", name, ", got ", total);
  const Index num_val = total < 2 * kHeldOut ? std::max<Index>(1, total / 10) : kHeldOut;
  const Index num_train = total - num_val;
  if (test.images.dim(0) == 0) fail("split_dataset", "expected one or more test images in ", name, ", got none");
  check_shape("split_dataset", "test images", test.images.shape(),
              batch_shape(test.images.dim(0), shape_of_one(train.images.shape())), "the training images");

  Dataset data;
  data.name = std::move(name);
  data.class_names = std::move(class_names);
  data.mean = shared(mean_image(train.images.rows(0, num_train)));
  const auto cut = train.labels.begin() + num_train;
  const Index num_test = std::min(kHeldOut, test.images.dim(0));
  data.val = {Examples(shared(Tensor<std::uint8_t>(train.images.rows(num_train, num_val))), data.mean),
              std::vector<Label>(cut, train.labels.end())};
  data.test = {Examples(shared(Tensor<std::uint8_t>(test.images.rows(0, num_test))), data.mean),
               std::vector<Label>(test.labels.begin(), test.labels.begin() + num_test)};
  data.train = {Examples(shared(std::move(train.images)), data.mean).first(num_train),
                std::vector<Label>(train.labels.begin(), cut)};
  return data;
}

template void Examples::gather(std::span<const Index>, Tensor<float>&) const;
template void Examples::gather(std::span<const Index>, Tensor<double>&) const;
template void Examples::gather(std::span<const Index>, std::span<const kernels::Move>, Tensor<float>&) const;
template void Examples::gather(std::span<const Index>, std::span<const kernels::Move>, Tensor<double>&) const;
template void Examples::slice(Index, Index, Tensor<float>&) const;
template void Examples::slice(Index, Index, Tensor<double>&) const;

}  // namespace lamina
