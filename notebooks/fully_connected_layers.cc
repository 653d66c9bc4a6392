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
  const auto correct_out = array({2, 3}, {1.49834967, 1.70660132, 1.91485297, 3.25553199, 3.5141327, 3.77273342});
  cell.say("Testing affine_forward function:");
  cell.equals("difference", {rel_error(affine_forward(x, w, b).first, correct_out)}, {9.76984888397517e-10}, 1e-14);
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
  cell.below("dx error", rel_error(dx, grad.dx), 1e-9, 1.0908199508708189e-10);
  cell.below("dw error", rel_error(dw, grad.dw), 1e-9, 2.1752635504596857e-10);
  cell.below("db error", rel_error(db, grad.db), 1e-9, 7.736978834487815e-12);
}

void relu_forward_cell(Cell& cell) {
  const auto x = linspace(-0.5, 0.5, {3, 4});
  const auto correct_out =
      array({3, 4}, {0, 0, 0, 0, 0, 0, 0.04545455, 0.13636364, 0.22727273, 0.31818182, 0.40909091, 0.5});
  cell.say("Testing relu_forward function:");
  cell.equals("difference", {rel_error(relu_forward<double>(x).first, correct_out)}, {4.999999798022158e-08}, 1e-13);
}

void relu_backward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = random.randn({10, 10}), dout = random.randn({10, 10});
  const auto dx = eval_numerical_gradient_array([](View v) { return relu_forward<double>(v).first; }, x, dout);
  const auto [out, cache] = relu_forward<double>(x);
  cell.say("Testing relu_backward function:");
  cell.below("dx error", rel_error(dx, relu_backward<double>(dout, cache)), 1e-11, 3.2756349136310288e-12,
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
  cell.below("dx error", rel_error(dx_num, dx), 1e-9, 6.395535042049294e-11);
  cell.below("dw error", rel_error(dw_num, dw), 1e-9, 8.162015570444288e-11);
  cell.below("db error", rel_error(db_num, db), 1e-9, 7.826724021458994e-12);
}

void losses_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = scaled(random.randn({50, 10}), 0.001, 0);
  const std::vector<Label> y = random_labels(random, 10, 50);
  const auto svm_num = eval_numerical_gradient([&](View v) { return svm_loss<double>(v, y).first; }, x);
  const auto [svm, svm_dx] = svm_loss<double>(x, y);
  cell.say("Testing svm_loss:");
  cell.equals("loss", {svm}, {8.999602749096233}, 1e-12);
  cell.below("dx error", rel_error(svm_num, svm_dx), 1e-8, 1.4021566006651672e-09);
  const auto softmax_num = eval_numerical_gradient([&](View v) { return softmax_loss<double>(v, y).first; }, x);
  const auto [loss, dx] = softmax_loss<double>(x, y);
  cell.say("\nTesting softmax_loss:");
  cell.equals("softmax loss", {loss}, {2.302545844500738}, 1e-12);
  cell.below("softmax dx error", rel_error(softmax_num, dx), 1e-7, 9.384673161989355e-09);
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
  const auto correct_scores =
      array({3, 6}, {11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 12.05769098,
                     12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 12.58373087, 13.20054771,
                     13.81736455, 14.43418138, 15.05099822, 15.66781506});
  const Tensor<double>& scores = model.loss(X);
  double difference = 0;
  for (Index n = 0; n < N; ++n)
    for (Index c = 0; c < 6; ++c) difference += std::abs(scores(n, c) - correct_scores(n, c));
  cell.below("difference of scores", difference, 1e-6, kNotPrinted, "of six columns: the text cuts off the seventh");

  cell.say("Testing training loss (no regularization)");
  const std::vector<Label> y = {0, 5, 1};
  cell.equals("training loss", {model.loss(X, y).loss}, {3.4702243556}, 1e-10);
  model.reg = 1;
  cell.equals("training loss with reg = 1", {model.loss(X, y).loss}, {26.5948426952}, 1e-10);

  model.reg = 0;
  cell.say("Running numeric gradient check with reg =  0.0");
  check_gradients(cell, "reg 0.0: ", model, X, y,
                  {{"W1", 1.53e-08, 1e-6}, {"W2", 3.37e-10, 1e-6}, {"b1", 8.01e-09, 1e-6}, {"b2", 4.33e-10, 1e-6}});
  model.reg = 0.7;
  cell.say("Running numeric gradient check with reg =  0.7");
  check_gradients(cell, "reg 0.7: ", model, X, y,
                  {{"W1", 2.53e-07, 1e-6}, {"W2", 7.98e-08, 1e-6}, {"b1", 1.35e-08, 1e-6}, {"b2", 1.97e-09, 1e-6}});
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
  const auto run = [&](double reg, double initial_loss, const std::vector<PrintedError>& errors) {
    options.reg = reg;
    FullyConnectedNet<double> model(options, random);
    cell.say("Running check with reg =  ", reg);
    const std::string prefix = reg == 0 ? "reg 0: " : "reg 3.14: ";
    const double loss = model.loss(X, y).loss;
    cell.shown_as(fmt::format("Initial loss:  {}", loss))
        .equals(prefix + "Initial loss", {loss}, {initial_loss}, 1e-12);
    check_gradients(cell, prefix, model, X, y, errors);
  };
  run(0, 2.3004790897684924,
      {{"W1", 1.48e-07, 1e-6},
       {"W2", 2.21e-05, 1e-4},
       {"W3", 3.53e-07, 1e-6},
       {"b1", 5.38e-09, 1e-6},
       {"b2", kNotPrinted, 1e-6},
       {"b3", 5.80e-11, 1e-6}});
  run(3.14, 7.052114776533016,
      {{"W1", 7.36e-09, 1e-6},
       {"W2", 6.87e-08, 1e-6},
       {"W3", 3.48e-08, 1e-6},
       {"b1", 1.48e-08, 1e-6},
       {"b2", 1.72e-09, 1e-6},
       {"b3", 1.80e-10, 1e-6}});
}

void update_rule_cell(Cell& cell) {
  auto w = linspace(-0.4, 0.6, {4, 5});
  const auto dw = linspace(-0.6, 0.4, {4, 5});
  OptimState<double> state;
  state.tensors["velocity"] = linspace(0.6, 0.9, {4, 5});
  OptimConfig config;
  config.learning_rate = 1e-3;
  sgd_momentum(w, dw, config, state);
  const auto next_w = array({4, 5}, {0.1406,     0.20738947, 0.27417895, 0.34096842, 0.40775789, 0.47454737, 0.54133684,
                                     0.60812632, 0.67491579, 0.74170526, 0.80849474, 0.87528421, 0.94207368, 1.00886316,
                                     1.07565263, 1.14244211, 1.20923158, 1.27602105, 1.34281053, 1.4096});
  const auto velocity =
      array({4, 5}, {0.5406,     0.55475789, 0.56891579, 0.58307368, 0.59723158, 0.61138947, 0.62554737,
                     0.63970526, 0.65386316, 0.66802105, 0.68217895, 0.69633684, 0.71049474, 0.72465263,
                     0.73881053, 0.75296842, 0.76712632, 0.78128421, 0.79544211, 0.8096});
  cell.equals("next_w error", {rel_error(w, next_w)}, {8.882347033505819e-09}, 1e-14);
  cell.equals("velocity error", {rel_error(velocity, state.tensors["velocity"])}, {4.269287743278663e-09}, 1e-14);
}

}  // namespace lamina::reproduce
