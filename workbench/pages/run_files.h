// The records of a training run: history.json and metrics.csv. See docs/file-formats.md.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lamina/solver/solver.h"

namespace lamina {

/// What is known of a run when its files are written.
struct RunRecord {
  History history;
  std::string config;            ///< the run's options, a JSON object as text
  double seconds = 0;            ///< spent in training steps: draw, gather, forward, backward, update
  double images_per_second = 0;  ///< of training steps
  Index iterations_per_epoch = 1;
  /// The iterations after which accuracies were checked, one for each entry of train_acc_history. Empty: those of one
  /// call of Solver::train().
  std::vector<Index> check_iterations;
};

/// Iterations after which one call of Solver::train() has checked accuracies when `iterations` are done: the first and
/// each epoch's last.
std::vector<Index> default_check_iterations(Index iterations, Index iterations_per_epoch);

/// history.json as text. Numbers that are not finite are null. Throws std::invalid_argument where `record.config` is
/// not JSON or check_iterations do not count the checks.
std::string history_json(const RunRecord& record);
/// metrics.csv as text: iteration, epoch (finished ones), loss, train_acc, val_acc; accuracies are empty where they
/// were not checked. Numbers that are not finite are nan, inf or -inf.
std::string metrics_csv(const RunRecord& record);

/// Writes history.json and metrics.csv into `directory`, atomically. Throws also std::runtime_error.
void write_run_files(const std::filesystem::path& directory, const RunRecord& record);

/// Reads a history.json back; nulls become NaN. Throws std::runtime_error where it is none.
RunRecord read_history(const std::filesystem::path& path);

}  // namespace lamina
