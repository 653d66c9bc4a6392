// The use of a trained net: its accuracy on a split, class by class, and its prediction for an image.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/solver/model_file.h"

namespace lamina {

/// The result of evaluate().
struct Evaluation {
  std::string data_name;  ///< "CIFAR-10"
  std::string split;      ///< "train", "val" or "test"
  std::vector<std::string> class_names;
  Index count = 0;                            ///< images
  Index right = 0;                            ///< how many of them were classified correctly
  std::vector<std::vector<Index>> confusion;  ///< the number of images of class [i] that were classified as class [j]
  double accuracy() const { return count > 0 ? static_cast<double>(right) / static_cast<double>(count) : 0; }
};

/// A class and its probability.
struct Guess {
  std::string class_name;
  double probability;
};

/// A net read from a model file, in the precision that it was trained in.
class TrainedNet {
 public:
  /// `path` is a run directory or a model file. Throws std::runtime_error with one line if it is neither.
  explicit TrainedNet(const std::filesystem::path& path);
  TrainedNet(TrainedNet&&) noexcept;
  TrainedNet& operator=(TrainedNet&&) noexcept;
  ~TrainedNet();

  const ModelInfo& info() const;
  /// Whether to average the scores of each image and its mirror image. The default is that of the training run.
  void set_mirror_averaging(bool on);

  /// Uses the batches of Solver's accuracy checks and the net's own mean image, so that the accuracy on the validation
  /// split of the run's data is best_val_acc. Throws std::runtime_error if the images have another shape or there are
  /// other classes.
  Evaluation evaluate(const Dataset& data, const std::string& split);

  /// The `count` most probable classes of an image (H, W, 3), which is cropped and resized to the net's input.
  std::vector<Guess> predict(const TensorView<std::uint8_t>& image, Index count = 3);

 private:
  struct Inside;
  template <class T>
  struct InsideOf;
  std::unique_ptr<Inside> inside_;
};

/// Loads `data`, or, if it is empty, the data that the net was trained on. If they are not the data that it was trained
/// on, `say` is called with one line about it.
Dataset load_data_of(const ModelInfo& info, const std::string& data, const std::filesystem::path& data_dir,
                     const std::function<void(std::string_view)>& say);

}  // namespace lamina
