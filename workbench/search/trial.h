// One trial of a search: a training in parts, each of which leads to the next rung (halving.h).
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/solver/history.h"
#include "workbench/runs/run_config.h"

namespace lamina {

/// The state of a trial.
struct TrialState {
  Index epochs = 0;    ///< finished
  bool ended = false;  ///< whether all of its training is done, or it failed
  std::string error;   ///< why it failed; empty if it did not
  double best_val_acc = 0;
  double train_acc = 0;         ///< at the last check
  double loss = 0;              ///< mean over the steps of the last epoch, or up to the failure
  std::vector<double> val_acc;  ///< after each epoch
  Index parameters = 0;         ///< of the net
  double seconds = 0;           ///< of training steps
  bool failed() const { return !error.empty(); }
};

/// Callbacks of a trial. Each may be empty.
struct TrialWatcher {
  std::function<void(const IterationEvent&)> on_iteration;
  std::function<bool()> should_stop;  ///< called after every iteration; if true, the trial saves and stops
};

/// Trains the net of `config` on `data` until `until_epoch` epochs, or all of config.epochs, are finished. It continues
/// from `checkpoint` if there is one, and updates it from time to time and at the end; its directory is created.
/// `error` reports a loss that is not finite, or a configuration that does not describe a net. The result is bit for
/// bit that of one uninterrupted training. Sets `stopped` if should_stop ended it early. Throws std::runtime_error if
/// the checkpoint cannot be read or written.
TrialState train_trial(const RunConfig& config, const Dataset& data, const std::filesystem::path& checkpoint,
                       Index until_epoch, const TrialWatcher& watcher, bool& stopped);

/// Makes `directory` the run directory of a trial, with the files that lamina train would write, from its checkpoint.
void write_trial_run(const RunConfig& config, const Dataset& data, const std::filesystem::path& checkpoint,
                     const std::filesystem::path& directory);

/// The number of training steps in the configuration's epochs.
Index steps_of(const RunConfig& config, Index num_train, Index epochs);

}  // namespace lamina
