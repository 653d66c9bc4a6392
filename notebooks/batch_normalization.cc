// The second notebook: batch and layer normalization.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "lamina/nets/fully_connected_net.h"
#include "notebooks/batch_normalization_layers.h"
#include "notebooks/layer_checks.h"
#include "notebooks/notebooks.h"
#include "notebooks/printed_values.h"
#include "notebooks/questions.h"
#include "notebooks/training.h"

namespace lamina::reproduce {
namespace {

FullyConnectedNetOptions batchnorm_net_options(const Dataset& data, std::vector<Index> hidden_dims, double weight_scale,
                                               Normalization normalization) {
  FullyConnectedNetOptions options;
  options.hidden_dims = std::move(hidden_dims);
  options.input_dim = data.example_shape().size();
  options.num_classes = static_cast<Index>(data.class_names.size());
  options.weight_scale = weight_scale;
  options.normalization = normalization;
  return options;
}

std::unique_ptr<Net<float>> make(Notebook& notebook, const FullyConnectedNetOptions& options) {
  return std::make_unique<FullyConnectedNet<float>>(options, notebook.random);
}

SolverOptions adam(double learning_rate, Index batch_size, Index epochs) {
  SolverOptions options;
  options.update_rule = UpdateRule::adam;
  options.optim_config.learning_rate = learning_rate;
  options.batch_size = batch_size;
  options.num_epochs = epochs;
  options.print_every = 20;
  return options;
}

void deep_nets(Cell& cell) {
  Notebook& notebook = cell.notebook();
  notebook.random.seed(231);
  const std::vector<Index> hidden_dims = {100, 100, 100, 100, 100};
  const SolverData data = small_data(notebook.data(), 1000);
  const auto bn_model =
      make(notebook, batchnorm_net_options(notebook.data(), hidden_dims, 2e-2, Normalization::batchnorm));
  const auto model = make(notebook, batchnorm_net_options(notebook.data(), hidden_dims, 2e-2, Normalization::none));
  const History with = train(cell, "with batch normalization", *bn_model, data, adam(1e-3, 50, 10));
  const History without = train(cell, "without batch normalization", *model, data, adam(1e-3, 50, 10));
  const auto first = [&](const char* name, const History& history, double printed) {
    cell.equals(name, {history.loss_history.at(0)}, {printed}, kLossTolerance * printed, kLossNote, When::cifar10);
  };
  first("first loss with batch normalization", with, printed_value("deep_nets.batchnorm_first_loss"));
  first("first loss without", without, printed_value("deep_nets.first_loss"));
  double gain = 0;  // over the epochs after the first check
  for (std::size_t i = 1; i < with.train_acc_history.size(); ++i)
    gain += (with.train_acc_history[i] - without.train_acc_history[i]) /
            static_cast<double>(with.train_acc_history.size() - 1);
  cell.above("training accuracy with batch normalization minus without, mean over epochs", gain, 0, 0.1087,
             "the text expects it to converge much faster", When::cifar10);
  cell.experiment(
          "Six layers with and without batch normalization",
          fmt::format("{} images, adam at 1e-3, 10 epochs. With batch normalization the training accuracy is {:.3f} "
                      "{}, as a mean over the epochs; at the end it is {:.3f} against {:.3f}, and the best validation "
                      "accuracy {:.3f} against {:.3f}.",
                      data.train.size(), std::abs(gain), gain < 0 ? "lower" : "higher", with.train_acc_history.back(),
                      without.train_acc_history.back(), with.best_val_acc, without.best_val_acc))
      .histories = training_plots({{"batch normalization", &with}, {"no normalization", &without}});
}

double mean_of_last(const std::vector<double>& losses, std::size_t count) {
  const std::size_t n = std::min(count, losses.size());
  double sum = 0;
  for (std::size_t i = losses.size() - n; i < losses.size(); ++i) sum += losses[i] / static_cast<double>(n);
  return n > 0 ? sum : kNotPrinted;
}

/// The mean over the weight scales.
double mean_of(const std::vector<double>& y) {
  double sum = 0;
  for (const double value : y) sum += value / static_cast<double>(y.size());
  return sum;
}

void weight_scales(Cell& cell) {
  Notebook& notebook = cell.notebook();
  notebook.random.seed(231);
  const std::vector<Index> hidden_dims(7, 50);
  const SolverData data = small_data(notebook.data(), 1000);
  const SolverOptions options = adam(1e-3, 50, notebook.quick() ? 2 : 10);
  constexpr int kScales = 20;
  std::vector<double> scales;
  std::vector<SideTraining> trainings;  // with and without batch normalization in turns
  for (int i = 0; i < kScales; ++i) {
    const double weight_scale = std::pow(10, -4 + i * (4.0 / (kScales - 1)));
    scales.push_back(weight_scale);
    auto bn_model =
        make(notebook, batchnorm_net_options(notebook.data(), hidden_dims, weight_scale, Normalization::batchnorm));
    auto model = make(notebook, batchnorm_net_options(notebook.data(), hidden_dims, weight_scale, Normalization::none));
    trainings.push_back(take_turn(notebook, fmt::format("batch normalization, weight scale {:.3g}", weight_scale),
                                  std::move(bn_model), data, options));
    trainings.push_back(take_turn(notebook, fmt::format("no normalization, weight scale {:.3g}", weight_scale),
                                  std::move(model), data, options));
    cell.say("Running weight scale ", Index{i + 1}, " / ", Index{kScales});
  }
  train_side_by_side(cell, "weight scales", trainings, data);

  const auto over_scales = [&](const char* title, const char* label, auto value) {
    NotebookPlot plot{title, "Weight initialization scale", label, true};
    for (const int side : {1, 0}) {
      NotebookSeries line{side == 1 ? "no normalization" : "batch normalization", scales, {}};
      for (std::size_t i = 0; i < scales.size(); ++i)
        line.y.push_back(value(trainings[2 * i + static_cast<std::size_t>(side)].history));
      plot.series.push_back(std::move(line));
    }
    return plot;
  };
  std::vector<NotebookPlot> plots = {over_scales("Best validation accuracy", "Best val accuracy",
                                                 [](const History& h) { return largest(h.val_acc_history); }),
                                     over_scales("Best training accuracy", "Best training accuracy",
                                                 [](const History& h) { return largest(h.train_acc_history); }),
                                     over_scales("Final training loss", "Final training loss",
                                                 [](const History& h) { return mean_of_last(h.loss_history, 100); })};
  plots[0].percent = plots[1].percent = plots[2].log_y = true;
  const double baseline = mean_of(plots[1].series[0].y), batchnorm = mean_of(plots[1].series[1].y);
  cell.above("best training accuracy at the smallest weight scale, with batch normalization minus without",
             plots[1].series[1].y.front() - plots[1].series[0].y.front(), 0.1, kNotPrinted,
             "the answer: a scale that is too small has less impact with batch normalization", When::cifar10_in_full);
  cell.above("best training accuracy, mean over the scales, with batch normalization minus without",
             batchnorm - baseline, 0, kNotPrinted, "the answer: models with it generally perform better",
             When::cifar10_in_full);
  cell.experiment(
          "Batch normalization and initialization",
          fmt::format("Eight layers at 20 weight scales from 1e-4 to 1, with and without batch normalization. Best "
                      "training accuracy as a mean over the scales: {:.3f} with, {:.3f} without; it varies by "
                      "{:.3f} with and {:.3f} without.",
                      batchnorm, baseline,
                      largest(plots[1].series[1].y) -
                          *std::min_element(plots[1].series[1].y.begin(), plots[1].series[1].y.end()),
                      largest(plots[1].series[0].y) -
                          *std::min_element(plots[1].series[0].y.begin(), plots[1].series[0].y.end())))
      .histories = std::move(plots);
}

/// The notebook's run_batchsize_experiments: a net without normalization at batches of 5, and with it at 5, 10 and 50.
NotebookExperiment& batch_sizes(Cell& cell, Normalization normalization, std::string_view name) {
  Notebook& notebook = cell.notebook();
  notebook.random.seed(231);
  const std::vector<Index> hidden_dims = {100, 100, 100, 100, 100};
  const SolverData data = small_data(notebook.data(), 1000);
  const Index epochs = notebook.quick() ? 2 : 10;
  const double learning_rate = std::pow(10, -3.5);
  const char* what = normalization == Normalization::batchnorm ? "batch normalization" : "layer normalization";
  std::vector<SideTraining> trainings;
  const auto add = [&](const std::string& label, Normalization kind, Index batch_size) {
    cell.say(kind == Normalization::none ? "No normalization: batch size =  " : "Normalization: batch size =  ",
             batch_size);
    trainings.push_back(take_turn(notebook, fmt::format("{}, batches of {}", label, batch_size),
                                  make(notebook, batchnorm_net_options(notebook.data(), hidden_dims, 2e-2, kind)), data,
                                  adam(learning_rate, batch_size, epochs)));
  };
  add("no normalization", Normalization::none, 5);
  for (const Index batch_size : {5, 10, 50}) add(what, normalization, batch_size);
  train_side_by_side(cell, std::string(name) + " and batch sizes", trainings, data);
  std::string text = fmt::format(
      "Six layers, {} images, adam, {} epochs. Best training (validation) accuracies: ", data.train.size(), epochs);
  std::vector<std::pair<std::string, const History*>> named;
  for (const SideTraining& training : trainings) {
    text += fmt::format("{}{:.3f} ({:.3f}) with {}", named.empty() ? "" : "; ",
                        largest(training.history.train_acc_history), training.history.best_val_acc, training.name);
    named.emplace_back(training.name, &training.history);
  }
  NotebookExperiment& experiment = cell.experiment(std::string(name) + " and batch size", text + ".");
  experiment.histories = training_plots(named);
  return experiment;
}

/// Best training accuracy of a series of the batch-size experiment: 0 is the baseline, 1 to 3 the batch sizes.
double best_train(const NotebookExperiment& experiment, std::size_t series) {
  return largest(experiment.histories.at(1).series.at(series).y);
}

void batchnorm_batch_sizes(Cell& cell) {
  const NotebookExperiment& found = batch_sizes(cell, Normalization::batchnorm, "Batch normalization");
  cell.above("best training accuracy at batches of 50 minus that of 5", best_train(found, 3) - best_train(found, 1), 0,
             kNotPrinted, "the answer: a larger batch size improves the training accuracy", When::cifar10_in_full);
  cell.below("best training accuracy at batches of 5 minus that of the baseline",
             best_train(found, 1) - best_train(found, 0), 0, kNotPrinted,
             "the answer: on a very small batch it is not as good as the baseline", When::cifar10_in_full);
}

void layernorm_batch_sizes(Cell& cell) {
  const NotebookExperiment& found = batch_sizes(cell, Normalization::layernorm, "Layer normalization");
  const NotebookExperiment& batchnorm = cell.notebook().experiment_of("14");
  const auto spread = [](const NotebookExperiment& experiment) {
    const double a = best_train(experiment, 1), b = best_train(experiment, 2), c = best_train(experiment, 3);
    return std::max({a, b, c}) - std::min({a, b, c});
  };
  cell.below("spread of the best training accuracies over batch sizes, as a part of batch normalization's",
             spread(found) / spread(batchnorm), 1, kNotPrinted,
             "the cell's code is lost; its text: \"a markedly smaller influence of batch size\"",
             When::cifar10_in_full);
}

}  // namespace

void run_batch_normalization(Notebook& notebook) {
  notebook.cell("4", "Load the data", data_cell);
  notebook.cell("5", "Batch normalization: forward", batchnorm_forward_cell);
  notebook.cell("6", "Batch normalization: forward at test time", batchnorm_test_time_cell);
  notebook.cell("7", "Batch normalization: backward pass", batchnorm_backward_cell);
  notebook.cell("8", "Batch normalization: alternative backward", batchnorm_alternative_cell);
  notebook.cell("9", "Fully connected networks with batch normalization", batchnorm_net_cell);
  notebook.cell("10", "Batch normalization for deep networks", deep_nets);
  notebook.cell("12", "Batch normalization and initialization", weight_scales);
  notebook.cell("Question 1", "Inline question 1: batch normalization and initialization",
                batchnorm_initialization_question);
  notebook.cell("14", "Batch normalization and batch size", batchnorm_batch_sizes);
  notebook.cell("Question 2", "Inline question 2: batch normalization and batch size", batchnorm_batch_size_question);
  notebook.cell("Question 3", "Inline question 3: which preprocessing is alike", preprocessing_question);
  notebook.cell("16", "Layer normalization: forward", layernorm_forward_cell);
  notebook.cell("17", "Layer normalization: backward", layernorm_backward_cell);
  notebook.cell("18", "Layer normalization and batch size", layernorm_batch_sizes);
  notebook.cell("Question 4", "Inline question 4: when layer normalization fails", layernorm_failure_question);
}

}  // namespace lamina::reproduce
