// What a training loop is told.
#pragma once

#include <iostream>
#include <optional>

#include "lamina/data/dataset.h"
#include "lamina/optim/schedule.h"
#include "lamina/optim/update_rule.h"
#include "lamina/tensor.h"

namespace lamina {

/// The notebooks' keyword arguments of Solver with their defaults, and what makes models better besides.
struct SolverOptions {
  UpdateRule update_rule = UpdateRule::sgd;
  OptimConfig optim_config;
  double lr_decay = 1.0;  ///< the learning rate is multiplied by it at each epoch's end
  Index batch_size = 100;
  Index num_epochs = 10;
  std::optional<Index> num_train_samples = 1000;  ///< of a training accuracy check; none: the whole split
  std::optional<Index> num_val_samples = {};      ///< of a validation accuracy check; none: the whole split
  Schedule schedule;                              ///< of the learning rate, over the iterations of a call of train()
  /// Where the Euclidean norm of all gradients together is larger, the update sees them scaled down to this norm
  /// (Pascanu, Mikolov and Bengio, 2013). The model's gradients, which hooks see, stay as they are.
  std::optional<double> clip_norm = {};
  bool shuffle = false;       ///< mini-batches without replacement, from one permutation after the other
  Augmentation augmentation;  ///< of the mini-batches
  /// Above 0: validation, best_params() and the model after train() take averages of parameters and buffers, which
  /// after update t (from 0) become average + (1 - d) (value - average), d = min(average_weights, (1 + t) / (10 + t)),
  /// from the values after the first update on (Polyak and Juditsky, 1992).
  double average_weights = 0;
  bool mirror_averaging = false;  ///< accuracy checks take the mean of an image's scores and those of its mirror image
  /// train() ends after so many accuracy checks in a row without a new best; none: never.
  std::optional<Index> patience = {};
  Index print_every = 10;  ///< iterations from one printed loss to the next
  bool verbose = true;
  std::ostream* out = &std::cout;
};

void visit_options(SolverOptions& options, const VisitOption& visit);

namespace detail {

/// Throws std::invalid_argument for an option out of range.
void check_options(const SolverOptions& options);
Index iterations_per_epoch(Index num_train, Index batch_size);
Index count_iterations(Index num_train, const SolverOptions& options);

}  // namespace detail
}  // namespace lamina
