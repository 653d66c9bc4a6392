#include "notebooks/batch_normalization_layers.h"

#include <fmt/format.h>

#include <chrono>

#include "lamina/layers/affine_naive.h"
#include "lamina/layers/batchnorm.h"
#include "lamina/layers/layernorm.h"
#include "lamina/layers/relu_naive.h"
#include "lamina/nets/fully_connected_net.h"
#include "notebooks/layer_checks.h"
#include "notebooks/printed_values.h"

namespace lamina::reproduce {
namespace {

/// np.maximum(0, X.dot(W1)).dot(W2)
Tensor<double> two_layers(View X, View W1, View W2) {
  const Tensor<double> none1({W1.dim(1)}), none2({W2.dim(1)});
  return naive::affine_forward<double>(naive::relu_forward<double>(naive::affine_forward<double>(X, W1, none1)), W2,
                                       none2);
}

struct NormInputs {
  Tensor<double> x, gamma, beta, dout;
};
NormInputs norm_inputs(RandomState& random, Index N, Index D) {
  random.seed(231);
  NormInputs in;
  in.x = scaled(random.randn({N, D}), 5, 12);
  in.gamma = random.randn({D});
  in.beta = random.randn({D});
  in.dout = random.randn({N, D});
  return in;
}

}  // namespace

void batchnorm_forward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto X = random.randn({200, 50}), W1 = random.randn({50, 60}), W2 = random.randn({60, 3});
  const auto a = two_layers(X, W1, W2);
  const Statistics before = of_columns(a);
  cell.say("Before batch normalization:");
  cell.equals("means", before.means, printed_values("batchnorm_forward.means"), kPrinted);
  cell.equals("stds", before.stds, printed_values("batchnorm_forward.stds"), kPrinted);
  BatchNormParam<double> bn_param;
  const Tensor<double> ones({3}, 1.0), zeros({3});
  const Statistics plain = of_columns(batchnorm_forward(a, ones, zeros, bn_param).first);
  cell.say("After batch normalization (gamma=1, beta=0)");
  cell.below("largest mean (gamma=1, beta=0)", max_abs(plain.means), 1e-15,
             printed_value("batchnorm_forward.largest_mean"));
  cell.equals("stds (gamma=1, beta=0)", plain.stds, printed_values("batchnorm_forward.normalized_stds"), kPrinted);
  const auto gamma = array({3}, {1, 2, 3}), beta = array({3}, {11, 12, 13});
  const Statistics moved = of_columns(batchnorm_forward(a, gamma, beta, bn_param).first);
  cell.say("After batch normalization (gamma= [1. 2. 3.], beta= [11. 12. 13.])");
  cell.equals("means (gamma, beta)", moved.means, printed_values("batchnorm_forward.scaled_means"), kPrinted);
  cell.equals("stds (gamma, beta)", moved.stds, printed_values("batchnorm_forward.scaled_stds"), kPrinted);
}

void batchnorm_test_time_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto W1 = random.randn({50, 60}), W2 = random.randn({60, 3});
  const Tensor<double> gamma({3}, 1.0), beta({3});
  BatchNormParam<double> bn_param;
  for (int t = 0; t < 50; ++t) batchnorm_forward(two_layers(random.randn({200, 50}), W1, W2), gamma, beta, bn_param);
  bn_param.mode = Mode::test;
  const auto a = two_layers(random.randn({200, 50}), W1, W2);
  const Statistics found = of_columns(batchnorm_forward(a, gamma, beta, bn_param).first);
  cell.say("After batch normalization (test-time):");
  cell.equals("means (test-time)", found.means, printed_values("batchnorm_test_time.means"), kPrinted,
              test_time_note("batchnorm_test_time.means_of_batch"));
  cell.equals("stds (test-time)", found.stds, printed_values("batchnorm_test_time.stds"), kPrinted,
              test_time_note("batchnorm_test_time.stds_of_batch"));
}

void batchnorm_backward_cell(Cell& cell) {
  const auto [x, gamma, beta, dout] = norm_inputs(cell.notebook().random, 4, 5);
  const TensorView<double> X = x, G = gamma, B = beta;
  BatchNormParam<double> bn_param;
  const auto dx = eval_numerical_gradient_array([&](View v) { return batchnorm_forward(v, G, B, bn_param).first; },
                                                Tensor<double>(x), dout);
  const auto da = eval_numerical_gradient_array([&](View v) { return batchnorm_forward(X, v, B, bn_param).first; },
                                                Tensor<double>(gamma), dout);
  const auto db = eval_numerical_gradient_array([&](View v) { return batchnorm_forward(X, G, v, bn_param).first; },
                                                Tensor<double>(beta), dout);
  const auto cache = batchnorm_forward(X, G, B, bn_param).second;
  const NormGradients<double> grad = batchnorm_backward<double>(dout, cache);
  const std::vector<double>& printed = printed_values("batchnorm_backward.errors");
  cell.below("dx error", rel_error(dx, grad.dx), 1e-8, printed[0]);
  cell.below("dgamma error", rel_error(da, grad.dgamma), 1e-8, printed[1]);
  cell.below("dbeta error", rel_error(db, grad.dbeta), 1e-8, printed[2]);
}

