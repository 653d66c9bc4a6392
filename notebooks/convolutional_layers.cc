#include "notebooks/convolutional_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lamina/layers/conv.h"
#include "lamina/layers/conv_naive.h"
#include "lamina/layers/groupnorm.h"
#include "lamina/layers/max_pool.h"
#include "lamina/layers/max_pool_naive.h"
#include "lamina/layers/spatial_batchnorm.h"
#include "lamina/nets/conv_net.h"
#include "lamina/threads.h"
#include "notebooks/layer_checks.h"
#include "notebooks/printed_values.h"

namespace lamina::reproduce {
namespace {

/// Each image's groups of channels: out_g = out.reshape((N * G, -1)).
Statistics of_groups(View x, Index G) {
  const Index size = x.size() / (x.dim(0) * G);
  return statistics(x, x.dim(0) * G, [size](Index i) { return i / size; });
}

std::vector<double> lengths(const Shape& shape) { return std::vector<double>(shape.begin(), shape.end()); }

}  // namespace

void conv_forward_cell(Cell& cell) {
  const auto x = linspace(-0.1, 0.5, {2, 3, 4, 4}), w = linspace(-0.2, 0.3, {3, 3, 4, 4}), b = linspace(-0.1, 0.2, {3});
  const ConvParam conv_param{.stride = 2, .pad = 1};
  const auto correct_out = array({2, 3, 2, 2}, printed_values("conv_forward.correct_out"));
  cell.say("Testing conv_forward_naive");
  cell.equals("difference", {rel_error(naive::conv_forward<double>(x, w, b, conv_param), correct_out)},
              printed_values("conv_forward.difference"), 1e-13);
  cell.equals("difference of the fast convolution", {rel_error(conv_forward(x, w, b, conv_param).first, correct_out)},
              printed_values("conv_forward.difference"), 1e-13);
}

void conv_backward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = random.randn({4, 3, 5, 5}), w = random.randn({2, 3, 3, 3}), b = random.randn({2}),
             dout = random.randn({4, 2, 5, 5});
  const ConvParam conv_param{.stride = 1, .pad = 1};
  const auto dx_num = eval_numerical_gradient_array(
      [&](View v) { return naive::conv_forward<double>(v, w, b, conv_param); }, Tensor<double>(x), dout);
  const auto dw_num = eval_numerical_gradient_array(
      [&](View v) { return naive::conv_forward<double>(x, v, b, conv_param); }, Tensor<double>(w), dout);
  const auto db_num = eval_numerical_gradient_array(
      [&](View v) { return naive::conv_forward<double>(x, w, v, conv_param); }, Tensor<double>(b), dout);
  const std::vector<double>& printed = printed_values("conv_backward.errors");
  const auto check = [&](const std::string& suffix, const ConvGradients<double>& grad) {
    cell.below("dx error" + suffix, rel_error(grad.dx, dx_num), 1e-7, printed[0]);
    cell.below("dw error" + suffix, rel_error(grad.dw, dw_num), 1e-8, printed[1]);
    cell.below("db error" + suffix, rel_error(grad.db, db_num), 1e-8, printed[2]);
  };
  cell.say("Testing conv_backward_naive function");
  check("", naive::conv_backward<double>(dout, x, w, conv_param));
  const auto cache = conv_forward(x, w, b, conv_param).second;
  check(" of the fast convolution", conv_backward<double>(dout, cache));
}

void max_pool_forward_cell(Cell& cell) {
  const auto x = linspace(-0.3, 0.4, {2, 3, 4, 4});
  const PoolParam pool_param{.pool_height = 2, .pool_width = 2, .stride = 2};
  const auto correct_out = array({2, 3, 2, 2}, printed_values("max_pool_forward.correct_out"));
  const std::string lost_digit =
      "the text of the notebook has lost a 6 of it: " + printed_text("max_pool_forward.difference_in_text");
  cell.say("Testing max_pool_forward_naive function:");
  cell.equals("difference", {rel_error(naive::max_pool_forward<double>(x, pool_param), correct_out)},
              printed_values("max_pool_forward.difference"), 1e-16, lost_digit);
  cell.equals("difference of the fast pooling", {rel_error(max_pool_forward<double>(x, pool_param).first, correct_out)},
              printed_values("max_pool_forward.difference"), 1e-16, lost_digit);
}

