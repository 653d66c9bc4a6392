// The last inline question of the second notebook: where layer normalization fails.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "notebooks/questions.h"
#include "notebooks/training.h"
#include "notebooks/trials.h"

namespace lamina::reproduce {

namespace {

/// How much layer normalization loses in a case, beside batch normalization and no normalization.
std::string case_text(const double (&lost)[3], double bound) {
  if (!(lost[0] > bound)) return "nothing that this data can tell";
  const bool more_than_batchnorm = lost[0] > lost[1] + bound, more_than_none = lost[0] > lost[2] + bound;
  if (more_than_batchnorm && more_than_none) return "more than the others";
  if (more_than_batchnorm) return "more than with batch normalization, no more than with none";
  return more_than_none ? "more than with none, no more than with batch normalization" : "no more than the others";
}

}  // namespace

void layernorm_failure_question(Cell& cell) {
  const Notebook& notebook = cell.notebook();
  const bool quick = notebook.quick();
  struct Sweep {
    const char *title, *label;
    std::vector<double> values;
  };
  const std::vector<Sweep> sweeps = {
      {"Features of a hidden layer", "Features",
       quick ? std::vector<double>{2, 10, 50} : std::vector<double>{2, 3, 5, 10, 20, 50, 100}},
      {"Depth", "Hidden layers", quick ? std::vector<double>{2, 8} : std::vector<double>{1, 2, 4, 8, 16}},
      {"Regularization", "reg", quick ? std::vector<double>{1e-3, 1} : std::vector<double>{1e-3, 1e-2, 1e-1, 1, 10}}};
  const std::vector<std::pair<const char*, Normalization>> kinds = {{"layer normalization", Normalization::layernorm},
                                                                    {"batch normalization", Normalization::batchnorm},
                                                                    {"none", Normalization::none}};
  std::vector<Trial> trials;
  for (std::size_t s = 0; s < sweeps.size(); ++s)
    for (const auto& kind : kinds)
      for (const double value : sweeps[s].values) {
        const std::vector<Index> hidden(s == 1 ? static_cast<std::size_t>(value) : 3,
                                        s == 0 ? static_cast<Index>(value) : 50);
        Trial trial{net_for(notebook.data(), hidden, 2e-2, kind.second),
                    solver_for(UpdateRule::adam, 1e-3, 50, quick ? 2 : 8),
                    231,
                    {}};
        if (s == 2) trial.net.reg = value;
        trials.push_back(std::move(trial));
      }
  const SolverData data{notebook.data().train.first(1000), notebook.data().val.first(500)};
  run_trials(cell, "where layer normalization fails", trials, data);
  std::vector<NotebookPlot> plots;
  std::size_t at = 0;
  for (const Sweep& sweep : sweeps) {
    NotebookPlot plot{sweep.title, sweep.label, "Best training accuracy", true};
    plot.percent = true;
    for (const auto& kind : kinds) {
      NotebookSeries line{kind.first, sweep.values, {}};
      for (std::size_t i = 0; i < sweep.values.size(); ++i)
        line.y.push_back(largest(trials[at++].history.train_acc_history));
      plot.series.push_back(std::move(line));
    }
    plots.push_back(std::move(plot));
  }
  const auto ends = [&](std::size_t sweep) {
    const std::vector<double>& y = plots[sweep].series[0].y;
    return std::pair(y.front(), y.back());
  };
  const auto [narrow, wide] = ends(0);
  const auto [shallow, deep] = ends(1);
  const auto [weak, strong] = ends(2);
  cell.say("layer normalization: ", narrow, " with few features, ", wide, " with many; ", shallow, " and ", deep,
           " in shallow and deep nets; ", weak, " and ", strong, " at weak and strong regularization");
  cell.below("layer normalization: training accuracy with 2 features minus that with most", narrow - wide, 0,
             kNotPrinted, "the answer: it does not work well with a very small dimension of features",
             When::cifar10_in_full);
  cell.below("layer normalization: training accuracy at the highest reg minus that at the lowest", strong - weak, 0,
             kNotPrinted, "the answer: it does not work well with a high regularization term", When::cifar10_in_full);
  // The text's cases in its order: the end that should be good less the one that should not.
  const std::size_t order[] = {1, 0, 2};
  const bool good_is_last[] = {true, false, false};  // of features, depth, reg
  NotebookTable table{"What is lost of the best training accuracy",
                      {"Case", "layer normalization", "batch normalization", "none", "least that this data can tell"},
                      {}};
  const std::string names[] = {
      fmt::format("1. {:g} hidden layers, not {:g}", sweeps[1].values.back(), sweeps[1].values.front()),
      fmt::format("2. {:g} features, not {:g}", sweeps[0].values.front(), sweeps[0].values.back()),
      fmt::format("3. reg {:g}, not {:g}", sweeps[2].values.back(), sweeps[2].values.front())};
  std::string finding;
  std::string agreed, not_agreed;
  for (std::size_t i = 0; i < 3; ++i) {
    const std::size_t sweep = order[i];
    double lost[3], bound = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const std::vector<double>& y = plots[sweep].series[k].y;
      lost[k] = good_is_last[sweep] ? y.back() - y.front() : y.front() - y.back();
      bound = std::max(bound, telling_difference(y.front(), y.back(), data.train.size()));
    }
    table.rows.push_back({names[i], {lost[0], lost[1], lost[2], bound}});
    if (i == 0)
      finding = fmt::format(
          "Going from {:g} to {:g} hidden layers costs {:.3f} of the training accuracy with layer normalization, "
          "{:.3f} "
          "with batch normalization, {:.3f} with neither. Layer normalization loses ",
          sweeps[1].values.front(), sweeps[1].values.back(), lost[0], lost[1], lost[2]);
    finding += fmt::format("in case {} {}; ", i + 1, case_text(lost, bound));
    const bool fails = lost[0] > bound;
    std::string& list = fails == (i > 0) ? agreed : not_agreed;
    list += fmt::format("{}{}", list.empty() ? "" : " and ", i + 1);
  }
  finding += not_agreed.empty() ? "the run agrees with the answer in all three cases"
             : agreed.empty()   ? "the run agrees with the answer in no case"
                                : fmt::format("the run agrees with the answer in {}, not in {}", agreed, not_agreed);
  NotebookExperiment& experiment = cell.experiment(
      "When layer normalization fails",
      fmt::format("Nets of three hidden layers of 50 on {} images (adam at 1e-3, {} epochs); one thing is changed at a "
                  "time. Of two features, layer normalization leaves only which one is larger. The other two curves "
                  "tell what belongs to it and what any net of that size, depth or regularization suffers.",
                  data.train.size(), quick ? 2 : 8));
  experiment.question =
      "When is layer normalization likely to not work well, and why? 1. Using it in a very deep network. 2. Having a "
      "very small "
      "dimension of features. 3. Having a high regularization term.";
  experiment.answer =
      "In cases 2 and 3: very few features make its statistics noisy, and a high regularization makes a large penalty; "
      "depth does "
      "not reduce its performance.";
  experiment.finding = finding + ".";
  experiment.histories = std::move(plots);
  experiment.tables = {std::move(table)};
}

}  // namespace lamina::reproduce
