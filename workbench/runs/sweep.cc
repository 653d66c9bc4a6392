#include "workbench/runs/sweep.h"

#include <exception>

#include "lamina/check.h"
#include "lamina/nets/net_config.h"
#include "lamina/solver/solver.h"
#include "lamina/threads.h"
#include "workbench/runs/run_data.h"

namespace lamina {
namespace {

template <class T>
void train(const RunConfig& config, const Dataset& data, SweepResult& result) {
  RandomState random(config.seed);
  const auto net = make_net<T>(config.net, random);
  for (const auto& entry : net->params()) result.parameters += entry.value.size();
  SolverOptions options = config.solver;
  options.verbose = false;
  Solver<Net<T>> solver(*net, solver_data(config, data), options, random);
  solver.on_iteration = [&result](const IterationEvent& event) { result.seconds += event.seconds; };
  try {
    solver.train();
  } catch (const NonFiniteLoss&) {
    result.history = solver.history();
    throw;
  }
  result.history = solver.history();
}

void train_one(RunConfig config, const Dataset& data, SweepResult& result) {
  config.net.input_dim = data.example_shape();
  config.net.num_classes = data.num_outputs();
  if (config.dtype == "float32")
    train<float>(config, data, result);
  else if (config.dtype == "float64")
    train<double>(config, data, result);
  else
    fail("run_sweep", "expected dtype to be float32 or float64, got '", config.dtype, "'");
}

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return caught.what();
  } catch (...) {
    return "[run_sweep] expected a training that ends, got an exception of unknown type";
  }
}

}  // namespace

std::vector<SweepResult> run_sweep(const std::vector<RunConfig>& configs, const Dataset& data,
                                   const std::function<void(const SweepEvent&)>& on_run) {
  const auto count = static_cast<Index>(configs.size());
  std::vector<SweepResult> results(configs.size());
  Index finished = 0;
  side_by_side(
      count,
      [&](Index run) {
        const auto i = static_cast<std::size_t>(run);
        try {
          train_one(configs[i], data, results[i]);
        } catch (...) {
          results[i].error = text_of(std::current_exception());
        }
      },
      [&](Index run) {
        ++finished;
        if (on_run) on_run({run, finished, count, results[static_cast<std::size_t>(run)]});
      });
  return results;
}

}  // namespace lamina
