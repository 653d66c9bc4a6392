// Random search over the flags of lamina train. Trials are drawn from one seed and trained side by side; successive
// halving (halving.h) stops the poor ones. A search that was killed resumes from its directory, which contains
//   search.jsonl   the plan, and a line for each part of a trial that has been trained
//   trials.csv     one row per trial
//   report.html    table and figures; figures also as FLAG.svg
//   best/          the run directory of the best trial
//   trials/        checkpoints of trials that may continue
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/solver/score.h"
#include "workbench/runs/run_config.h"
#include "workbench/search/halving.h"
#include "workbench/search/range.h"
#include "workbench/search/trial.h"

namespace lamina {

/// Everything that determines a search, except for the data.
struct SearchPlan {
  std::vector<std::pair<std::string, std::string>> flags;  ///< of every trial, without dashes, as they were given
  std::vector<Range> ranges;                               ///< sorted by their flags, each flag once
  Index trials = 20;
  std::uint32_t seed = 231;
  Index halving = 3;     ///< one in this many trials continues to the next rung; 1: every trial is trained to the end
  Index first_rung = 1;  ///< the smallest number of epochs of a rung
};

/// One trial, ready to be trained.
struct SearchTrial {
  std::uint32_t seed = 0;
  std::vector<std::string> values;  ///< one per range of the plan
  RunConfig config;                 ///< complete, after load_run_data()
  std::string command;              ///< the command line of lamina train that trains the same net
};

/// What a search looks for the highest of; all its trials have the same.
inline Score score_of(const std::vector<SearchTrial>& trials) { return score_of(trials.front().config.net.loss.loss); }

enum class TrialStatus { waiting, running, stopped, finished, failed };
std::string_view name_of(TrialStatus status);

/// The state of a search.
struct SearchResult {
  std::vector<Rung> rungs;
  std::vector<TrialState> states;  ///< one per trial
  std::vector<TrialStatus> status;
  bool finished = false;
  /// The trial with the highest best_val_acc, the first if several are equal. Failed trials do not count. -1: none.
  Index best() const;
  /// Trials in that order, without those that failed or have not begun.
  std::vector<Index> ranking() const;
};

/// The progress of a search in training steps. The numbers of trials are those of its current rung.
struct SearchProgress {
  std::size_t rung;  ///< 0 for the first
  Index done_trials, trials;
  double done_steps, all_steps;  ///< later rungs are estimated by the average trial
  double new_steps;              ///< the part of done_steps that this process did
};

/// Callbacks of a search. Each may be empty. Except for should_stop, no two are called at the same time.
struct SearchWatcher {
  std::function<void(const SearchResult&, Index done_before)> on_start;  ///< done_before: parts of an earlier process
  std::function<void(const SearchProgress&)> on_progress;                ///< about ten times a second
  std::function<void(Index trial, const TrialState&)> on_part;           ///< the trial has reached its rung or failed
  std::function<void(std::size_t rung, const std::vector<Index>& go_on)> on_rung;
  std::function<void(const std::string&)> on_notice;
  std::function<bool()> should_stop;
};

/// Runs the search in `directory`, or resumes the one that is there; the result is that of a search that never stopped,
/// with any number of threads. Plan and data must be those it was started with, but without halving `trials` may have
/// grown. Throws std::runtime_error if the directory contains another search or cannot be written.
SearchResult run_search(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const Dataset& data,
                        const std::filesystem::path& directory, const SearchWatcher& watcher);

/// Whether the directory contains a search.
bool holds_search(const std::filesystem::path& directory);
/// The plan of the search in the directory. Throws std::runtime_error if there is none.
SearchPlan read_plan(const std::filesystem::path& directory);
/// Removes the files of a search.
void remove_search(const std::filesystem::path& directory);

}  // namespace lamina
