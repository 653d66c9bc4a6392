// Independent trainings side by side, one thread each, for example over settings or seeds (docs/sweeps.md).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/solver/history.h"
#include "workbench/runs/run_config.h"

namespace lamina {

/// One training of a sweep.
struct SweepResult {
  History history;       ///< up to the failure, if there was one
  Index parameters = 0;  ///< of the net
  double seconds = 0;    ///< of training steps
  std::string error;     ///< one line; empty if the training succeeded
  bool ok() const { return error.empty(); }
};

/// The progress of a sweep, reported after each training.
struct SweepEvent {
  Index run;       ///< index in `configs`
  Index finished;  ///< trainings that have ended, this one included
  Index count;     ///< all trainings of the sweep
  const SweepResult& result;
};

/// Trains a net for each configuration, num_threads() of them at a time, each on one thread with its own stream, seeded
/// with config.seed. Each result is bit for bit that of the same training alone. All share `data`: the data, data_dir,
/// data_digest and print_every of the configurations are ignored, and the net's input and classes are those of `data`.
/// Results are in the order of `configs`. A training that fails (a configuration that does not describe a net,
/// NonFiniteLoss) has the error in its result, and the others continue. `on_run` is called when a training ends, in no
/// fixed order, from any thread, but never twice at once; an exception from it ends the sweep.
std::vector<SweepResult> run_sweep(const std::vector<RunConfig>& configs, const Dataset& data,
                                   const std::function<void(const SweepEvent&)>& on_run = {});

}  // namespace lamina
