#include "workbench/runs/training_run.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "datasets/load.h"
#include "lamina/check.h"
#include "lamina/io/atomic_file.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/nets/net_config.h"
#include "lamina/solver/checkpoint.h"
#include "lamina/solver/diagnostics.h"
#include "lamina/solver/model_file.h"
#include "lamina/solver/solver.h"
#include "workbench/pages/diagnostics_file.h"
#include "workbench/runs/directory_lock.h"
#include "workbench/runs/run_data.h"
#include "workbench/runs/run_output.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kStartAnew =
    "; --resume would keep the learning rate: start anew, with a smaller --learning-rate and --overwrite";

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

template <class T>
RunResult result_of(const fs::path& directory, const RunConfig& config, const SolverState<T>& state, bool finished) {
  RunResult result;
  result.directory = directory;
  result.of_table = is_table(config.data);
  result.finished = finished;
  result.patience = patience_that_ended(config, state);
  result.epochs = state.epoch;
  result.iterations = static_cast<Index>(state.history.loss_history.size());
  result.best_val_acc = state.history.best_val_acc;
  result.score = score_of(config.net.loss.loss);
  result.example = config.net.input_dim;
  result.seconds = state.seconds;
  result.images_per_second = state.seconds > 0 ? static_cast<double>(state.images) / state.seconds : 0;
  return result;
}

/// A run in float or double: the net, its Solver, and when which file is written.
template <class T>
class Run {
 public:
  Run(RunConfig config, Dataset data, fs::path directory, const RunWatcher& watcher)
      : config_(std::move(config)),
        data_(std::move(data)),
        directory_(std::move(directory)),
        watcher_(watcher),
        random_(config_.seed),
        net_(make_net<T>(config_.net, random_)),
        solver_(*net_, solver_data(config_, data_), options(), random_) {
    if (config_.diagnose) look_into_net();
  }

  /// `changed`: it is not that of the directory's checkpoint.
  void set_state(const SolverState<T>& state, bool changed) {
    solver_.set_state(state);
    state_changed_ = changed;
    if (!probe_) return;
    try {
      probe_->set_measurements(read_measurements(diagnostics_path(directory_), probe_->diagnostics().layers,
                                                 *config_.diagnose, iterations()));
    } catch (const std::runtime_error& error) {
      if (watcher_.on_notice) watcher_.on_notice(std::string(error.what()) + "; the measurements start anew from here");
    }
  }

  void check_memory() const {
    check_batch_fits_memory(net_->summary(), config_.solver.batch_size, config_.solver.slots);
  }

  RunResult train() {
    tell_start();
    if (iterations() == 0 || state_changed_) save();  // from now on the run can be resumed
    solver_.on_iteration = watcher_.on_iteration;
    solver_.on_epoch = [this](const EpochEvent& event) {
      epoch_ended_ = true;
      if (watcher_.on_epoch) watcher_.on_epoch(event);
    };
    solver_.should_stop = [this] {
      const bool stop = watcher_.should_stop && watcher_.should_stop();
      if (!stop && checkpoint_is_due()) save();
      return stop;
    };
    bool finished = false;
    try {
      finished = solver_.train();
    } catch (const NonFiniteLoss& error) {
      write_files(iterations() + 1);
      tell_findings();
      const bool at_first = error.iteration == 1;
      throw std::runtime_error(error.what() +
                               ((at_first ? "" : kStartAnew) + std::string("; the last checkpoint, of iteration ") +
                                std::to_string(saved_iteration_) + ", is " + checkpoint_path(directory_).string()));
    }
    if (finished) {
      write_files();  // before the checkpoint of the finished run: a run killed in between repeats its end
      epoch_ended_ = false;
      save();
      tell_findings();
    } else {
      save();
      write_files();
    }
    return result(finished);
  }

  /// Writes the files of a finished run, whose state was set, anew.
  RunResult write_again() {
    write_files();
    return result(true);
  }

