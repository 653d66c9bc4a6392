// A training run in its own directory: starting, interrupting, resuming and finishing it. The directory contains
//   checkpoint          everything that determines how the run continues
//   history.json, metrics.csv, model.safetensors, loss.svg, accuracy.svg, filters.png, report.html
//   diagnostics.csv     with --diagnose
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "workbench/pages/findings.h"
#include "workbench/runs/run_config.h"

namespace lamina {

/// What a run is about to do. It is reported once, before the first step.
struct RunStart {
  RunConfig config;       ///< with the name of the data and the net's input, as load_run_data() found them
  std::string data_name;  ///< "CIFAR-10"
  std::vector<std::string> class_names, target_names;  ///< one of the two is empty
  Index num_train, num_val, num_test;
  std::string net_title;  ///< "ConvNet, float32"
  Index parameter_count;
  Index first_iteration;          ///< how many iterations are already done; 0 for a new run
  Index num_iterations;           ///< of the whole run
  double best_val_acc;            ///< so far
  Score score = Score::accuracy;  ///< what is checked: what the accuracies of events and results are
};

/// Callbacks of a run. Each may be empty.
struct RunWatcher {
  bool quiet = false;             ///< of on_notice: only what may be wrong
  std::ostream* lines = nullptr;  ///< where the notebooks' lines are printed
  std::function<void(const RunStart&)> on_start;
  std::function<void(const IterationEvent&)> on_iteration;
  std::function<void(const EpochEvent&)> on_epoch;
  /// The findings of --diagnose: called once, at the end of the run or when its loss is not finite.
  std::function<void(const std::vector<Finding>&)> on_findings;
  std::function<void(const std::string&)> on_notice;  ///< one line worth knowing: a changed instruction set, a fallback
  std::function<void(std::int64_t done, std::int64_t total)> on_download;  ///< bytes, when "auto" downloads CIFAR-10
  std::function<bool()> should_stop;  ///< called after every iteration; if true, the run saves and stops
};

struct RunResult {
  std::filesystem::path directory;
  bool finished = false;  ///< false: it was stopped by should_stop and can be resumed
  bool already_finished = false;
  bool has_test = true;                ///< whether its data have test images
  bool of_table = false;               ///< whether its data are a table
  std::optional<Index> patience = {};  ///< so many checks without a better accuracy ended it early
  Index epochs = 0, iterations = 0;    ///< finished so far
  double best_val_acc = 0;
  Shape example = {};  ///< the shape of an example
  Score score = Score::accuracy;
  double seconds = 0;  ///< of training steps, including those before a resume
  double images_per_second = 0;
};

/// Seconds from one checkpoint to the next: $LAMINA_CHECKPOINT_SECONDS or 20; 0 means one after every iteration. A
/// checkpoint is also written at each epoch's end, unless writing would then take more than about 2% of the time.
double checkpoint_seconds();

/// Whether the directory contains files of a run.
bool holds_run(const std::filesystem::path& directory);

/// Trains a new run in `directory`, which is created. Throws std::runtime_error if the directory already contains a run
/// (and `overwrite` is not set) or cannot be written, or if the data cannot be read; std::invalid_argument if the
/// configuration does not fit the data; NonFiniteLoss, after it has written history and metrics.
RunResult start_run(const RunConfig& config, const std::filesystem::path& directory, bool overwrite,
                    const RunWatcher& watcher);

/// What a resumed run does not take from its own settings.
struct ResumeChanges {
  std::optional<Index> num_epochs = {};  ///< of the whole run, of which some are done
  std::string data = {};                 ///< where its data are now; empty: where they were
  std::filesystem::path data_dir = {};   ///< likewise
};

/// Continues from the directory's checkpoint; the history will be that of a run that never stopped. With more epochs it
/// is that of a run that had them from the start, unless the schedule of the learning rate depends on their number.
/// A run that is finished gets its model and report back from the checkpoint if they are missing.
/// Throws std::runtime_error if there is no readable checkpoint, or the data are not those of the run;
/// std::invalid_argument for no more epochs than are done.
RunResult resume_run(const std::filesystem::path& directory, const ResumeChanges& changes, const RunWatcher& watcher);

}  // namespace lamina
