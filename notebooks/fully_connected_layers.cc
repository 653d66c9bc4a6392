// Cells 5 to 11, 14 and 17 of the first notebook: layers, losses, nets and update rules against their printed values.
#include "notebooks/fully_connected_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lamina/layers/affine.h"
#include "lamina/layers/relu.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/layers/svm_loss.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/nets/two_layer_net.h"
#include "lamina/optim/update_rule.h"
#include "lamina/sandwiches/affine_relu.h"
#include "notebooks/layer_checks.h"
#include "notebooks/printed_values.h"

namespace lamina::reproduce {
namespace {

Tensor<double> affine_relu(View x, View w, View b, AffineReluCache<double>& cache) {
  Tensor<double> out;
  affine_relu_forward(x, w, b, out, cache);
  return out;
}

void set(TensorView<double>& parameter, double first, double last) {
  const Tensor<double> values = linspace(first, last, parameter.shape());
  std::copy(values.begin(), values.end(), parameter.begin());
}

}  // namespace

void affine_forward_cell(Cell& cell) {
  const auto x = linspace(-0.1, 0.5, {2, 4, 5, 6}), w = linspace(-0.2, 0.3, {120, 3}), b = linspace(-0.3, 0.1, {3});
  const auto correct_out = array({2, 3}, printed_values("affine_forward.correct_out"));
  cell.say("Testing affine_forward function:");
  cell.equals("difference", {rel_error(affine_forward(x, w, b).first, correct_out)},
              printed_values("affine_forward.difference"), 1e-14);
}

void affine_backward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = random.randn({10, 2, 3}), w = random.randn({6, 5}), b = random.randn({5}),
             dout = random.randn({10, 5});
  const auto dx = eval_numerical_gradient_array([&](View v) { return affine_forward(v, w, b).first; }, x, dout);
  const auto dw = eval_numerical_gradient_array([&](View v) { return affine_forward(x, v, b).first; }, w, dout);
  const auto db = eval_numerical_gradient_array([&](View v) { return affine_forward(x, w, v).first; }, b, dout);
  const auto cache = affine_forward(x, w, b).second;
  const AffineGradients<double> grad = affine_backward<double>(dout, cache);
  cell.say("Testing affine_backward function:");
  const std::vector<double>& printed = printed_values("affine_backward.errors");
  cell.below("dx error", rel_error(dx, grad.dx), 1e-9, printed[0]);
  cell.below("dw error", rel_error(dw, grad.dw), 1e-9, printed[1]);
  cell.below("db error", rel_error(db, grad.db), 1e-9, printed[2]);
}

void relu_forward_cell(Cell& cell) {
  const auto x = linspace(-0.5, 0.5, {3, 4});
  const auto correct_out = array({3, 4}, printed_values("relu_forward.correct_out"));
  cell.say("Testing relu_forward function:");
  cell.equals("difference", {rel_error(relu_forward<double>(x).first, correct_out)},
              printed_values("relu_forward.difference"), 1e-13);
}

void relu_backward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = random.randn({10, 10}), dout = random.randn({10, 10});
  const auto dx = eval_numerical_gradient_array([](View v) { return relu_forward<double>(v).first; }, x, dout);
  const auto [out, cache] = relu_forward<double>(x);
  cell.say("Testing relu_backward function:");
  cell.below("dx error", rel_error(dx, relu_backward<double>(dout, cache)), 1e-11, printed_value("relu_backward.error"),
             "the cell's code is lost; its inputs are taken as randn(10, 10) twice after seed 231");
}

void sandwich_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = random.randn({2, 3, 4}), w = random.randn({12, 10}), b = random.randn({10}),
             dout = random.randn({2, 10});
  AffineReluCache<double> cache, other;
  const auto out = affine_relu(x, w, b, cache);
  Tensor<double> dx, dw({12, 10}), db({10});
  affine_relu_backward<double>(dout, cache, &dx, dw, db);
  const auto dx_num = eval_numerical_gradient_array([&](View v) { return affine_relu(v, w, b, other); }, x, dout);
  const auto dw_num = eval_numerical_gradient_array([&](View v) { return affine_relu(x, v, b, other); }, w, dout);
  const auto db_num = eval_numerical_gradient_array([&](View v) { return affine_relu(x, w, v, other); }, b, dout);
  cell.say("Testing affine_relu_forward and affine_relu_backward:");
  const std::vector<double>& printed = printed_values("affine_relu.errors");
  cell.below("dx error", rel_error(dx_num, dx), 1e-9, printed[0]);
  cell.below("dw error", rel_error(dw_num, dw), 1e-9, printed[1]);
  cell.below("db error", rel_error(db_num, db), 1e-9, printed[2]);
}

void losses_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = scaled(random.randn({50, 10}), 0.001, 0);
  const std::vector<Label> y = random_labels(random, 10, 50);
  const auto svm_num = eval_numerical_gradient([&](View v) { return svm_loss<double>(v, y).first; }, x);
  const auto [svm, svm_dx] = svm_loss<double>(x, y);
  cell.say("Testing svm_loss:");
  cell.equals("loss", {svm}, printed_values("svm_loss.loss"), 1e-12);
  cell.below("dx error", rel_error(svm_num, svm_dx), 1e-8, printed_value("svm_loss.error"));
  const auto softmax_num = eval_numerical_gradient([&](View v) { return softmax_loss<double>(v, y).first; }, x);
  const auto [loss, dx] = softmax_loss<double>(x, y);
  cell.say("\nTesting softmax_loss:");
  cell.equals("softmax loss", {loss}, printed_values("softmax_loss.loss"), 1e-12);
  cell.below("softmax dx error", rel_error(softmax_num, dx), 1e-7, printed_value("softmax_loss.error"));
}

