// What a run has seen so far, and what its hooks are told.
#pragma once

#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// What a run has seen so far.
struct History {
  std::vector<double> loss_history;       ///< one an iteration
  std::vector<double> train_acc_history;  ///< one a check: after the first iteration, each epoch and the last one
  std::vector<double> val_acc_history;
  double best_val_acc = 0;
};

/// What a hook is told after a step.
struct IterationEvent {
  Index iteration;       ///< of this call of train(), 1-based
  Index num_iterations;  ///< of this call of train()
  double loss;
  double seconds;  ///< of this step alone: draw, gather, forward, backward, update
};

/// What a hook inside a step is told.
struct StepEvent {
  Index iteration;  ///< over all calls of train(), 1-based
  double loss;
};

/// What a hook is told after an accuracy check.
struct EpochEvent {
  Index epoch;                      ///< epochs finished, over all calls of train()
  Index num_epochs;                 ///< of the options
  Index iteration, num_iterations;  ///< as IterationEvent's
  double train_acc, val_acc;
};

}  // namespace lamina
