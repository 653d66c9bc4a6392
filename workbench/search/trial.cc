#include "workbench/search/trial.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>

#include "lamina/check.h"
#include "lamina/nets/net_config.h"
#include "lamina/solver/checkpoint.h"
#include "lamina/solver/solver.h"
#include "workbench/runs/run_data.h"
#include "workbench/runs/run_output.h"
#include "workbench/runs/training_run.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

SolverOptions quiet_options(const RunConfig& config) {
  SolverOptions options = config.solver;
  options.verbose = false;
  return options;
}

/// A net and its Solver, as in lamina train.
template <class T>
struct Training {
  Training(const RunConfig& config, const Dataset& data)
      : random(config.seed),
        net(make_net<T>(config.net, random)),
        solver(*net, solver_data(config, data), quiet_options(config), random) {}
  RandomState random;
  std::unique_ptr<Net<T>> net;
  Solver<Net<T>> solver;
};

/// The text of an error without the function's name in front.
std::string reason(const std::exception& error) {
  const std::string text = error.what();
  const std::size_t end = text.find("] ");
  return text.starts_with('[') && end != std::string::npos ? text.substr(end + 2) : text;
}

template <class T>
void describe(const Solver<Net<T>>& solver, Index per_epoch, TrialState& trial) {
  const History& history = solver.history();
  trial.epochs = solver.epoch();
  trial.best_val_acc = history.best_val_acc;
  trial.train_acc = history.train_acc_history.empty() ? 0 : history.train_acc_history.back();
  // Skip the check after the first iteration, which is not at the end of an epoch.
  const std::ptrdiff_t first = per_epoch > 1 && !history.val_acc_history.empty() ? 1 : 0;
  trial.val_acc.assign(history.val_acc_history.begin() + first, history.val_acc_history.end());
  const std::vector<double>& losses = history.loss_history;
  const std::size_t steps = losses.size();
  const std::size_t of_epoch = static_cast<std::size_t>(per_epoch), begun = steps % of_epoch;
  const std::size_t count = std::min(steps, begun > 0 ? begun : of_epoch);
  trial.loss = 0;
  for (std::size_t i = steps - count; i < steps; ++i) trial.loss += losses[i] / static_cast<double>(count);
}

template <class T>
void train(const RunConfig& config, const Dataset& data, const fs::path& checkpoint, Index until_epoch,
           const TrialWatcher& watcher, TrialState& trial, bool& stopped) {
  const Index per_epoch = steps_of(config, num_train(config, data), 1);
  Training<T> training(config, data);
  Solver<Net<T>>& solver = training.solver;
  for (const auto& entry : std::as_const(*training.net).params()) trial.parameters += entry.value.size();

  double seconds = 0;
  bool done = false;
  if (fs::exists(checkpoint)) {
    const SolverState<T> state = load_checkpoint<T>(checkpoint).state;
    solver.set_state(state);
    seconds = state.seconds;
    done = state.num_iterations > 0 && state.iteration == state.num_iterations;
    trial.ended = done;
    done = done || state.epoch >= until_epoch;
  }
  Clock::time_point last_save = Clock::now();
  const double every = checkpoint_seconds();
  const auto save = [&] {
    save_checkpoint(checkpoint, solver.state(), to_json(config));
    last_save = Clock::now();
  };
  solver.on_iteration = [&](const IterationEvent& event) {
    seconds += event.seconds;
    if (watcher.on_iteration) watcher.on_iteration(event);
  };
  solver.should_stop = [&] {
    if (solver.epoch() >= until_epoch) return true;
    if (watcher.should_stop && watcher.should_stop()) return stopped = true;
    if (std::chrono::duration<double>(Clock::now() - last_save).count() >= every) save();
    return false;
  };
  if (!done) {
    try {
      trial.ended = solver.train();
      save();
    } catch (const NonFiniteLoss& error) {
      trial.error = reason(error);
    }
  }
  describe(solver, per_epoch, trial);
  trial.seconds = seconds;
}

template <class T>
void write_run(const RunConfig& config, const Dataset& data, const fs::path& checkpoint, const fs::path& directory) {
  Training<T> training(config, data);
  const SolverState<T> state = load_checkpoint<T>(checkpoint).state;
  training.solver.set_state(state);
  fs::create_directories(directory);
  write_run_files(directory, run_record(config, state, num_train(config, data)));
  write_best_model(directory, config, data, state, *training.net);
  write_pages(directory, config, data, state, training.net->summary());
  save_checkpoint(checkpoint_path(directory), state, to_json(config));
}

}  // namespace

Index steps_of(const RunConfig& config, Index num_train, Index epochs) {
  return std::max<Index>(1, num_train / std::max<Index>(1, config.solver.batch_size)) * epochs;
}

TrialState train_trial(const RunConfig& config, const Dataset& data, const fs::path& checkpoint, Index until_epoch,
                       const TrialWatcher& watcher, bool& stopped) {
  TrialState trial;
  stopped = false;
  std::error_code error;
  fs::create_directories(checkpoint.parent_path(), error);
  if (error) fail_file("search", checkpoint.parent_path(), "cannot be made a directory: ", error.message());
  try {
    check_fits_memory(config.net, config.dtype == "float32" ? 4 : 8);
    if (config.dtype == "float32")
      train<float>(config, data, checkpoint, until_epoch, watcher, trial, stopped);
    else
      train<double>(config, data, checkpoint, until_epoch, watcher, trial, stopped);
  } catch (const std::invalid_argument& cause) {
    trial.error = reason(cause);
  }
  trial.ended = trial.ended || trial.failed();
  return trial;
}

void write_trial_run(const RunConfig& config, const Dataset& data, const fs::path& checkpoint,
                     const fs::path& directory) {
  if (config.dtype == "float32")
    write_run<float>(config, data, checkpoint, directory);
  else
    write_run<double>(config, data, checkpoint, directory);
}

}  // namespace lamina
