// Labelled images in memory: bytes as they were read, or numbers, made into mini-batches of the net's type.
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

/// N examples of one shape: bytes with a mean to subtract, or float or double tensors. Cheap to copy; copies share
/// the memory.
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
  /// The first n examples (all where there are fewer).
  Examples first(Index n) const;
  /// The same bytes with another mean image to subtract (null: none); numbers stay as they are. Throws
  /// std::invalid_argument where the mean does not have one example's shape.
  Examples with_mean(std::shared_ptr<const Tensor<double>> mean) const;

  /// Writes the examples of the given places, in their order, to `out`, resized to (rows.size(), ...example).
  /// Bytes become T(byte - mean), the subtraction in double, as in the course's code.
  template <class T>
  void gather(std::span<const Index> rows, Tensor<T>& out) const;
  /// The same for `count` examples from `first` on.
  template <class T>
  void slice(Index first, Index count, Tensor<T>& out) const;
  /// As gather for images (C, H, W), each moved by one of `moves`; what comes in from outside is 0, the mean. Throws
  /// std::invalid_argument where examples are no images.
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

/// Random changes of training images that leave their class what it is.
struct Augmentation {
  bool mirror = false;  ///< from left to right, every other time
  Index max_shift = 0;  ///< moved by up to so many pixels each way, as by a crop from the image in a frame of its mean
  bool any() const { return mirror || max_shift > 0; }
};

/// Draws one move for each of `moves`: image by image rand() < 0.5 where it mirrors, then down and right
/// randint(2 max_shift + 1) - max_shift where it shifts.
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
  std::string identity;  ///< what a digest must know besides the numbers: a user's own class names; may be empty
  Shape example_shape() const { return train.X.example_shape(); }
};

/// Images (N, C, H, W) as bytes and their N labels, as a file holds them.
struct LabelledImages {
  Tensor<std::uint8_t> images;
  std::vector<Label> labels;
};

/// The mean over the leading axis of images (N, ...), each of its numbers the exact sum divided by N.
Tensor<double> mean_image(const TensorView<std::uint8_t>& images);

/// The course's splits: all but the last 1,000 of `train` (the last tenth where it has fewer than 2,000), those for
/// validation, the first 1,000 of `test` (all where there are fewer); the mean image of the training split is
/// subtracted from all three. Throws std::invalid_argument for fewer than 2 training images, no test image, shapes that
/// differ, or a label that has no class name.
Dataset split_dataset(std::string name, std::vector<std::string> class_names, LabelledImages train,
                      LabelledImages test);

}  // namespace lamina
