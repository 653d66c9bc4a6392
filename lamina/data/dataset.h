// Data sets in memory: labelled examples in splits for training, validation and test.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lamina/data/examples.h"
#include "lamina/tensor.h"

namespace lamina {

/// Examples X and what they are to be mapped to: labels y, or numbers. Cheap to copy but for y.
struct Split {
  Examples X;
  std::vector<Label> y = {};                           ///< N labels; none if the targets are numbers
  std::shared_ptr<const Tensor<double>> targets = {};  ///< numbers (N, K); null if the targets are labels
  std::shared_ptr<const Tensor<double>> weights = {};  ///< (N,): how much each example counts; null: all the same
  Index size() const { return X.size(); }
  /// The first n examples, or all if there are fewer, with their targets and weights.
  Split first(Index n) const;
};

/// A data set as Solver, evaluation and prediction use it.
struct Dataset {
  std::string name;                       ///< "CIFAR-10"
  std::vector<std::string> class_names;   ///< none if the targets are numbers
  std::vector<std::string> target_names;  ///< of the K numbers of a target; none if the targets are labels
  Split train, val, test;
  std::shared_ptr<const Tensor<double>> mean;  ///< mean image of the whole training split, (C, H, W)
  std::string identity;     ///< what a digest of the set includes besides the numbers, such as a user's own class names
  std::string preparation;  ///< of a table: how its rows became X, which a model file keeps; empty for other sets
  Shape example_shape() const { return train.X.example_shape(); }
  /// The names of what a net gives for an example: of the classes, or of the numbers of a target.
  const std::vector<std::string>& output_names() const { return target_names.empty() ? class_names : target_names; }
  Index num_outputs() const { return static_cast<Index>(output_names().size()); }
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
