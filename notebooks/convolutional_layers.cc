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

namespace lamina::reproduce {
namespace {

/// Half a unit of the eighth decimal place, and rounding.
constexpr double kPrinted = 5.1e-9;

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
  const auto correct_out =
      array({2, 3, 2, 2},
            {-0.08759809, -0.10987781, -0.18387192, -0.2109216, 0.21027089,  0.21661097,  0.22847626,  0.23004637,
             0.50813986,  0.54309974,  0.64082444,  0.67101435, -0.98053589, -1.03143541, -1.19128892, -1.24695841,
             0.69108355,  0.66880383,  0.59480972,  0.56776003, 2.36270298,  2.36904306,  2.38090835,  2.38247847});
  cell.say("Testing conv_forward_naive");
  cell.equals("difference", {rel_error(naive::conv_forward<double>(x, w, b, conv_param), correct_out)},
              {2.2121476417505994e-08}, 1e-13);
  cell.equals("difference of the fast convolution", {rel_error(conv_forward(x, w, b, conv_param).first, correct_out)},
              {2.2121476417505994e-08}, 1e-13);
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
  const auto check = [&](const std::string& suffix, const ConvGradients<double>& grad) {
    cell.below("dx error" + suffix, rel_error(grad.dx, dx_num), 1e-7, 1.159803161159293e-08);
    cell.below("dw error" + suffix, rel_error(grad.dw, dw_num), 1e-8, 2.2471264748452487e-10);
    cell.below("db error" + suffix, rel_error(grad.db, db_num), 1e-8, 3.37264006649648e-11);
  };
  cell.say("Testing conv_backward_naive function");
  check("", naive::conv_backward<double>(dout, x, w, conv_param));
  const auto cache = conv_forward(x, w, b, conv_param).second;
  check(" of the fast convolution", conv_backward<double>(dout, cache));
}

void max_pool_forward_cell(Cell& cell) {
  const auto x = linspace(-0.3, 0.4, {2, 3, 4, 4});
  const PoolParam pool_param{.pool_height = 2, .pool_width = 2, .stride = 2};
  const auto correct_out =
      array({2, 3, 2, 2},
            {-0.26315789, -0.24842105, -0.20421053, -0.18947368, -0.14526316, -0.13052632, -0.08631579, -0.07157895,
             -0.02736842, -0.01263158, 0.03157895,  0.04631579,  0.09052632,  0.10526316,  0.14947368,  0.16421053,
             0.20842105,  0.22315789,  0.26736842,  0.28210526,  0.32631579,  0.34105263,  0.38526316,  0.4});
  const std::string lost_digit = "the text of the notebook has lost a 6 of it: 4.166665157267834e-08";
  cell.say("Testing max_pool_forward_naive function:");
  cell.equals("difference", {rel_error(naive::max_pool_forward<double>(x, pool_param), correct_out)},
              {4.1666665157267834e-08}, 1e-16, lost_digit);
  cell.equals("difference of the fast pooling", {rel_error(max_pool_forward<double>(x, pool_param).first, correct_out)},
              {4.1666665157267834e-08}, 1e-16, lost_digit);
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
             3.27562514223145e-12);
  cell.below("dx error of the fast pooling", rel_error(max_pool_backward<double>(dout, cache), dx_num), 1e-11,
             3.27562514223145e-12);
}

