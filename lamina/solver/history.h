// The history of a run, and the events that its hooks receive.
#pragma once

#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// The losses and accuracies of a run so far.
struct History {
  std::vector<double> loss_history;       ///< one per iteration
  std::vector<double> train_acc_history;  ///< one per check: after the first iteration, each epoch, the last iteration
  std::vector<double> val_acc_history;
  double best_val_acc = 0;
};

/// What on_iteration receives, after a step.
struct IterationEvent {
  Index iteration;       ///< of this call of train(), 1-based
  Index num_iterations;  ///< of this call of train()
  double loss;
  double seconds;  ///< the time of this step: draw, gather, forward, backward, update
};

/// What before_update and after_update receive, inside a step.
struct StepEvent {
  Index iteration;  ///< over all calls of train(), 1-based
  double loss;
};

/// What on_epoch receives, after an accuracy check.
struct EpochEvent {
  Index epoch;                      ///< epochs finished, over all calls of train()
  Index num_epochs;                 ///< as in the options
  Index iteration, num_iterations;  ///< as in IterationEvent
  double train_acc, val_acc;
};

}  // namespace lamina
