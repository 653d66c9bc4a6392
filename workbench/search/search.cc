#include "workbench/search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <limits>
#include <mutex>
#include <numeric>

#include "lamina/check.h"
#include "lamina/io/atomic_file.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/threads.h"
#include "workbench/runs/directory_lock.h"
#include "workbench/runs/run_output.h"
#include "workbench/runs/training_run.h"
#include "workbench/search/search_files.h"
#include "workbench/search/search_report.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr double kNever = std::numeric_limits<double>::quiet_NaN();

fs::path best_path(const fs::path& directory) { return directory / "best"; }

fs::path trial_directory(const fs::path& directory, Index trial) {
  return directory / "trials" / fmt::format("{:04}", trial + 1);
}

void remove_trial(const fs::path& trial) {
  std::error_code error;
  for (const char* name : {"checkpoint", ".checkpoint.tmp"}) {
    fs::remove(trial / name, error);
    if (error) fail_file("search", trial / name, "cannot be removed: ", error.message());
  }
  fs::remove(trial, error);  // only succeeds if nothing else is in it
}

/// Calls `act` for each trial directory that exists.
template <class Act>
void for_each_trial_directory(const fs::path& directory, Act&& act) {
  std::error_code error;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory / "trials", error))
    if (entry.is_directory()) found.push_back(entry.path());
  for (const fs::path& path : found) act(path);
}

/// A running search.
class Search {
 public:
  Search(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const Dataset& data, const fs::path& directory,
         const SearchWatcher& watcher)
      : plan_(plan),
        trials_(trials),
        data_(data),
        directory_(directory),
        watcher_(watcher),
        journal_(journal_path(directory), plan, trials.front().config.data_digest) {
    const std::size_t count = trials.size();
    Index epochs = 1;
    for (const SearchTrial& trial : trials) epochs = std::max(epochs, trial.config.solver.num_epochs);
    result_.rungs = halving_rungs(static_cast<Index>(count), epochs, plan.halving, plan.first_rung);
    result_.states.resize(count);
    result_.status.assign(count, TrialStatus::waiting);
    rung_of_.assign(count, -1);
  }

  SearchResult run() {
    take_up_journal();
    if (watcher_.on_start) watcher_.on_start(result_, static_cast<Index>(journal_.parts.size()));
    std::vector<Index> members(trials_.size());
    std::iota(members.begin(), members.end(), Index{0});
    for (std::size_t rung = 0; rung < result_.rungs.size(); ++rung) {
      train_rung(rung, members);
      if (stopped_) {
        write_files();
        return result_;
      }
      members = decide(rung, members);
    }
    result_.finished = true;
    write_files();
    for_each_trial_directory(directory_, [](const fs::path& trial) { remove_trial(trial); });
    std::error_code error;
    fs::remove(directory_ / "trials", error);
    return result_;
  }

 private:
  static std::size_t at(Index trial) { return static_cast<std::size_t>(trial); }

  void take_up_journal() {
    for (TrialPart& part : journal_.parts) {
      const auto rungs = static_cast<Index>(result_.rungs.size());
      if (part.trial < 0 || part.trial >= static_cast<Index>(trials_.size()) || part.rung < 0 || part.rung >= rungs)
        fail_file("search", journal_path(directory_), "expected parts of ", trials_.size(), " trials and ", rungs,
                  " rungs, found trial ", part.trial + 1, " and rung ", part.rung + 1);
      take(part.trial, part.rung, std::move(part.state));
    }
    const std::string now = kernels::target_name();
    if (now != journal_.instruction_set && watcher_.on_notice)
      watcher_.on_notice("this search began with " + journal_.instruction_set + " and goes on with " + now +
                         ": its numbers will not be bit for bit those of an unbroken one");
  }

  void take(Index trial, Index rung, TrialState state) {
    rung_of_[at(trial)] = rung;
    const bool last = rung + 1 == static_cast<Index>(result_.rungs.size());
    result_.status[at(trial)] = state.failed()        ? TrialStatus::failed
                                : state.ended || last ? TrialStatus::finished
                                                      : TrialStatus::running;
    result_.states[at(trial)] = std::move(state);
  }

  Index steps(Index trial, Index epochs) const {
    const RunConfig& config = trials_[at(trial)].config;
    const Index all = data_.train.size();
    return steps_of(config, config.num_train ? std::min(*config.num_train, all) : all,
                    std::min(epochs, config.solver.num_epochs));
  }
  Index epochs_before(std::size_t rung) const { return rung == 0 ? 0 : result_.rungs[rung - 1].epochs; }
  double part_steps(Index trial, std::size_t rung) const {
    return static_cast<double>(steps(trial, result_.rungs[rung].epochs) - steps(trial, epochs_before(rung)));
  }

