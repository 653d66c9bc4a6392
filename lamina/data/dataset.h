// Labelled examples in memory, as bytes or as floating-point numbers, and mini-batches of them in the net's type.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lamina/kernels/gather.h"
#include "lamina/random.h"
#include "lamina/tensor.h"

namespace lamina {

/// N examples of one shape: bytes, from which a mean is subtracted, or float or double tensors. Cheap to copy; copies
/// share the memory.
class Examples {
 public:
  Examples() = default;
  /// uint8 images (N, C, H, W) and the mean image (C, H, W) to subtract (null: none).
  explicit Examples(std::shared_ptr<const Tensor<std::uint8_t>> bytes, std::shared_ptr<const Tensor<double>> mean = {});
  explicit Examples(std::shared_ptr<const Tensor<float>> numbers);
  explicit Examples(std::shared_ptr<const Tensor<double>> numbers);
  explicit Examples(Tensor<float> numbers);
  explicit Examples(Tensor<double> numbers);

  /// Number of examples.
  Index size() const { return size_; }
  /// Shape of one example.
  const Shape& example_shape() const { return example_shape_; }
  /// The first n examples, or all if there are fewer.
  Examples first(Index n) const;
  /// The same bytes with another mean image to subtract (null: none); numbers stay as they are. Throws
  /// std::invalid_argument if the mean does not have the shape of one example.
  Examples with_mean(std::shared_ptr<const Tensor<double>> mean) const;

  /// Writes the examples at the given positions, in that order, to `out`, which is resized to (rows.size(),
  /// ...example). Bytes become T(byte - mean), subtracted in double, as in the course's code.
  template <class T>
  void gather(std::span<const Index> rows, Tensor<T>& out) const;
  /// The same for `count` examples from `first` on.
  template <class T>
  void slice(Index first, Index count, Tensor<T>& out) const;
  /// The same for images (C, H, W), of which the i-th is moved by moves[i]. Pixels that come in from outside are 0,
  /// which stands for the mean. Throws std::invalid_argument if the examples are not images.
  template <class T>
  void gather(std::span<const Index> rows, std::span<const kernels::Move> moves, Tensor<T>& out) const;

 private:
  std::shared_ptr<const Tensor<std::uint8_t>> bytes_;
  std::shared_ptr<const Tensor<double>> mean_;
  std::shared_ptr<const Tensor<float>> floats_;
  std::shared_ptr<const Tensor<double>> doubles_;
  Index size_ = 0;
  Shape example_shape_;
};

/// Random changes of training images that do not change their class.
struct Augmentation {
  bool mirror = false;  ///< left and right are exchanged with probability 1/2
  Index max_shift = 0;  ///< images move by up to so many pixels in each direction; what comes in is the mean
  bool any() const { return mirror || max_shift > 0; }
};

/// Draws the elements of `moves` one after the other: for each, rand() < 0.5 if images are mirrored, then
/// randint(2 max_shift + 1) - max_shift for down and again for right if they are shifted.
void draw_moves(const Augmentation& augmentation, RandomState& random, std::span<kernels::Move> moves);

/// Examples X and their labels y.
struct Split {
  Examples X;
  std::vector<Label> y;
  Index size() const { return X.size(); }
  Split first(Index n) const;
};

/// A data set as Solver, evaluation and prediction use it.
struct Dataset {
  std::string name;  ///< "CIFAR-10"
  std::vector<std::string> class_names;
  Split train, val, test;
  std::shared_ptr<const Tensor<double>> mean;  ///< mean image of the whole training split, (C, H, W)
  std::string identity;  ///< what a digest of the set includes besides the numbers, such as a user's own class names
  Shape example_shape() const { return train.X.example_shape(); }
};

/// Images (N, C, H, W) as bytes and their N labels, as a file holds them.
struct LabelledImages {
  Tensor<std::uint8_t> images;
  std::vector<Label> labels;
};

/// The mean over the leading axis of images (N, ...). Each number is the exact sum divided by N.
Tensor<double> mean_image(const TensorView<std::uint8_t>& images);

/// The course's splits. The last 1,000 images of `train` (the last tenth if it has fewer than 2,000) are for
/// validation, those before them for training, and the first 1,000 of `test` (all if it has fewer) for testing. The
/// mean image of the training split is subtracted from all three. Throws std::invalid_argument for fewer than 2
/// training images, no test image, shapes that differ, and labels without a class name.
Dataset split_dataset(std::string name, std::vector<std::string> class_names, LabelledImages train,
                      LabelledImages test);

}  // namespace lamina
