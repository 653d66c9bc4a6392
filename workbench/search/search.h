// Random search over the flags of lamina train: trials drawn from one seed, trained side by side, the hopeless ones
// stopped by successive halving, all of it in a directory from which a killed search goes on.
//   search.jsonl   the plan, and a line for each part of a trial that is trained
//   trials.csv     one row a trial
//   report.html    table and figures; figures also as FLAG.svg
//   best/          the run directory of the best trial
//   trials/        checkpoints of trials that may go on
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lamina/data/dataset.h"
#include "workbench/runs/run_config.h"
#include "workbench/search/halving.h"
#include "workbench/search/range.h"
#include "workbench/search/trial.h"

namespace lamina {

/// What decides a search, but for the data.
struct SearchPlan {
  std::vector<std::pair<std::string, std::string>> flags;  ///< of every trial, without dashes, as they were given
  std::vector<Range> ranges;                               ///< sorted by their flags, each flag once
  Index trials = 20;
  std::uint32_t seed = 231;
  Index halving = 3;     ///< the best of so many go on; 1: every trial is trained to the end
  Index first_rung = 1;  ///< least epochs of a rung
};

/// One trial, ready to be trained.
struct SearchTrial {
  std::uint32_t seed = 0;
  std::vector<std::string> values;  ///< one a range of the plan
  RunConfig config;                 ///< complete, as load_run_data leaves it
  std::string command;              ///< the call of lamina train that trains the same
};

enum class TrialStatus { waiting, running, stopped, finished, failed };
std::string_view name_of(TrialStatus status);

/// What is known of a search.
struct SearchResult {
  std::vector<Rung> rungs;
  std::vector<TrialState> states;  ///< one a trial
  std::vector<TrialStatus> status;
  bool finished = false;
  /// The trial of the highest best_val_acc, of equal ones the first; failed ones do not count. -1: none.
  Index best() const;
  /// Trials by that order, those that failed and those not begun left out.
  std::vector<Index> ranking() const;
};

/// How far a search is, in training steps; `trials` are those of its present rung.
struct SearchProgress {
  std::size_t rung;  ///< 0 for the first
  Index done_trials, trials;
  double done_steps, all_steps;  ///< of the rungs to come, as many as their members would take on average
  double new_steps;              ///< of done_steps, those of this process
};

/// Who looks on. Each may be left empty. No two of the calls are made at once, but for should_stop.
struct SearchWatcher {
  std::function<void(const SearchResult&, Index done_before)> on_start;  ///< parts done by an earlier process
  std::function<void(const SearchProgress&)> on_progress;                ///< about ten times a second
  std::function<void(Index trial, const TrialState&)> on_part;           ///< trained up to its rung, or failed
  std::function<void(std::size_t rung, const std::vector<Index>& go_on)> on_rung;
  std::function<void(const std::string&)> on_notice;
  std::function<bool()> should_stop;
};

/// Runs the search in `directory`, or goes on with the one there: it ends as one which never stopped, with any number
/// of threads. Plan and data must be those it was started with; where the plan does not halve, `trials` may have grown.
/// Throws std::runtime_error where the directory holds another search or cannot be written.
SearchResult run_search(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const Dataset& data,
                        const std::filesystem::path& directory, const SearchWatcher& watcher);

/// Whether the directory holds a search.
bool holds_search(const std::filesystem::path& directory);
/// The plan of the search in the directory. Throws std::runtime_error where there is none.
SearchPlan read_plan(const std::filesystem::path& directory);
/// Takes the files of a search away.
void remove_search(const std::filesystem::path& directory);

}  // namespace lamina
