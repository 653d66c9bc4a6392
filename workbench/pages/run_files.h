// The records of a training run: history.json and metrics.csv. docs/file-formats.md describes both formats.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lamina/solver/score.h"
#include "lamina/solver/solver.h"

namespace lamina {

/// The data of a run from which its files are written.
struct RunRecord {
  History history;
  Score score = Score::accuracy;  ///< what the history's accuracies are
  std::string config;             ///< the run's options, a JSON object as text
  double seconds = 0;             ///< the time of all training steps: draw, gather, forward, backward, update
  double images_per_second = 0;   ///< in training steps
  Index iterations_per_epoch = 1;
  /// The iterations after which accuracies were checked, one for each entry of train_acc_history. If empty, they are
  /// those of one call of Solver::train().
  std::vector<Index> check_iterations;
};

/// The iterations after which a call of Solver::train() has checked accuracies by the time `iterations` are done: the
/// first one, and the last of each epoch.
std::vector<Index> default_check_iterations(Index iterations, Index iterations_per_epoch);

/// history.json as text. Numbers that are not finite are null. Throws std::invalid_argument if `record.config` is not
/// JSON, or check_iterations does not have one entry per check.
std::string history_json(const RunRecord& record);
/// metrics.csv as text: iteration, epoch (how many are finished), loss, train_acc, val_acc. Accuracies are empty in
/// iterations without a check. Numbers that are not finite are nan, inf or -inf.
std::string metrics_csv(const RunRecord& record);

/// Writes history.json and metrics.csv into `directory`, atomically. Throws std::runtime_error if that fails.
void write_run_files(const std::filesystem::path& directory, const RunRecord& record);

/// Reads a history.json; nulls become NaN. Throws std::runtime_error if it is not a valid one.
RunRecord read_history(const std::filesystem::path& path);

}  // namespace lamina
