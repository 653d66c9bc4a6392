#include "lamina/layers/dropout.h"

#include <fmt/format.h>

#include <algorithm>

#include "lamina/nets/fully_connected_net.h"
#include "notebooks/layer_checks.h"
#include "notebooks/notebooks.h"
#include "notebooks/printed_values.h"
#include "notebooks/questions.h"
#include "notebooks/training.h"

namespace lamina::reproduce {
namespace {

double zeros(View x) {
  return static_cast<double>(std::count(x.begin(), x.end(), 0.0)) / static_cast<double>(x.size());
}

void dropout_forward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = scaled(random.randn({500, 500}), 1, 10);
  const std::vector<double>&means = printed_values("dropout_forward.means"),
        &zero_fractions = printed_values("dropout_forward.zeros");
  const double input_mean = printed_value("dropout_forward.input_mean");
  for (std::size_t i = 0; const double p : {0.25, 0.4, 0.7}) {
    const auto out = dropout_forward<double>(x, {.p = p}, random).first;
    const auto out_test = dropout_forward<double>(x, {.p = p, .mode = Mode::test}, random).first;
    const auto check = [&](const char* name, double value, double expected, double tolerance) {
      cell.shown_as(fmt::format("{}:  {}{}", name, value, value == 0 ? ".0" : ""));
      cell.equals(fmt::format("p = {}: {}", p, name), {value}, {expected}, tolerance);
    };
    cell.say("Running tests with p =  ", p);
    check("Mean of input", mean(x.flat()), input_mean, 1e-11);
    check("Mean of train-time output", mean(out.flat()), means[i], 1e-11);
    check("Mean of test-time output", mean(out_test.flat()), input_mean, 1e-11);
    check("Fraction of train-time output set to zero", zeros(out), zero_fractions[i++], 1e-12);
    check("Fraction of test-time output set to zero", zeros(out_test), 0, 0);
    cell.say("");
  }
}

void dropout_backward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = scaled(random.randn({10, 10}), 1, 10), dout = random.randn({10, 10});
  const DropoutParam param{.p = 0.2, .seed = 123};
  const auto cache = dropout_forward<double>(x, param, random).second;
  const auto dx = dropout_backward<double>(dout, cache);
  const auto dx_num = eval_numerical_gradient_array(
      [&](View xx) { return dropout_forward<double>(xx, param, random).first; }, Tensor<double>(x), dout);
  cell.below("dx relative error", rel_error(dx, dx_num), 1e-9, printed_value("dropout_backward.error"));
}

void nets(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto X = random.randn({2, 15});
  const std::vector<Label> y = random_labels(random, 10, 2);
  FullyConnectedNetOptions options;
  options.hidden_dims = {20, 30};
  options.input_dim = 15;
  options.weight_scale = 5e-2;
  options.seed = 123;
  const auto run = [&](double dropout, const char* printed_loss, const char* printed_errors) {
    options.dropout = dropout;
    FullyConnectedNet<double> model(options, random);
    cell.say("Running check with dropout =  ", dropout);
    const std::string prefix = fmt::format("dropout {}: ", dropout);
    const double loss = model.loss(X, y).loss;
    cell.shown_as(fmt::format("Initial loss:  {}", loss))
        .equals(prefix + "Initial loss", {loss}, printed_values(printed_loss), 1e-12);
    check_gradients(
        cell, prefix, model, X, y, printed_errors,
        {{"W1", 1e-5}, {"W2", dropout == 1 ? 1e-4 : 1e-5}, {"W3", 1e-5}, {"b1", 1e-5}, {"b2", 1e-5}, {"b3", 1e-5}});
    cell.say("");
  };
  run(1, "fully_connected_net.loss", "dropout_net.errors_1");
  run(0.75, "dropout_net.loss_0.75", "dropout_net.errors_0.75");
  run(0.5, "dropout_net.loss_0.5", "dropout_net.errors_0.5");
}

void regularization(Cell& cell) {
  Notebook& notebook = cell.notebook();
  notebook.random.seed(231);
  const SolverData data = small_data(notebook.data(), 500);
  SolverOptions options;
  options.update_rule = UpdateRule::adam;
  options.optim_config.learning_rate = 5e-4;
  options.num_epochs = 25;
  options.print_every = 100;
  History histories[2];
  for (const int i : {0, 1}) {
    FullyConnectedNetOptions net;
    net.hidden_dims = {500};
    net.input_dim = notebook.data().example_shape().size();
    net.num_classes = static_cast<Index>(notebook.data().class_names.size());
    net.dropout = i == 0 ? 1 : 0.25;
    FullyConnectedNet<float> model(net, notebook.random);
    cell.say(net.dropout);
    RandomState whole = notebook.random;
    if (i == 0) skip_training(whole, data, options);
    options.num_epochs = notebook.quick() ? 5 : 25;
    histories[i] = train(cell, fmt::format("dropout {}", net.dropout), model, data, options);
    if (i == 0) notebook.random = whole;  // the next net is drawn as after 25 epochs
    const double printed =
        printed_value(i == 0 ? "dropout_experiment.first_loss" : "dropout_experiment.first_loss_0.25");
    cell.equals(fmt::format("dropout {}: first loss", net.dropout), {histories[i].loss_history.at(0)}, {printed},
                kLossTolerance * printed, kLossNote, When::cifar10);
  }
  const auto gap = [&](int i) { return histories[i].train_acc_history.back() - histories[i].val_acc_history.back(); };
  const std::vector<double>&with = printed_values("dropout_experiment.accuracies_0.25"),
        &without = printed_values("dropout_experiment.accuracies");
  cell.below("training minus validation accuracy at the end, with dropout minus without", gap(1) - gap(0), 0,
             (with[0] - with[1]) - (without[0] - without[1]), "the answer: dropout prevents overfitting",
             When::cifar10_in_full);
  NotebookExperiment& experiment = cell.experiment(
      "Regularization experiment",
      fmt::format(
          "Two-layer nets on {} images with adam, {} epochs, without dropout and with a keep probability of 0.25. "
          "At the end the training accuracy is {:.3f} without and {:.3f} with dropout, the validation accuracy "
          "{:.3f} and {:.3f}.",
          data.train.size(), options.num_epochs, histories[0].train_acc_history.back(),
          histories[1].train_acc_history.back(), histories[0].val_acc_history.back(),
          histories[1].val_acc_history.back()));
  experiment.histories = training_plots({{"1.00 dropout", &histories[0]}, {"0.25 dropout", &histories[1]}});
}

}  // namespace

void run_dropout(Notebook& notebook) {
  notebook.cell("4", "Load the data", data_cell);
  notebook.cell("5", "Dropout forward pass", dropout_forward_cell);
  notebook.cell("6", "Dropout backward pass", dropout_backward_cell);
  notebook.cell("Question 1", "Inline question 1: dropout without dividing by p", dropout_scale_question);
  notebook.cell("7", "Fully-connected nets with dropout", nets);
  notebook.cell("8", "Regularization experiment", regularization);
  notebook.cell("Question 2", "Inline question 2: dropout as a regularizer", dropout_regularizer_question);
  notebook.cell("Question 3", "Inline question 3: p and the size of the layers", dropout_size_question);
}

}  // namespace lamina::reproduce