void max_pool_backward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = random.randn({3, 2, 8, 8}), dout = random.randn({3, 2, 4, 4});
  const PoolParam pool_param{.pool_height = 2, .pool_width = 2, .stride = 2};
  const auto dx_num = eval_numerical_gradient_array(
      [&](View v) { return naive::max_pool_forward<double>(v, pool_param); }, Tensor<double>(x), dout);
  const auto cache = max_pool_forward<double>(x, pool_param).second;
  cell.say("Testing max_pool_backward_naive function:");
  cell.below("dx error", rel_error(naive::max_pool_backward<double>(dout, x, pool_param), dx_num), 1e-11,
             printed_value("max_pool_backward.error"));
  cell.below("dx error of the fast pooling", rel_error(max_pool_backward<double>(dout, cache), dx_num), 1e-11,
             printed_value("max_pool_backward.error"));
}

void spatial_batchnorm_forward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = scaled(random.randn({2, 3, 4, 5}), 4, 10);
  const Statistics before = of_channels(x);
  cell.say("Before spatial batch normalization:");
  cell.equals("Means", before.means, printed_values("spatial_batchnorm_forward.means"), kPrinted);
  cell.equals("Stds", before.stds, printed_values("spatial_batchnorm_forward.stds"), kPrinted);
  BatchNormParam<double> bn_param;
  const Tensor<double> ones({3}, 1.0), zeros({3});
  const auto out = spatial_batchnorm_forward<double>(x, ones, zeros, bn_param).first;
  const Statistics plain = of_channels(out);
  cell.say("After spatial batch normalization:");
  cell.shown_as("Shape:  " + out.shape().to_string()).equals("Shape", lengths(out.shape()), {2, 3, 4, 5}, 0);
  cell.below("largest mean", max_abs(plain.means), 1e-14, printed_value("spatial_batchnorm_forward.largest_mean"));
  cell.equals("Stds after", plain.stds, printed_values("spatial_batchnorm_forward.normalized_stds"), kPrinted);
  const auto gamma = array({3}, {3, 4, 5}), beta = array({3}, {6, 7, 8});
  const Statistics moved = of_channels(spatial_batchnorm_forward<double>(x, gamma, beta, bn_param).first);
  cell.say("After spatial batch normalization (nontrivial gamma, beta):");
  cell.equals("Means (gamma, beta)", moved.means, printed_values("spatial_batchnorm_forward.scaled_means"), kPrinted);
  cell.equals("Stds (gamma, beta)", moved.stds, printed_values("spatial_batchnorm_forward.scaled_stds"), kPrinted);
}

void spatial_batchnorm_test_time_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const Shape shape{10, 4, 11, 12};
  const Tensor<double> gamma({4}, 1.0), beta({4});
  BatchNormParam<double> bn_param;
  for (int t = 0; t < 50; ++t)
    spatial_batchnorm_forward<double>(scaled(random.randn(shape), 2.3, 13), gamma, beta, bn_param);
  bn_param.mode = Mode::test;
  const auto x = scaled(random.randn(shape), 2.3, 13);
  const Statistics found = of_channels(spatial_batchnorm_forward<double>(x, gamma, beta, bn_param).first);
  cell.say("After spatial batch normalization (test-time):");
  cell.equals("means (test-time)", found.means, printed_values("spatial_batchnorm_test_time.means"), kPrinted,
              test_time_note("spatial_batchnorm_test_time.means_of_batch"));
  cell.equals("stds (test-time)", found.stds, printed_values("spatial_batchnorm_test_time.stds"), kPrinted,
              test_time_note("spatial_batchnorm_test_time.stds_of_batch"));
}

