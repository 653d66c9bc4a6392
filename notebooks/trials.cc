#include "notebooks/trials.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lamina/threads.h"

namespace lamina::reproduce {

FullyConnectedNetOptions net_for(const Dataset& data, std::vector<Index> hidden_dims, double weight_scale,
                                 Normalization normalization) {
  FullyConnectedNetOptions options;
  options.hidden_dims = std::move(hidden_dims);
  options.input_dim = data.example_shape().size();
  options.num_classes = static_cast<Index>(data.class_names.size());
  options.weight_scale = weight_scale;
  options.normalization = normalization;
  return options;
}

SolverOptions solver_for(UpdateRule rule, double learning_rate, Index batch_size, Index epochs) {
  SolverOptions options;
  options.update_rule = rule;
  options.optim_config.learning_rate = learning_rate;
  options.batch_size = batch_size;
  options.num_epochs = epochs;
  options.verbose = false;
  return options;
}

void run_trials(Cell& cell, const std::string& what, std::vector<Trial>& trials, const SolverData& data) {
  const Notebook& notebook = cell.notebook();
  const auto& progress = notebook.setting().watcher.progress;
  const auto count = static_cast<Index>(trials.size());
  Index finished = 0;
  const auto errors = side_by_side(
      count,
      [&](Index i) {
        Trial& trial = trials[static_cast<std::size_t>(i)];
        RandomState random(trial.seed);
        FullyConnectedNet<float> net(trial.net, random);
        Solver<FullyConnectedNet<float>> solver(net, data, trial.options, random);
        solver.should_stop = [&notebook] { return notebook.stop_asked(); };
        try {
          if (!solver.train()) throw ReproduceStopped(notebook.name(), cell.number());
        } catch (const NonFiniteLoss&) {
        }
        trial.history = solver.history();
      },
      [&](Index) {
        if (progress)
          progress({notebook.name(), cell.number(), what, ++finished, count, std::numeric_limits<double>::quiet_NaN(),
                    "training"});
      });
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

Tensor<double> images_of(const Split& split, Index count) {
  Tensor<double> X;
  split.X.slice(0, std::min(count, split.size()), X);
  return X;
}

double norm_of(const TensorView<double>& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

double telling_difference(double accuracy, double other, Index count) {
  const auto n = static_cast<double>(count);
  const double p = ((accuracy + other) / 2 * n + 1) / (n + 2);  // 0 and 1 of a few images are not certain
  return 2 * std::sqrt(2 * p * (1 - p) / n);
}

std::string against(double accuracy, double other, Index count) {
  const double difference = accuracy - other, bound = telling_difference(accuracy, other, count);
  if (difference == 0) return "the same";
  std::string text = fmt::format("{:.3f} {}", std::abs(difference), difference > 0 ? "higher" : "lower");
  if (!(std::abs(difference) > bound)) text += fmt::format(", less than {} images can tell ({:.3f})", count, bound);
  return text;
}

std::string verdict(double difference, double bound, const std::string& positive, const std::string& negative) {
  if (!(std::abs(difference) > bound))
    return fmt::format("less of a difference than this data can tell ({:.3f})", bound);
  return difference > 0 ? positive : negative;
}

std::string power_text(double value) {
  if (value == 0 || !std::isfinite(value)) return fmt::format("{}", value);
  constexpr const char* kDigits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  const std::string text = fmt::format("{:.1e}", value);  // 1.6e-06
  const std::size_t e = text.find('e');
  std::string power = text[e + 1] == '-' ? "⁻" : "";
  for (const char c : std::to_string(std::abs(std::stoi(text.substr(e + 1))))) power += kDigits[c - '0'];
  return text.substr(0, e) + "·10" + power;
}

std::vector<double> factors(double first, double last, int count) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) values.push_back(first * std::pow(last / first, i / static_cast<double>(count - 1)));
  return values;
}

}  // namespace lamina::reproduce