  /// The expected steps of the rungs after this one, with the average length of the plan's trials.
  double later_steps(std::size_t rung) const {
    double sum = 0;
    for (std::size_t k = rung + 1; k < result_.rungs.size(); ++k) {
      double all = 0;
      for (std::size_t i = 0; i < trials_.size(); ++i) all += part_steps(static_cast<Index>(i), k);
      sum += all / static_cast<double>(trials_.size()) * static_cast<double>(result_.rungs[k].members);
    }
    return sum;
  }

  bool stop() const { return broken_.load() || (watcher_.should_stop && watcher_.should_stop()); }

  void train_rung(std::size_t rung, const std::vector<Index>& members) {
    std::vector<Index> jobs;
    double rung_steps = 0, done_before = 0;
    for (const Index trial : members) {
      const double all = part_steps(trial, rung);
      rung_steps += all;
      const bool done = rung_of_[at(trial)] >= static_cast<Index>(rung) || result_.states[at(trial)].ended;
      if (done)
        done_before += all;
      else
        jobs.push_back(trial);
    }
    progress_ = {rung,
                 static_cast<Index>(members.size() - jobs.size()),
                 static_cast<Index>(members.size()),
                 past_steps_ + done_before,
                 past_steps_ + rung_steps + later_steps(rung),
                 new_steps_};
    past_steps_ += rung_steps;
    if (jobs.empty()) return;

    const auto epochs = result_.rungs[rung].epochs;
    std::vector<TrialState> states(jobs.size());
    std::vector<char> cut(jobs.size(), 1);  // whether a trial did not reach the rung
    const auto job = [&](Index i) {
      if (stop()) return;
      const Index trial = jobs[at(i)];
      TrialWatcher watcher;
      watcher.should_stop = [this] { return stop(); };
      watcher.on_iteration = [this](const IterationEvent&) { step(); };
      bool stopped = false;
      try {
        states[at(i)] = train_trial(trials_[at(trial)].config, data_, trial_directory(directory_, trial) / "checkpoint",
                                    epochs, watcher, stopped);
      } catch (...) {
        broken_.store(true);  // a failure of disk or memory: the other trials stop too
        throw;
      }
      cut[at(i)] = stopped;
    };
    const auto done = [&](Index i) {
      if (cut[at(i)]) return;
      const std::lock_guard<std::mutex> lock(telling_);
      end_part(jobs[at(i)], rung, std::move(states[at(i)]));
    };
    std::vector<std::exception_ptr> errors;
    if (jobs.size() == 1) {  // a single trial uses all threads
      job(0);
      done(0);
    } else {
      errors = side_by_side(static_cast<Index>(jobs.size()), job, done);
    }
    for (const std::exception_ptr& error : errors)
      if (error) std::rethrow_exception(error);
    stopped_ = std::find(cut.begin(), cut.end(), 1) != cut.end();
  }

  void step() {
    const Index count = steps_since_.fetch_add(1) + 1;
    if (!watcher_.on_progress) return;
    const std::unique_lock<std::mutex> lock(telling_, std::try_to_lock);
    if (!lock || Clock::now() - told_ < std::chrono::milliseconds(100)) return;
    told_ = Clock::now();
    SearchProgress progress = progress_;
    progress.done_steps = std::min(progress.all_steps, progress.done_steps + static_cast<double>(count));
    progress.new_steps += static_cast<double>(count);
    watcher_.on_progress(progress);
  }

  void end_part(Index trial, std::size_t rung, TrialState state) {
    journal_.append({trial, static_cast<Index>(rung), state, trials_[at(trial)].config.net.net});
    take(trial, static_cast<Index>(rung), std::move(state));
    ++progress_.done_trials;
    prune();
    if (Clock::now() - written_ > std::chrono::seconds(1)) write_table();
    if (watcher_.on_part) watcher_.on_part(trial, result_.states[at(trial)]);
  }

  std::vector<Index> decide(std::size_t rung, const std::vector<Index>& members) {
    new_steps_ += static_cast<double>(steps_since_.exchange(0));
    if (rung + 1 == result_.rungs.size()) return {};
    std::vector<double> scores;
    for (const Index trial : members)
      scores.push_back(result_.states[at(trial)].failed() ? kNever : result_.states[at(trial)].best_val_acc);
    std::vector<Index> go_on;
    for (const Index place : best_of(scores, result_.rungs[rung + 1].members)) go_on.push_back(members[at(place)]);
    for (const Index trial : members)
      if (result_.status[at(trial)] == TrialStatus::running && !std::binary_search(go_on.begin(), go_on.end(), trial))
        result_.status[at(trial)] = TrialStatus::stopped;
    prune();
    if (watcher_.on_rung) watcher_.on_rung(rung, go_on);
    return go_on;
  }

