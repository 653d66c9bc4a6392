#include "bench/sweep.h"

#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "lamina/solver/solver.h"
#include "workbench/runs/sweep.h"

namespace {

using namespace lamina;

std::vector<RunConfig> forty() {
  std::vector<RunConfig> runs;
  for (int i = 0; i < 20; ++i)
    for (const Normalization normalization : {Normalization::none, Normalization::batchnorm}) {
      RunConfig run;
      run.net.model = "fc";
      run.net.fc.hidden_dims = {50, 50, 50, 50, 50, 50, 50};
      run.net.weight_scale = std::pow(10, -4 + 4 * i / 19.0);
      run.net.fc.normalization = normalization;
      run.solver.update_rule = UpdateRule::adam;
      run.solver.num_epochs = 10;
      run.solver.batch_size = 50;
      run.num_train = 1000;
      runs.push_back(run);
    }
  return runs;
}

void train(const RunConfig& config, const Dataset& data) {
  RandomState random(config.seed);
  const auto net = make_net<float>(config.net, random);
  SolverOptions options = config.solver;
  options.verbose = false;
  Solver<Net<float>> solver(*net, {data.train.first(*config.num_train), data.val}, options, random);
  solver.train();
}

}  // namespace

double bench::sweep_seconds(const Split& examples, bool together) {
  Dataset data;
  data.train = examples;
  data.val = data.test = examples.first(1000);
  for (int i = 0; i < 10; ++i) data.class_names.push_back(std::to_string(i));
  const auto start = std::chrono::steady_clock::now();
  if (together) {
    for (const SweepResult& result : run_sweep(forty(), data))
      if (!result.ok()) throw std::runtime_error(result.error);
  } else {
    for (const RunConfig& run : forty()) train(run, data);
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