void two_layer_net_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  constexpr Index N = 3, D = 5, H = 50, C = 7;
  random.randn(Shape{N, D});
  random_labels(random, C, N);
  constexpr double std = 1e-3;
  TwoLayerNet<double> model({D, H, C, std, 0}, random);
  cell.say("Testing initialization ...");
  const auto& params = std::as_const(model).params();
  cell.below("|std of W1 - 1e-3|", std::abs(deviation(params["W1"].flat()) - std), std / 10, kNotPrinted);
  cell.below("|std of W2 - 1e-3|", std::abs(deviation(params["W2"].flat()) - std), std / 10, kNotPrinted);
  const auto is_zero = [](double b) { return b == 0; };
  for (const char* name : {"b1", "b2"})
    cell.equals(std::string("largest of ") + name,
                {std::all_of(params[name].begin(), params[name].end(), is_zero) ? 0.0 : 1.0}, {0}, 0);

  cell.say("Testing test-time forward pass ...");
  set(model.params()["W1"], -0.7, 0.3);
  set(model.params()["b1"], -0.1, 0.9);
  set(model.params()["W2"], -0.3, 0.4);
  set(model.params()["b2"], -0.9, 0.1);
  const auto transposed = linspace(-5.5, 4.5, {D, N});
  Tensor<double> X(Shape{N, D});
  for (Index n = 0; n < N; ++n)
    for (Index d = 0; d < D; ++d) X(n, d) = transposed(d, n);
  const auto correct_scores = array({3, 6}, printed_values("two_layer_net.scores"));
  const Tensor<double>& scores = model.loss(X);
  double difference = 0;
  for (Index n = 0; n < N; ++n)
    for (Index c = 0; c < 6; ++c) difference += std::abs(scores(n, c) - correct_scores(n, c));
  cell.below("difference of scores", difference, 1e-6, kNotPrinted, "of six columns: the text cuts off the seventh");

  cell.say("Testing training loss (no regularization)");
  const std::vector<Label> y = {0, 5, 1};
  cell.equals("training loss", {model.loss(X, y).loss}, printed_values("two_layer_net.loss"), 1e-10);
  model.reg = 1;
  cell.equals("training loss with reg = 1", {model.loss(X, y).loss}, printed_values("two_layer_net.loss_reg_1"), 1e-10);

  model.reg = 0;
  cell.say("Running numeric gradient check with reg =  0.0");
  check_gradients(cell, "reg 0.0: ", model, X, y, "two_layer_net.errors",
                  {{"W1", 1e-6}, {"W2", 1e-6}, {"b1", 1e-6}, {"b2", 1e-6}});
  model.reg = 0.7;
  cell.say("Running numeric gradient check with reg =  0.7");
  check_gradients(cell, "reg 0.7: ", model, X, y, "two_layer_net.errors_reg_0.7",
                  {{"W1", 1e-6}, {"W2", 1e-6}, {"b1", 1e-6}, {"b2", 1e-6}});
}

void initial_loss_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto X = random.randn({2, 15});
  const std::vector<Label> y = random_labels(random, 10, 2);
  FullyConnectedNetOptions options;
  options.hidden_dims = {20, 30};
  options.input_dim = 15;
  options.weight_scale = 5e-2;
  const auto run = [&](double reg, const char* printed_loss, const char* printed_errors) {
    options.reg = reg;
    FullyConnectedNet<double> model(options, random);
    cell.say("Running check with reg =  ", reg);
    const std::string prefix = reg == 0 ? "reg 0: " : "reg 3.14: ";
    const double loss = model.loss(X, y).loss;
    cell.shown_as(fmt::format("Initial loss:  {}", loss))
        .equals(prefix + "Initial loss", {loss}, printed_values(printed_loss), 1e-12);
    check_gradients(
        cell, prefix, model, X, y, printed_errors,
        {{"W1", 1e-6}, {"W2", reg == 0 ? 1e-4 : 1e-6}, {"W3", 1e-6}, {"b1", 1e-6}, {"b2", 1e-6}, {"b3", 1e-6}});
  };
  run(0, "fully_connected_net.loss", "fully_connected_net.errors");
  run(3.14, "fully_connected_net.loss_reg_3.14", "fully_connected_net.errors_reg_3.14");
}

void update_rule_cell(Cell& cell) {
  auto w = linspace(-0.4, 0.6, {4, 5});
  const auto dw = linspace(-0.6, 0.4, {4, 5});
  OptimState<double> state;
  state.tensors["velocity"] = linspace(0.6, 0.9, {4, 5});
  OptimConfig config;
  config.learning_rate = 1e-3;
  sgd_momentum(w, dw, config, state);
  const auto next_w = array({4, 5}, printed_values("sgd_momentum.next_w"));
  const auto velocity = array({4, 5}, printed_values("sgd_momentum.velocity"));
  cell.equals("next_w error", {rel_error(w, next_w)}, printed_values("sgd_momentum.next_w_error"), 1e-14);
  cell.equals("velocity error", {rel_error(velocity, state.tensors["velocity"])},
              printed_values("sgd_momentum.velocity_error"), 1e-14);
}

}  // namespace lamina::reproduce