 private:
  RunResult result(bool finished) const {
    RunResult result = result_of(directory_, config_, solver_.state(), finished);
    result.has_test = data_.test.size() > 0;
    return result;
  }
  SolverOptions options() const {
    SolverOptions options = config_.solver;
    options.verbose = watcher_.lines != nullptr;
    if (watcher_.lines != nullptr) options.out = watcher_.lines;
    return options;
  }
  Index num_train() const { return lamina::num_train(config_, data_); }
  void look_into_net() {
    probe_.emplace(*net_, *config_.diagnose, config_.solver.batch_size);
    solver_.before_update = [this](const StepEvent& event) { probe_->before_update(event); };
    solver_.after_update = [this](const StepEvent& event) { probe_->after_update(event); };
  }
  Index iterations() const { return static_cast<Index>(solver_.history().loss_history.size()); }

  void tell_start() const {
    if (!watcher_.on_start) return;
    const NetSummary summary = net_->summary();
    RunStart start;
    start.config = config_;
    start.data_name = data_.name;
    start.class_names = data_.class_names;
    start.target_names = data_.target_names;
    start.score = score_of(config_.net.loss.loss);
    start.num_train = num_train();
    start.num_val = data_.val.size();
    start.num_test = data_.test.size();
    start.net_title = summary.title;
    start.parameter_count = summary.parameter_count();
    start.first_iteration = iterations();
    start.num_iterations = lamina::num_iterations(config_, data_.train.size());
    start.best_val_acc = solver_.history().best_val_acc;
    watcher_.on_start(start);
  }

  bool checkpoint_is_due() const {
    const double since = seconds_since(last_save_);
    return since >= every_ || (epoch_ended_ && since >= 50 * save_cost_);
  }

  void save() {
    const Clock::time_point start = Clock::now();
    const SolverState<T> state = solver_.state();
    write_diagnostics();  // before the checkpoint: a resumed run needs the measurements up to it
    save_checkpoint(checkpoint_path(directory_), state, to_json(config_));
    saved_iteration_ = iterations();
    if (epoch_ended_) {
      write_run_files(directory_, run_record(config_, state, num_train()));
      if (state.history.best_val_acc != written_best_) write_best_model(directory_, config_, data_, state, *net_);
      written_best_ = state.history.best_val_acc;
    }
    epoch_ended_ = false;
    last_save_ = Clock::now();
    save_cost_ = seconds_since(start);
  }

  void tell_findings() const {
    if (probe_ && watcher_.on_findings)
      watcher_.on_findings(findings(probe_->diagnostics(), solver_.history().loss_history));
  }

  void write_diagnostics() const {
    if (probe_) write_file_atomically(diagnostics_path(directory_), diagnostics_csv(probe_->diagnostics()));
  }

  void write_files(std::optional<Index> not_finite = {}) {
    const SolverState<T> state = solver_.state();
    write_diagnostics();
    write_run_files(directory_, run_record(config_, state, num_train()));
    write_best_model(directory_, config_, data_, state, *net_);
    write_pages(directory_, config_, data_, state, net_->summary(), probe_ ? probe_->diagnostics() : Diagnostics{},
                not_finite);
  }

  RunConfig config_;
  Dataset data_;
  fs::path directory_;
  const RunWatcher& watcher_;
  RandomState random_;
  std::unique_ptr<Net<T>> net_;
  Solver<Net<T>> solver_;
  std::optional<Probe<T>> probe_;
  double every_ = checkpoint_seconds();
  double save_cost_ = 0;
  Clock::time_point last_save_ = Clock::now();
  bool epoch_ended_ = false, state_changed_ = false;
  Index saved_iteration_ = 0;
  double written_best_ = 0;
};

LoadOptions load_options(const RunWatcher& watcher) {
  LoadOptions options;
  if (watcher.on_notice) options.say = [&watcher](std::string_view line) { watcher.on_notice(std::string(line)); };
  options.fetch.progress = watcher.on_download;
  options.images.only_warnings = watcher.quiet;
  return options;
}

