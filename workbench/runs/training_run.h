// A training run in a directory of its own: started, interrupted, resumed, finished.
//   checkpoint          everything that decides how the run goes on
//   history.json, metrics.csv, model.safetensors, loss.svg, accuracy.svg, filters.png, report.html
//   diagnostics.csv     where it looked into its net
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "workbench/pages/findings.h"
#include "workbench/runs/run_config.h"

namespace lamina {

/// What a run is about to do; told once, before its first step.
struct RunStart {
  RunConfig config;       ///< with the data's name and the net's input as they were found
  std::string data_name;  ///< "CIFAR-10"
  Index num_train, num_val, num_test;
  std::string net_title;  ///< "ConvNet, float32"
  Index parameter_count;
  Index first_iteration;  ///< done before; 0 for a new run
  Index num_iterations;   ///< of the whole run
  double best_val_acc;    ///< so far
};

/// Who looks on while a run works. Each may be left empty.
struct RunWatcher {
  std::ostream* lines = nullptr;  ///< takes the notebooks' lines
  std::function<void(const RunStart&)> on_start;
  std::function<void(const IterationEvent&)> on_iteration;
  std::function<void(const EpochEvent&)> on_epoch;
  /// What the run's measurements show, where it looked into its net: once, at its end or where its loss is not finite.
  std::function<void(const std::vector<Finding>&)> on_findings;
  std::function<void(const std::string&)> on_notice;  ///< one line worth knowing: a changed instruction set, a fallback
  std::function<void(std::int64_t done, std::int64_t total)> on_download;  ///< bytes, where "auto" downloads CIFAR-10
  std::function<bool()> should_stop;  ///< asked after every iteration; true: save and stop
};

struct RunResult {
  std::filesystem::path directory;
  bool finished = false;  ///< false: stopped on request, to be resumed
  bool already_finished = false;
  Index epochs = 0, iterations = 0;  ///< finished so far
  double best_val_acc = 0;
  double seconds = 0;  ///< of training steps, resumed parts included
  double images_per_second = 0;
};

/// Seconds from one checkpoint to the next: $LAMINA_CHECKPOINT_SECONDS or 20. One is also written at each epoch's end,
/// unless it would come so soon that writing took more than about 2% of the time. 0: one after every iteration.
double checkpoint_seconds();

/// Whether the directory holds files of a run.
bool holds_run(const std::filesystem::path& directory);

/// Trains a new run in `directory`, which is made. Throws std::runtime_error where it holds a run already (and
/// `overwrite` is not set), cannot be written, or the data cannot be read; std::invalid_argument where the
/// configuration does not fit the data; NonFiniteLoss, after history and metrics are written.
RunResult start_run(const RunConfig& config, const std::filesystem::path& directory, bool overwrite,
                    const RunWatcher& watcher);

/// Goes on from the directory's checkpoint; the history will be that of a run which never stopped. `data_dir`
/// replaces the run's where it is not empty. Throws std::runtime_error where there is no readable checkpoint or the
/// data are not those of the run.
RunResult resume_run(const std::filesystem::path& directory, const std::filesystem::path& data_dir,
                     const RunWatcher& watcher);

}  // namespace lamina