void spatial_batchnorm_backward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const Shape shape{2, 3, 4, 5};
  const auto x = scaled(random.randn(shape), 5, 12), gamma = random.randn({3}), beta = random.randn({3}),
             dout = random.randn(shape);
  BatchNormParam<double> bn_param;
  const auto forward = [&](View a, View b, View c) { return spatial_batchnorm_forward(a, b, c, bn_param).first; };
  const auto dx =
      eval_numerical_gradient_array([&](View v) { return forward(v, gamma, beta); }, Tensor<double>(x), dout);
  const auto da =
      eval_numerical_gradient_array([&](View v) { return forward(x, v, beta); }, Tensor<double>(gamma), dout);
  const auto db =
      eval_numerical_gradient_array([&](View v) { return forward(x, gamma, v); }, Tensor<double>(beta), dout);
  const auto cache = spatial_batchnorm_forward(x, gamma, beta, bn_param).second;
  const NormGradients<double> grad = spatial_batchnorm_backward<double>(dout, cache);
  const std::vector<double>& printed = printed_values("spatial_batchnorm_backward.errors");
  cell.below("dx error", rel_error(dx, grad.dx), 1e-6, printed[0]);
  cell.below("dgamma error", rel_error(da, grad.dgamma), 1e-6, printed[1]);
  cell.below("dbeta error", rel_error(db, grad.dbeta), 1e-6, printed[2]);
}

void groupnorm_forward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = scaled(random.randn({2, 6, 4, 5}), 4, 10);
  const Statistics before = of_groups(x, 2);
  cell.say("Before spatial group normalization:");
  cell.equals("Means", before.means, printed_values("spatial_groupnorm_forward.means"), kPrinted);
  cell.equals("Stds", before.stds, printed_values("spatial_groupnorm_forward.stds"), kPrinted);
  const Tensor<double> gamma({1, 6, 1, 1}, 1.0), beta({1, 6, 1, 1});
  const auto out = spatial_groupnorm_forward(x, gamma, beta, 2).first;
  const Statistics after = of_groups(out, 2);
  cell.say("After spatial group normalization:");
  cell.shown_as("Shape:  " + out.shape().to_string());
  cell.equals("Shape", lengths(out.shape()), {2, 6, 4, 5}, 0,
              "the notebook's output contradicts its text: it prints (1, 1, 1, 2, 6, 4, 5), with axes left over from "
              "broadcasting; a layer's output has its input's shape");
  cell.below("largest mean", max_abs(after.means), 1e-14, printed_value("spatial_groupnorm_forward.largest_mean"));
  cell.equals("Stds after", after.stds, printed_values("spatial_groupnorm_forward.normalized_stds"), kPrinted);
}

void groupnorm_backward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const Shape shape{2, 6, 4, 5};
  const auto x = scaled(random.randn(shape), 5, 12), gamma = random.randn({1, 6, 1, 1}),
             beta = random.randn({1, 6, 1, 1}), dout = random.randn(shape);
  const auto forward = [](View a, View b, View c) { return spatial_groupnorm_forward(a, b, c, 2).first; };
  const auto dx =
      eval_numerical_gradient_array([&](View v) { return forward(v, gamma, beta); }, Tensor<double>(x), dout);
  const auto da =
      eval_numerical_gradient_array([&](View v) { return forward(x, v, beta); }, Tensor<double>(gamma), dout);
  const auto db =
      eval_numerical_gradient_array([&](View v) { return forward(x, gamma, v); }, Tensor<double>(beta), dout);
  const auto cache = spatial_groupnorm_forward(x, gamma, beta, 2).second;
  const NormGradients<double> grad = spatial_groupnorm_backward<double>(dout, cache);
  const std::vector<double>& printed = printed_values("spatial_groupnorm_backward.errors");
  cell.below("dx error", rel_error(dx, grad.dx), 1e-6, printed[0]);
  cell.below("dgamma error", rel_error(da, grad.dgamma), 1e-7, printed[1]);
  cell.below("dbeta error", rel_error(db, grad.dbeta), 1e-7, printed[2]);
}