template <class T>
RunResult start(const RunConfig& config, Dataset data, const fs::path& directory, const RunWatcher& watcher) {
  Run<T> run(config, std::move(data), directory, watcher);
  run.check_memory();
  remove_run(directory);
  return run.train();
}

template <class T>
bool is_finished(const SolverState<T>& state) {
  return state.num_iterations > 0 && state.iteration == state.num_iterations;
}

/// Sets another number of epochs for the rest of a run.
template <class T>
void change_epochs(RunConfig& config, SolverState<T>& state, Index num_epochs, Index num_train,
                   const std::function<void(const std::string&)>& say) {
  SolverOptions& solver = config.solver;
  if (is_finished(state) && state.epoch < solver.num_epochs)
    fail("train", "expected a run that may have more epochs, found one that a patience of ",
         solver.patience.value_or(0), " ended after ", state.epoch);
  const Index before = std::exchange(solver.num_epochs, num_epochs);
  const Index iterations = num_iterations(config, num_train);
  if (iterations <= state.iteration)
    fail("train", "expected more epochs than the run has done, ", state.epoch, ", got ", num_epochs);
  if (const double warmup = solver.schedule.warmup_epochs.value_or(0); warmup >= static_cast<double>(num_epochs))
    fail("train", "expected more epochs than those of the warm-up, ", warmup, ", got ", num_epochs);
  if (!extend(state, iterations) && say)
    say("this run was finished by an earlier version, which kept no more than its best parameters: it goes on from "
        "these");
  const bool depends = solver.schedule.kind == ScheduleKind::cosine || solver.schedule.kind == ScheduleKind::one_cycle;
  if (depends && say)
    say("the schedule ends with the epochs: from here on the learning rate is that of a run of " +
        std::to_string(num_epochs) + " epochs, so far it was that of a run of " + std::to_string(before));
}

