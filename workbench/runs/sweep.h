// Independent trainings side by side, one thread each: what a search over settings or seeds runs.
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
  History history;       ///< up to the failure, where there was one
  Index parameters = 0;  ///< of the net
  double seconds = 0;    ///< of training steps
  std::string error;     ///< one line; empty where the training ended well
  bool ok() const { return error.empty(); }
};

/// What a sweep tells after each training.
struct SweepEvent {
  Index run;       ///< place in `configs`
  Index finished;  ///< trainings that have ended, this one included
  Index count;     ///< of the sweep
  const SweepResult& result;
};

/// Trains a net by each configuration, num_threads() of them at a time, each on one thread with its own
/// stream, seeded by config.seed: bit for bit what it gives when trained on its own. The data are `data` for all,
/// shared; of the configurations, data, data_dir, data_digest and print_every are not read, and the net's input and
/// classes are the data's. Results are in the order of `configs`. A training that fails (a configuration of no net,
/// NonFiniteLoss) says so in its result; the others go on. `on_run` is called as trainings end, in no fixed order,
/// never two at once, from any thread; what it throws ends the sweep.
std::vector<SweepResult> run_sweep(const std::vector<RunConfig>& configs, const Dataset& data,
                                   const std::function<void(const SweepEvent&)>& on_run = {});

}  // namespace lamina
