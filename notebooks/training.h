// The trainings of the notebooks' experiments: one at a time on the notebook's stream, or side by side on copies of it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/nets/net_config.h"
#include "lamina/solver/solver.h"
#include "notebooks/notebook.h"

namespace lamina::reproduce {

/// First losses on CIFAR-10 may differ by so much of the printed one.
inline constexpr double kLossTolerance = 1e-3;
inline constexpr const char* kLossNote = "within a thousandth: the pixels of copies of CIFAR-10 differ a little";

/// The notebooks' `small_data`: the first `num_train` images, the whole validation split.
SolverData small_data(const Dataset& data, Index num_train);

/// Trains `net` on the notebook's stream, printing its lines, and leaves the best parameters in it. A loss that is not
/// finite ends the training and is said in a line; the history is that up to there. Every checkpoint_seconds() the
/// state goes to a file; a training that finds its own there goes on with it.
template <class T>
History train(Cell& cell, const std::string& what, Net<T>& net, const SolverData& data, SolverOptions options);

/// The loss of the first mini-batch of a training that is not done: --quick trains on fewer images, from which it
/// draws another batch. `net` was made from `random`.
double first_loss(Net<float>& net, const Split& train, Index batch_size, RandomState& random);

/// A training that runs beside others, on its own copy of the notebook's stream.
struct SideTraining {
  std::string name;
  std::unique_ptr<Net<float>> net;
  SolverOptions options;
  RandomState random{0};  ///< where the notebook's stream is as this training starts
  History history;
  std::string error;  ///< one line; empty where it ended well
};

/// Draws what Solver would: a training's mini-batches and accuracy checks. The net must have no dropout.
void skip_training(RandomState& random, const SolverData& data, const SolverOptions& options);

/// A training that starts where the notebook's stream is now; the stream goes to where it ends.
SideTraining take_turn(Notebook& notebook, std::string name, std::unique_ptr<Net<float>> net, const SolverData& data,
                       const SolverOptions& options);

/// Runs them, one thread each, bit for bit as one after the other on the notebook's stream.
void train_side_by_side(Cell& cell, const std::string& what, std::vector<SideTraining>& trainings,
                        const SolverData& data);

/// 0, 1, 2, ... as x of a history.
NotebookSeries series(const std::string& name, const std::vector<double>& y, double first = 0);
/// The notebooks' plots of some trainings: training loss against iteration, training and validation accuracy against
/// epoch; of one training alone the two accuracies in one.
std::vector<NotebookPlot> training_plots(const std::vector<std::pair<std::string, const History*>>& trainings);

/// The largest value; NaN for none.
double largest(const std::vector<double>& values);

/// Writes a trained net, its parameters as they are, to a model file beside results.json.
template <class T>
void keep_model(const Notebook& notebook, const std::string& file, Net<T>& net, NetConfig config);

/// The net's first parameter in that file.
Tensor<float> first_parameter(const Notebook& notebook, const std::string& file);
/// Validation and test accuracy of the net in that file; NaN where there are no test images.
std::pair<double, double> accuracies_of(const Notebook& notebook, const std::string& file);

}  // namespace lamina::reproduce
