// A trained net at work: its accuracy on a split, class by class, and its answer to an image.
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

/// What evaluate() found.
struct Evaluation {
  std::string data_name;  ///< "CIFAR-10"
  std::string split;      ///< "train", "val" or "test"
  std::vector<std::string> class_names;
  Index count = 0;                            ///< images
  Index right = 0;                            ///< of them
  std::vector<std::vector<Index>> confusion;  ///< images of class [i] that were taken for class [j]
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
  /// `path`: a run directory or a model file. Throws std::runtime_error with one line where there is none.
  explicit TrainedNet(const std::filesystem::path& path);
  TrainedNet(TrainedNet&&) noexcept;
  TrainedNet& operator=(TrainedNet&&) noexcept;
  ~TrainedNet();

  const ModelInfo& info() const;
  /// Whether scores are the mean of an image's and its mirror image's: at the start as in the training run.
  void set_mirror_averaging(bool on);

  /// In the batches that Solver's accuracy checks take, with the net's own mean image: on the validation split of
  /// the run's data it gives best_val_acc. Throws std::runtime_error where the images have another shape or there are
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

/// Loads the data that the net was trained on, or `data` where it is not empty. `say` is told where they are not those
/// that it was trained on.
Dataset load_data_of(const ModelInfo& info, const std::string& data, const std::filesystem::path& data_dir,
                     const std::function<void(std::string_view)>& say);

}  // namespace lamina
