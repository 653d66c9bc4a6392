#include "lamina/data/dataset.h"

#include <algorithm>
#include <span>

#include "lamina/check.h"
#include "lamina/kernels/gather.h"

namespace lamina {
namespace {

Shape shape_of_one(const Shape& shape) { return Shape(std::span<const Index>(shape.begin() + 1, shape.end())); }

template <class T>
std::shared_ptr<const Tensor<T>> shared(Tensor<T> tensor) {
  return std::make_shared<const Tensor<T>>(std::move(tensor));
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

Split Split::first(Index n) const {
  Split some = *this;
  some.X = X.first(n);
  const Index size = some.X.size();
  if (!y.empty()) some.y.resize(static_cast<std::size_t>(size));
  for (auto* numbers : {&some.targets, &some.weights})
    if (*numbers) *numbers = shared(Tensor<double>((*numbers)->rows(0, size)));
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
              {test.images.dim(0), train.images.dim(1), train.images.dim(2), train.images.dim(3)},
              "the training images");

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

}  // namespace lamina
