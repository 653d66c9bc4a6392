// One trial of a search: a training in parts, from one rung to the next.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/solver/history.h"
#include "workbench/runs/run_config.h"

namespace lamina {

/// What a trial has come to.
struct TrialState {
  Index epochs = 0;    ///< finished
  bool ended = false;  ///< all of its training is done, or it failed
  std::string error;   ///< why it failed; empty where it did not
  double best_val_acc = 0;
  double train_acc = 0;         ///< at the last check
  double loss = 0;              ///< mean over the last epoch's steps, up to a failure
  std::vector<double> val_acc;  ///< after each epoch
  Index parameters = 0;         ///< of the net
  double seconds = 0;           ///< of training steps
  bool failed() const { return !error.empty(); }
};

/// Who looks on while a trial trains. Each may be left empty.
struct TrialWatcher {
  std::function<void(const IterationEvent&)> on_iteration;
  std::function<bool()> should_stop;  ///< asked after every iteration; true: save and stop
};

/// Trains the net of `config` on `data` until `until_epoch` epochs are finished, or all of config.epochs: from
/// `checkpoint`, where there is one, else from the start. The checkpoint is renewed as time goes by, and at the end;
/// its directory is made. A loss that is not finite and a configuration of no net are told in `error`. The bits are
/// those of the same configuration trained in one go. Sets `stopped` where should_stop ended it before. Throws
/// std::runtime_error where the checkpoint cannot be read or written.
TrialState train_trial(const RunConfig& config, const Dataset& data, const std::filesystem::path& checkpoint,
                       Index until_epoch, const TrialWatcher& watcher, bool& stopped);

/// Makes `directory` the run directory of a trial as it stands in its checkpoint: what lamina train leaves.
void write_trial_run(const RunConfig& config, const Dataset& data, const std::filesystem::path& checkpoint,
                     const std::filesystem::path& directory);

/// Training steps of the configuration's epochs.
Index steps_of(const RunConfig& config, Index num_train, Index epochs);

}  // namespace lamina