void spatial_batchnorm_forward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = scaled(random.randn({2, 3, 4, 5}), 4, 10);
  const Statistics before = of_channels(x);
  cell.say("Before spatial batch normalization:");
  cell.equals("Means", before.means, {9.33463814, 8.90909116, 9.11056338}, kPrinted);
  cell.equals("Stds", before.stds, {3.61447857, 3.19347686, 3.5168142}, kPrinted);
  BatchNormParam<double> bn_param;
  const Tensor<double> ones({3}, 1.0), zeros({3});
  const auto out = spatial_batchnorm_forward<double>(x, ones, zeros, bn_param).first;
  const Statistics plain = of_channels(out);
  cell.say("After spatial batch normalization:");
  cell.shown_as("Shape:  " + out.shape().to_string()).equals("Shape", lengths(out.shape()), {2, 3, 4, 5}, 0);
  cell.below("largest mean", max_abs(plain.means), 1e-14, 6.18949336e-16);
  cell.equals("Stds after", plain.stds, {0.99999962, 0.99999951, 0.9999996}, kPrinted);
  const auto gamma = array({3}, {3, 4, 5}), beta = array({3}, {6, 7, 8});
  const Statistics moved = of_channels(spatial_batchnorm_forward<double>(x, gamma, beta, bn_param).first);
  cell.say("After spatial batch normalization (nontrivial gamma, beta):");
  cell.equals("Means (gamma, beta)", moved.means, {6, 7, 8}, kPrinted);
  cell.equals("Stds (gamma, beta)", moved.stds, {2.99999885, 3.99999804, 4.99999798}, kPrinted);
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
  cell.equals("means (test-time)", found.means, {-0.08034406, 0.07562881, 0.05716371, 0.04378383}, kPrinted,
              std::string(kTestTimeNote) + "[-7.69687344e-15 -6.68606584e-15 -5.13021864e-15 -1.09345193e-14]");
  cell.equals("stds (test-time)", found.stds, {0.96718744, 1.0299714, 1.02887624, 1.00585577}, kPrinted,
              std::string(kTestTimeNote) + "[0.99999898 0.9999991 0.99999909 0.99999904]");
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
  cell.below("dx error", rel_error(dx, grad.dx), 1e-6, 2.786648201640115e-07);
  cell.below("dgamma error", rel_error(da, grad.dgamma), 1e-6, 7.0974817113608705e-12);
  cell.below("dbeta error", rel_error(db, grad.dbeta), 1e-6, 3.275608725278405e-12);
}

void groupnorm_forward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto x = scaled(random.randn({2, 6, 4, 5}), 4, 10);
  const Statistics before = of_groups(x, 2);
  cell.say("Before spatial group normalization:");
  cell.equals("Means", before.means, {9.72505327, 8.51114185, 8.9147544, 9.43448077}, kPrinted);
  cell.equals("Stds", before.stds, {3.67070958, 3.09892597, 4.27043622, 3.97521327}, kPrinted);
  const Tensor<double> gamma({1, 6, 1, 1}, 1.0), beta({1, 6, 1, 1});
  const auto out = spatial_groupnorm_forward(x, gamma, beta, 2).first;
  const Statistics after = of_groups(out, 2);
  cell.say("After spatial group normalization:");
  cell.shown_as("Shape:  " + out.shape().to_string());
  cell.equals("Shape", lengths(out.shape()), {2, 6, 4, 5}, 0,
              "the notebook's output contradicts its text: it prints (1, 1, 1, 2, 6, 4, 5), with axes left over from "
              "broadcasting; a layer's output has its input's shape");
  cell.below("largest mean", max_abs(after.means), 1e-14, 5.25505565e-16);
  cell.equals("Stds after", after.stds, {0.99999963, 0.99999948, 0.99999973, 0.99999968}, kPrinted);
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
  cell.below("dx error", rel_error(dx, grad.dx), 1e-6, 6.34590431845254e-08);
  cell.below("dgamma error", rel_error(da, grad.dgamma), 1e-7, 1.0546047434202244e-11);
  cell.below("dbeta error", rel_error(db, grad.dbeta), 1e-7, 3.810857316122484e-12);
}

void conv_net_loss_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;  // goes on from the cell before
  const ConvNet<float> made({}, random);
  const auto X = random.randn({50, 3, 32, 32});
  const std::vector<Label> y = random_labels(random, 10, 50);
  ConvNet<double> model = made.to<double>();  // NumPy computes in double where X is
  cell.equals("Initial loss (no regularization)", {model.loss(X, y).loss}, {2.3116596580092312}, 1e-12);
  cell.equals("log(10)", {std::log(10)}, {2.302585092994046}, 1e-15);
  model.reg = 0.5;
  cell.equals("Initial loss (with regularization)", {model.loss(X, y).loss}, {2.3356916237697454}, 1e-9,
              "NumPy adds up the squares of float32 weights in float32");
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
  cell.equals("W_1 max relative error", {worst}, {4.684024e-01}, 1e-6,
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
  check("W_2", 3.027209e-05, stride);
  check("W_3", 1.521006e-06, stride);
  check("b_1", 1.628472e-08, 1);
  check("b_2", 1.613293e-08, 1);
  check("b_3", 9.360861e-10, 1);
  check("beta1", 1.034391e-06, 1);
  check("beta2", 4.716913e-07, 1);
  check("gamma1", 3.499269e-06, 1);
  check("gamma2", 1.537313e-05, 1);
}

}  // namespace lamina::reproduce
