// The use of a trained net: its score on a split, class by class or target by target, and its prediction for an image.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/table_preparation.h"
#include "lamina/data/dataset.h"
#include "lamina/solver/score.h"
#include "lamina/solver/trained_net.h"

namespace lamina {

/// Of the examples that a label was predicted for, the fraction that have it; 0 if it was predicted for none.
double precision(const LabelCounts& label);
/// Of the examples that have a label, the fraction that it was predicted for; 0 if none has it.
double recall(const LabelCounts& label);

/// The result of evaluate(). What is measured depends on the net's loss.
struct Evaluation {
  std::string data_name;  ///< "CIFAR-10"
  std::string split;      ///< "train", "val", "test", or "all" three of them
  Shape example = {};     ///< the shape of one
  Index count = 0;        ///< examples
  Score measured = Score::accuracy;

  // The accuracy.
  std::vector<std::string> class_names;
  Index right = 0;                            ///< how many examples were classified correctly
  std::vector<std::vector<Index>> confusion;  ///< the number of images of class [i] that were classified as class [j]
  double accuracy() const { return count > 0 ? static_cast<double>(right) / static_cast<double>(count) : 0; }

  // The mean F1 of labels, or the mean R^2 of numbers.
  std::vector<std::string> target_names;
  std::vector<LabelCounts> labels;    ///< one for each of them, if they are labels
  std::vector<NumberErrors> numbers;  ///< one for each of them, if they are numbers
  Tensor<double> predicted, targets;  ///< (count, K): logits or numbers, and what is true

  /// What the training run calls the accuracy or score of this split.
  double score() const;
};

/// A class or label with its probability, or a target with its number.
struct Guess {
  std::string name;
  double value;
};

/// `path`: a run directory or a model file. Scores are the mean of an image's and its mirror image's where they were in
/// the training run. Throws std::runtime_error with one line where there is no such file, or where what it keeps of the
/// run's settings is damaged.
TrainedNet open_trained_net(const std::filesystem::path& path);

/// In the batches that Solver's accuracy checks take, with the net's own mean image: on the validation split of the
/// run's data it gives best_val_acc. Throws std::runtime_error where the images have another shape or there are other
/// classes or targets.
Evaluation evaluate(const TrainedNet& net, const Dataset& data, const std::string& split);

/// What the net says of an example, row `row` of what it predicted: the `count` most probable classes or labels, or all
/// numbers, in their order and, if it was trained on a table, in the unit of their columns.
std::vector<Guess> guesses_of(const TrainedNet& net, const Predictions& found, Index row, Index count,
                              const std::optional<TablePreparation>& table = {});
/// The same of an image (H, W, 3), which is cropped and resized to the net's input.
std::vector<Guess> guess(const TrainedNet& net, const TensorView<std::uint8_t>& image, Index count = 3);

/// What evaluation may pass over instead of failing.
struct Lenience {
  bool skip_broken = false;    ///< images in folders that cannot be read; also where the run passed over them
  bool allow_unknown = false;  ///< categories in a table that training did not have
};

/// Loads `data`, or, if it is empty, the data that the net was trained on ("auto", if no run wrote the model). If they
/// are not the data that it was trained on, `say` is called with one line about it. A net that was trained on a table
/// gets its rows as they were prepared then; all rows of another table are its test split.
Dataset load_data_of(const ModelInfo& info, const std::string& data, const std::filesystem::path& data_dir,
                     const std::function<void(std::string_view)>& say, const Lenience& lenience = {});

}  // namespace lamina