bool is_whole_model(const fs::path& path) {
  try {
    load_model(path);
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

/// What of a finished run's files is missing or damaged: "model.safetensors and report.html".
std::string lost_files(const fs::path& directory) {
  std::string lost;
  if (!is_whole_model(model_path(directory))) lost = "model.safetensors";
  if (!fs::exists(directory / "report.html")) lost += std::string(lost.empty() ? "" : " and ") + "report.html";
  return lost;
}

/// Whether the data of a finished run, which are not loaded, have test images; true where it cannot be told.
bool may_have_test(const RunConfig& config) {
  try {
    if (is_table(config.data)) return !config.split_column.empty() || config.test_fraction > 0;
    return has_own_splits(config.data) || has_test_images(config.data, image_options(config));
  } catch (const std::runtime_error&) {
    return true;
  }
}

template <class T>
RunResult resume(RunConfig config, const fs::path& directory, const ResumeChanges& changes, const RunWatcher& watcher) {
  Checkpoint<T> checkpoint = load_checkpoint<T>(checkpoint_path(directory));
  SolverState<T>& state = checkpoint.state;
  const bool other_epochs = changes.num_epochs && *changes.num_epochs != config.solver.num_epochs;
  const bool finished = is_finished(state) && !other_epochs;
  const std::string lost = finished ? lost_files(directory) : std::string();
  if (finished && lost.empty()) {
    RunResult result = result_of(directory, config, state, true);
    result.already_finished = true;
    result.has_test = may_have_test(config);
    return result;
  }
  const bool same_bits = checkpoint.info.same_instruction_set() ||
                         (config.net.precision == Precision::full &&
                          kernels::same_bits_without_bf16(checkpoint.info.instruction_set, kernels::target_name(),
                                                          std::is_same_v<T, double>));
  if (!finished && !same_bits && watcher.on_notice)
    watcher.on_notice("this run was computed with " + checkpoint.info.instruction_set + " and goes on with " +
                      kernels::target_name() + ": its numbers will not be bit for bit those of an unbroken run");
  if (changes.data.empty()) check_still_there(config, "--data NEW says where they are now");
  Dataset data = load_run_data(config, load_options(watcher));
  check_can_be_kept(config, data);
  if (other_epochs) change_epochs(config, state, *changes.num_epochs, data.train.size(), watcher.on_notice);
  Run<T> run(config, std::move(data), directory, watcher);
  if (finished) {
    run.set_state(state, false);
    RunResult result = run.write_again();
    result.already_finished = true;
    if (watcher.on_notice)
      watcher.on_notice("what was missing or damaged is written again from the checkpoint: " + lost);
    return result;
  }
  run.check_memory();
  run.set_state(state, other_epochs);
  checkpoint = {};
  return run.train();
}

}  // namespace

double checkpoint_seconds() {
  const char* text = std::getenv("LAMINA_CHECKPOINT_SECONDS");
  if (text == nullptr) return 20;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (end == text || *end != '\0' || !std::isfinite(seconds) || seconds < 0)
    fail("train", "expected LAMINA_CHECKPOINT_SECONDS to be a number from 0 on, got '", text, "'");
  return seconds;
}

bool holds_run(const fs::path& directory) {
  for (const fs::path& path : {checkpoint_path(directory), model_path(directory), directory / "history.json"})
    if (fs::exists(path)) return true;
  return false;
}

RunResult start_run(const RunConfig& given, const fs::path& directory, bool overwrite, const RunWatcher& watcher) {
  checkpoint_seconds();  // throws for an invalid value before anything is done
  if (holds_run(directory) && !overwrite)
    fail_file("train", directory,
              "holds a run already; go on with it by --resume, replace it by --overwrite, or choose another --out");
  std::error_code error;
  const bool is_new = fs::create_directories(directory, error);
  if (error) fail_file("train", directory, "cannot be made a run directory: ", error.message());
  try {
    const DirectoryLock lock("train", directory);
    write_file_atomically(directory / ".writable", "");
    fs::remove(directory / ".writable");
    RunConfig config = given;
    Dataset data = load_run_data(config, load_options(watcher));
    check_can_be_kept(config, data);
    check_fits_memory(config.net, config.dtype == "float32" ? 4 : 8);
    if (config.diagnose == kDiagnoseNowAndThen)
      config.diagnose = default_measure_every(num_iterations(config, data.train.size()));
    return config.dtype == "float32" ? start<float>(config, std::move(data), directory, watcher)
                                     : start<double>(config, std::move(data), directory, watcher);
  } catch (...) {
    if (is_new) fs::remove(directory, error);  // only succeeds if it is empty
    throw;
  }
}

RunResult resume_run(const fs::path& directory, const ResumeChanges& changes, const RunWatcher& watcher) {
  checkpoint_seconds();
  const fs::path path = checkpoint_path(directory);
  if (!fs::exists(path) && fs::exists(model_path(directory / "best")))
    fail_file("train", directory,
              "expected the directory of a run, found that of a search, which 'lamina search --resume' resumes");
  if (!fs::exists(path))
    fail_file("train", directory,
              holds_run(directory) ? "expected a checkpoint to resume, found none"
                                   : "expected the directory of a run to resume, found no run");
  const DirectoryLock lock("train", directory);
  RunConfig config;
  try {
    config = run_config_from_json(read_checkpoint_info(path).config);
  } catch (const std::invalid_argument& cause) {
    fail_file("train", path, "not the checkpoint of a run: ", cause.what());
  }
  if (!changes.data.empty()) config.data = changes.data;
  if (!changes.data_dir.empty()) config.data_dir = changes.data_dir;
  return config.dtype == "float32" ? resume<float>(config, directory, changes, watcher)
                                   : resume<double>(config, directory, changes, watcher);
}

}  // namespace lamina