  /// Removes the checkpoints of trials that will not continue, except for the best.
  void prune() {
    const Index best = result_.best(), spare = best_ended();
    for (std::size_t i = 0; i < trials_.size(); ++i) {
      const TrialStatus status = result_.status[i];
      const bool ended =
          status == TrialStatus::stopped || status == TrialStatus::finished || status == TrialStatus::failed;
      const auto trial = static_cast<Index>(i);
      if (ended && trial != best && trial != spare && fs::exists(trial_directory(directory_, trial)))
        remove_trial(trial_directory(directory_, trial));
    }
  }

  /// The best trial that will not continue. It is the best of all if those that continue fail.
  Index best_ended() const {
    for (const Index trial : result_.ranking())
      if (result_.status[at(trial)] != TrialStatus::running) return trial;
    return -1;
  }

  void write_table() {
    write_file_atomically(directory_ / "trials.csv", trials_csv(plan_, trials_, result_));
    written_ = Clock::now();
  }

  void write_files() {
    write_table();
    const Index best = result_.best();
    if (best >= 0) {
      const fs::path checkpoint = trial_directory(directory_, best) / "checkpoint";
      if (fs::exists(checkpoint)) {
        if (fs::exists(best_path(directory_))) remove_run(best_path(directory_));
        write_trial_run(trials_[at(best)].config, data_, checkpoint, best_path(directory_));
      }
    }
    write_search_pages(directory_, plan_, trials_, data_, result_);
  }

  const SearchPlan& plan_;
  const std::vector<SearchTrial>& trials_;
  const Dataset& data_;
  const fs::path& directory_;
  const SearchWatcher& watcher_;
  SearchJournal journal_;
  SearchResult result_;
  std::vector<Index> rung_of_;  // the rung that each trial has reached; -1: none
  SearchProgress progress_{};
  double past_steps_ = 0, new_steps_ = 0;
  std::atomic<Index> steps_since_{0};  // steps of the current rung that this process did
  std::atomic<bool> broken_{false};
  std::mutex telling_;
  Clock::time_point told_{}, written_{};
  bool stopped_ = false;
};

}  // namespace

std::string_view name_of(TrialStatus status) {
  switch (status) {
    case TrialStatus::waiting:
      return "waiting";
    case TrialStatus::running:
      return "running";
    case TrialStatus::stopped:
      return "stopped";
    case TrialStatus::finished:
      return "finished";
    case TrialStatus::failed:
      break;
  }
  return "failed";
}

std::vector<Index> SearchResult::ranking() const {
  std::vector<Index> order;
  for (std::size_t i = 0; i < states.size(); ++i)
    if (status[i] != TrialStatus::failed && status[i] != TrialStatus::waiting) order.push_back(static_cast<Index>(i));
  std::stable_sort(order.begin(), order.end(), [this](Index a, Index b) {
    return states[static_cast<std::size_t>(a)].best_val_acc > states[static_cast<std::size_t>(b)].best_val_acc;
  });
  return order;
}

Index SearchResult::best() const {
  const std::vector<Index> order = ranking();
  return order.empty() ? -1 : order.front();
}

SearchResult run_search(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const Dataset& data,
                        const fs::path& directory, const SearchWatcher& watcher) {
  if (trials.empty()) fail("search", "expected 1 trial or more, got none");
  checkpoint_seconds();  // throws for an invalid value before anything is done
  std::error_code error;
  const bool is_new = fs::create_directories(directory, error);
  if (error) fail_file("search", directory, "cannot be made a directory: ", error.message());
  try {
    const DirectoryLock lock("search", directory);
    return Search(plan, trials, data, directory, watcher).run();
  } catch (...) {
    if (is_new) fs::remove(directory, error);  // only succeeds if it is empty
    throw;
  }
}

void remove_search(const fs::path& directory) {
  if (!holds_search(directory)) return;
  const SearchPlan plan = read_plan(directory);
  std::vector<fs::path> files = {"report.html", "trials.csv"};
  for (const Range& range : plan.ranges) files.emplace_back(range.flag() + ".svg");
  files.emplace_back("search.jsonl");
  for_each_trial_directory(directory, [](const fs::path& trial) { remove_trial(trial); });
  std::error_code error;
  fs::remove(directory / "trials", error);
  remove_run(best_path(directory));
  fs::remove(best_path(directory), error);
  for (const fs::path& file : files) {
    fs::remove(directory / file, error);
    if (error) fail_file("search", directory / file, "cannot be removed: ", error.message());
  }
}

}  // namespace lamina
