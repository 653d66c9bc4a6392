// A trained net in a program: loads a model file and predicts.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lamina/data/examples.h"
#include "lamina/solver/model_file.h"
#include "lamina/tensor.h"

namespace lamina {

/// What a net says of N examples: of C classes, of C labels of which an example may have any number (the sigmoid loss),
/// or C numbers (the squared, absolute and huber losses).
struct Predictions {
  Tensor<double> scores;  ///< (N, C), as computed in the net's type; the numbers themselves, if it predicts these
  Tensor<double>
      probabilities;  ///< (N, C): the softmax of the scores of classes, the sigmoid of those of labels, or empty
  std::vector<Label> classes;  ///< N: the place of each example's highest score; empty unless it tells classes apart
};

/// A net read from a model file, in the type that it was trained in. Several threads may call predict() at once: each
/// call takes a copy of the net from a pool, which grows to as many copies as there were calls at the same time.
///
/// Tensors are pixels, 0 to 255, as bytes or as numbers, and the file's mean image is subtracted from them here. Only
/// `Examples` of float or double are taken as already prepared, like those of a Split: nothing is subtracted.
class TrainedNet {
 public:
  /// Throws std::runtime_error with one line for a file that cannot be read or is not a model file.
  explicit TrainedNet(const std::filesystem::path& path);
  explicit TrainedNet(const ModelFile& file);
  TrainedNet(TrainedNet&&) noexcept;
  TrainedNet& operator=(TrainedNet&&) noexcept;
  ~TrainedNet();

  /// Whether scores are the mean of those of an image and its mirror image, as the file says; false if it is one of an
  /// earlier version, which does not. Not to be changed during a call.
  bool mirror_averaging;

  /// What else the file says, such as the mean image and metadata.
  const ModelInfo& info() const { return info_; }
  /// The shape (C, H, W) of an image; (D, 1, 1) for vectors of D numbers.
  const Shape& input_shape() const { return info_.config.input_dim; }
  const std::vector<std::string>& class_names() const { return info_.class_names; }
  /// Of the labels or numbers that it predicts; none if it tells classes apart.
  const std::vector<std::string>& target_names() const { return info_.target_names; }

  /// Predicts for X: one image (C, H, W), N images (N, C, H, W), one vector (D) or N rows (N, D), where
  /// D = C H W. Throws std::invalid_argument if X has another shape.
  Predictions predict(const TensorView<std::uint8_t>& X) const;
  Predictions predict(const TensorView<float>& X) const;
  Predictions predict(const TensorView<double>& X) const;
  /// X holds N images. From bytes the mean image is subtracted; float and double are prepared.
  Predictions predict(const Examples& X) const;

 private:
  struct Pool;
  template <class T>
  struct PoolOf;
  template <class From>
  Predictions predict_view(const TensorView<From>& X) const;

  ModelInfo info_;
  std::shared_ptr<const Tensor<double>> mean_;  // image; null: none
  std::unique_ptr<Pool> pool_;
};

}  // namespace lamina
