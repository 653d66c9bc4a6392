// The use of a trained net: its accuracy on a split, class by class, and its prediction for an image.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/solver/trained_net.h"

namespace lamina {

/// The result of evaluate().
struct Evaluation {
  std::string data_name;  ///< "CIFAR-10"
  std::string split;      ///< "train", "val", "test", or "all" three of them
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

/// `path`: a run directory or a model file. Scores are the mean of an image's and its mirror image's where they were in
/// the training run. Throws std::runtime_error with one line where there is no such file, or where what it keeps of the
/// run's settings is damaged.
TrainedNet open_trained_net(const std::filesystem::path& path);

/// In the batches that Solver's accuracy checks take, with the net's own mean image: on the validation split of the
/// run's data it gives best_val_acc. Throws std::runtime_error where the images have another shape or there are other
/// classes.
Evaluation evaluate(const TrainedNet& net, const Dataset& data, const std::string& split);

/// The `count` most probable classes of an image (H, W, 3), which is cropped and resized to the net's input.
std::vector<Guess> guess_classes(const TrainedNet& net, const TensorView<std::uint8_t>& image, Index count = 3);

/// Loads `data`, or, if it is empty, the data that the net was trained on ("auto", if no run wrote the model). If they
/// are not the data that it was trained on, `say` is called with one line about it.
Dataset load_data_of(const ModelInfo& info, const std::string& data, const std::filesystem::path& data_dir,
                     const std::function<void(std::string_view)>& say);

}  // namespace lamina