void conv_net_loss_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;  // goes on from the cell before
  const ConvNet<float> made({}, random);
  const auto X = random.randn({50, 3, 32, 32});
  const std::vector<Label> y = random_labels(random, 10, 50);
  ConvNet<double> model = made.to<double>();  // NumPy computes in double where X is
  cell.equals("Initial loss (no regularization)", {model.loss(X, y).loss}, printed_values("conv_net.loss"), 1e-12);
  cell.equals("log(10)", {std::log(10)}, printed_values("conv_net.log_10"), 1e-15);
  model.reg = 0.5;
  cell.equals("Initial loss (with regularization)", {model.loss(X, y).loss}, printed_values("conv_net.loss_reg_0.5"),
              1e-9, "NumPy adds up the squares of float32 weights in float32");
}

void conv_net_gradients_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto X = random.randn({2, 3, 8, 8});
  const std::vector<Label> y = random_labels(random, 10, 2);
  ConvNetOptions options;
  options.input_dim = {3, 8, 8};
  ConvNet<double> model(options, random);
  const Alone alone;  // passes this small are not worth a second thread

  // W_1: with the step of the notebook, and with a shorter one where that step is too long.
  model.loss(X, y);
  const Tensor<double> analytic(model.grads()["W_1"]);
  TensorView<double>& W = model.params()["W_1"];
  const auto error = [&](Index i, double h) {
    const auto loss = [&](View) { return model.loss(X, y).loss; };
    const double g = analytic[i];
    return rel_error(eval_numerical_gradient(loss, TensorView<double>(&W[i], Shape{1}), h), array({1}, {g}));
  };
  double worst = 0, worst_mended = 0;
  for (Index i = 0; i < W.size(); ++i) {
    const double long_step = error(i, 1e-6);
    worst = std::max(worst, long_step);
    worst_mended = std::max(worst_mended, long_step < 1e-4 ? long_step : error(i, 1e-7));
  }
  cell.shown_as(fmt::format("W_1 max relative error: {:e}", worst));
  cell.equals("W_1 max relative error", {worst}, printed_values("conv_net.W_1_error"), 1e-6,
              "the gradient is right: a step of 1e-6 on weights of 1e-3 crosses kinks of ReLU and pooling");
  cell.below("W_1 max relative error, with a step of 1e-7 at the kinks", worst_mended, 1e-2, kNotPrinted);

  const Index stride = cell.notebook().quick() ? 31 : 1;
  const auto check = [&](const char* name, double printed, Index every) {
    const GradientError found = gradient_error(model, name, X, y, 1e-6, every);
    const std::string label = std::string(name) + " max relative error";
    if (found.counted > 0)
      cell.shown_as(fmt::format("{}: {:e}", label, found.relative)).below(label, found.relative, 1e-2, printed);
    if (found.others == 0) return;
    const bool none = found.counted == 0;
    cell.below(std::string(name) + " max absolute error", found.absolute, 1e-9, none ? printed : kNotPrinted,
               none ? "the gradient is zero: batch normalization subtracts the mean"
                    : "of the elements whose gradient is below 1e-6 of the net's largest");
  };
  const std::vector<double>& printed = printed_values("conv_net.errors");
  for (std::size_t i = 0; const char* name : {"W_2", "W_3", "b_1", "b_2", "b_3", "beta1", "beta2", "gamma1", "gamma2"})
    check(name, printed[i++], name[0] == 'W' ? stride : 1);
}

}  // namespace lamina::reproduce