void batchnorm_alternative_cell(Cell& cell) {
  const auto [x, gamma, beta, dout] = norm_inputs(cell.notebook().random, 100, 500);
  BatchNormParam<double> bn_param;
  const auto cache = batchnorm_forward<double>(x, gamma, beta, bn_param).second;
  NormGradients<double> one, two;
  using Clock = std::chrono::steady_clock;
  Clock::duration first = Clock::duration::max(), second = first;  // the shortest of some rounds
  for (int round = 0; round < 20; ++round) {
    const auto t1 = Clock::now();
    one = batchnorm_backward<double>(dout, cache);
    const auto t2 = Clock::now();
    two = batchnorm_backward_alt<double>(dout, cache);
    const auto t3 = Clock::now();
    first = std::min(first, t2 - t1);
    second = std::min(second, t3 - t2);
  }
  const double speedup =
      std::chrono::duration<double>(first).count() / std::max(std::chrono::duration<double>(second).count(), 1e-9);
  const std::vector<double>& printed = printed_values("batchnorm_backward_alt.differences");
  cell.below("dx difference", rel_error(one.dx, two.dx), 1e-11, printed[0]);
  cell.below("dgamma difference", rel_error(one.dgamma, two.dgamma), 1e-11, printed[1],
             "the two add up in another order here");
  cell.below("dbeta difference", rel_error(one.dbeta, two.dbeta), 1e-11, printed[2],
             "the two add up in another order here");
  cell.shown_as(fmt::format("speedup: {:.2f}x", speedup));
  cell.above("speedup", speedup, 1, printed_value("batchnorm_backward_alt.speedup"),
             "the text: \"should be a bit faster\"; the shortest of 20 rounds each");
}

void batchnorm_net_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto X = random.randn({2, 15});
  const std::vector<Label> y = random_labels(random, 10, 2);
  FullyConnectedNetOptions options;
  options.hidden_dims = {20, 30};
  options.input_dim = 15;
  options.weight_scale = 5e-2;
  options.normalization = Normalization::batchnorm;
  const auto run = [&](double reg, const char* printed_loss, const char* printed_errors) {
    options.reg = reg;
    FullyConnectedNet<double> model(options, random);
    cell.say("Running check with reg =  ", reg);
    const std::string prefix = reg == 0 ? "reg 0: " : "reg 3.14: ";
    const double loss = model.loss(X, y).loss;
    cell.shown_as(fmt::format("Initial loss:  {}", loss))
        .equals(prefix + "Initial loss", {loss}, printed_values(printed_loss), 1e-12);
    const double w1 = reg == 0 ? 1e-3 : 1e-4;
    check_gradients(cell, prefix, model, X, y, printed_errors,
                    {{"W1", w1},
                     {"W2", 1e-4},
                     {"W3", 1e-4},
                     {"b1", 1e-8},
                     {"b2", 1e-8},
                     {"b3", 1e-8},
                     {"beta1", 1e-7},
                     {"beta2", 1e-7},
                     {"gamma1", 1e-7},
                     {"gamma2", 1e-7}});
  };
  run(0, "batchnorm_net.loss", "batchnorm_net.errors");
  run(3.14, "batchnorm_net.loss_reg_3.14", "batchnorm_net.errors_reg_3.14");
}

void layernorm_forward_cell(Cell& cell) {
  RandomState& random = cell.notebook().random;
  random.seed(231);
  const auto X = random.randn({4, 50}), W1 = random.randn({50, 60}), W2 = random.randn({60, 3});
  const auto a = two_layers(X, W1, W2);
  const Statistics before = of_rows(a);
  cell.say("Before layer normalization:");
  cell.equals("means", before.means, printed_values("layernorm_forward.means"), kPrinted);
  cell.equals("stds", before.stds, printed_values("layernorm_forward.stds"), kPrinted);
  const Tensor<double> ones({3}, 1.0), zeros({3}), threes({3}, 3.0), fives({3}, 5.0);
  const Statistics plain = of_rows(layernorm_forward<double>(a, ones, zeros).first);
  cell.say("After layer normalization (gamma=1, beta=0)");
  cell.below("largest mean (gamma=1, beta=0)", max_abs(plain.means), 1e-14,
             printed_value("layernorm_forward.largest_mean"));
  cell.equals("stds (gamma=1, beta=0)", plain.stds, printed_values("layernorm_forward.normalized_stds"), kPrinted);
  const Statistics moved = of_rows(layernorm_forward<double>(a, threes, fives).first);
  cell.say("After layer normalization (gamma= [3. 3. 3.], beta= [5. 5. 5.])");
  cell.equals("means (gamma, beta)", moved.means, printed_values("layernorm_forward.scaled_means"), kPrinted);
  cell.equals("stds (gamma, beta)", moved.stds, printed_values("layernorm_forward.scaled_stds"), kPrinted);
}

void layernorm_backward_cell(Cell& cell) {
  const auto [x, gamma, beta, dout] = norm_inputs(cell.notebook().random, 4, 5);
  const TensorView<double> X = x, G = gamma, B = beta;
  const auto dx =
      eval_numerical_gradient_array([&](View v) { return layernorm_forward(v, G, B).first; }, Tensor<double>(x), dout);
  const auto da = eval_numerical_gradient_array([&](View v) { return layernorm_forward(X, v, B).first; },
                                                Tensor<double>(gamma), dout);
  const auto db = eval_numerical_gradient_array([&](View v) { return layernorm_forward(X, G, v).first; },
                                                Tensor<double>(beta), dout);
  const auto cache = layernorm_forward(X, G, B).second;
  const NormGradients<double> grad = layernorm_backward<double>(dout, cache);
  const std::vector<double>& printed = printed_values("layernorm_backward.errors");
  cell.below("dx error", rel_error(dx, grad.dx), 1e-8, printed[0]);
  cell.below("dgamma error", rel_error(da, grad.dgamma), 1e-8, printed[1]);
  cell.below("dbeta error", rel_error(db, grad.dbeta), 1e-8, printed[2]);
}

}  // namespace lamina::reproduce
