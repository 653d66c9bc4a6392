// Targets of all kinds: losses of numbers, weights of examples and classes, and the scores that go with them.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nets/blocks/blocks.h"
#include "lamina/solver/solver.h"
#include "tests/message_of.h"
#include "tests/solver/own_models.h"

namespace lamina {
namespace {

std::shared_ptr<const Tensor<double>> shared(Tensor<double> tensor) {
  return std::make_shared<const Tensor<double>>(std::move(tensor));
}

// Two numbers for each of N examples: linear functions of its three, or, as labels, whether they are above 0.
Split numbers_split(Index N, std::uint32_t seed, bool as_labels) {
  RandomState random(seed);
  Tensor<double> X = random.randn({N, 3}), t({N, 2});
  for (Index i = 0; i < N; ++i) {
    t(i, 0) = 2 * X(i, 0) - X(i, 1) + 0.5;
    t(i, 1) = X(i, 2) + 3;
    if (!as_labels) continue;
    t(i, 0) = t(i, 0) > 0;
    t(i, 1) = X(i, 2) > 0;
  }
  Split split{Examples(std::move(X))};
  split.targets = shared(std::move(t));
  return split;
}

SolverOptions options_of(Index epochs) {
  SolverOptions options;
  options.update_rule = UpdateRule::adam;
  options.optim_config.learning_rate = 0.05;
  options.batch_size = 20;
  options.num_epochs = epochs;
  options.verbose = false;
  return options;
}

Net<double> linear_net(Loss loss, RandomState& random, Index outputs = 2) {
  return {{3}, {Affine{.outputs = outputs}}, random, {.loss = {.loss = loss}}};
}

TEST(Targets, EveryLossOfNumbersLearns) {
  for (const Loss loss : {Loss::sigmoid, Loss::squared, Loss::absolute, Loss::huber}) {
    SCOPED_TRACE(name_of(loss));
    const bool as_labels = loss == Loss::sigmoid;
    RandomState random(0);
    Net<double> net = linear_net(loss, random);
    Solver solver(net, {numbers_split(200, 1, as_labels), numbers_split(100, 2, as_labels)}, options_of(40), random);
    EXPECT_TRUE(solver.train());
    EXPECT_GT(solver.history().best_val_acc, 0.97);
    EXPECT_EQ(solver.check_accuracy(numbers_split(100, 2, as_labels)), solver.history().best_val_acc)
        << "the best is kept";
    EXPECT_LT(solver.history().val_acc_history.front(), 0.9);
  }
}

TEST(Targets, ScoresBelowZeroAreKept) {
  RandomState random(0);
  Net<double> net = linear_net(Loss::squared, random);
  SolverOptions options = options_of(1);
  options.optim_config.learning_rate = 1e-3;
  std::ostringstream out;
  options.verbose = true;
  options.out = &out;
  Solver solver(net, {numbers_split(200, 1, false), numbers_split(100, 2, false)}, options, random);
  solver.train();
  EXPECT_LT(solver.history().best_val_acc, 0);
  EXPECT_EQ(solver.history().best_val_acc, solver.history().val_acc_history.back());
  EXPECT_NE(solver.best_params().size(), 0u);
  EXPECT_NE(out.str().find("; val R^2: -"), std::string::npos) << out.str();
}

// A step with weights is one with copies: examples that weigh 0 are absent, one that weighs 2 counts twice.
TEST(Targets, WeightsCountAsCopies) {
  for (const bool numbers : {false, true}) {
    Split weighted, copied;
    weighted.X = Examples(RandomState(3).randn({3, 3}));
    weighted.weights = shared(Tensor<double>({3}));
    auto& w = const_cast<Tensor<double>&>(*weighted.weights);
    w[0] = 1;
    w[1] = 2;
    Tensor<double> X({3, 3}), t({3, 2}), copied_t({3, 2});
    weighted.X.slice(0, 3, X);
    for (Index j = 0; j < 6; ++j) t[j] = static_cast<double>(j);
    for (Index row : {0, 1, 2})
      for (Index k = 0; k < 2; ++k) copied_t(row, k) = t(row == 0 ? 0 : 1, k);
    Tensor<double> copied_X = X;
    for (Index k = 0; k < 3; ++k) copied_X(2, k) = X(1, k);
    copied.X = Examples(copied_X);
    if (numbers) {
      weighted.targets = shared(t);
      copied.targets = shared(copied_t);
    } else {
      weighted.y = {0, 1, 0};
      copied.y = {0, 1, 1};
    }
    std::vector<Tensor<double>> gradients;
    for (const Split* split : {&weighted, &copied}) {
      RandomState random(0);
      Net<double> net = linear_net(numbers ? Loss::squared : Loss::softmax, random);
      SolverOptions options = options_of(1);
      options.batch_size = 3;
      options.shuffle = true;
      Solver solver(net, {*split, *split}, options, random);
      solver.train();
      gradients.emplace_back(net.grads()["W1"]);
    }
    for (Index j = 0; j < 6; ++j) EXPECT_NEAR(gradients[0][j], gradients[1][j], 1e-14);
  }
}

TEST(Targets, ClassWeights) {
  const std::vector<Label> y{0, 0, 0, 2};
  EXPECT_EQ(class_weights_of("", y), std::vector<double>());
  EXPECT_EQ(class_weights_of("balanced", y), (std::vector<double>{1.0 / 3, 0, 1}));
  EXPECT_EQ(class_weights_of("1,0.5,2e1,7", y), (std::vector<double>{1, 0.5, 20, 7}));
  EXPECT_EQ(message_of([&] { class_weights_of("1,2", y); }),
            "[Solver] expected class_weights for 3 classes or more, got 2: '1,2'");
  for (const char* wrong : {"evenly", "1,,2", "1,2,-3", "1,2,nan", "1 2 3", ","})
    EXPECT_EQ(message_of([&] { class_weights_of(wrong, y); }),
              "[Solver] expected class_weights to be 'balanced' or numbers of at least 0, separated by commas, got '" +
                  std::string(wrong) + "'");
  EXPECT_EQ(message_of([] { class_weights_of("balanced", {}); }),
            "[Solver] expected no class_weights where targets are numbers, got 'balanced'");
  EXPECT_EQ(message_of([] {
              class_weights_of("balanced", std::vector<Label>{0, -1});
            }),
            "[Solver] expected labels of 0 to below 1048576 for class_weights, got -1");
}

// 10 examples of class 1 among 200: without weights all are taken for class 0.
TEST(Targets, BalancedClassesAreBothLearnt) {
  RandomState draws(5);
  Split split;
  Tensor<double> X = draws.randn({200, 3});
  for (Index i = 0; i < 200; ++i) {
    split.y.push_back(i % 20 == 0);
    if (i % 20 == 0) X(i, 0) += 1.5;
  }
  split.X = Examples(std::move(X));
  for (const bool balanced : {false, true}) {
    RandomState random(0);
    Net<double> net = linear_net(Loss::softmax, random);
    SolverOptions options = options_of(30);
    if (balanced) options.class_weights = "balanced";
    Solver solver(net, {split, split}, options, random);
    solver.train();
    Tensor<double> all;
    split.X.slice(0, 200, all);
    const Tensor<double>& scores = net.loss(all);
    int right = 0;
    for (Index i = 0; i < 200; i += 20) right += scores(i, 1) > scores(i, 0);
    if (balanced)
      EXPECT_GE(right, 7);
    else
      EXPECT_LE(right, 3);
  }
}

TEST(Targets, MistakesAreNamed) {
  RandomState random(0);
  Net<double> numbers = linear_net(Loss::squared, random), classes = linear_net(Loss::softmax, random);
  const Split good = numbers_split(40, 1, false);
  const auto error = [&](auto& model, const Split& train, const Split& val) {
    return message_of([&] { Solver(model, {train, val}, options_of(1), random).train(); });
  };
  Split labels = good;
  labels.targets = nullptr;
  labels.y.assign(40, 1);
  EXPECT_EQ(error(classes, good, good), "[Net] expected one label y for each of the 20 examples of X (20, 3), got 0");
  EXPECT_EQ(error(numbers, labels, labels),
            "[Net] expected numbers of shape (20, 2) as targets of the squared loss, got labels");
  Net<double> three = linear_net(Loss::huber, random, 3);
  EXPECT_EQ(error(three, good, good),
            "[Net] expected numbers of shape (20, 3) as targets of the huber loss, got (20, 2)");
  EXPECT_EQ(error(numbers, good, labels),
            "[Solver] expected validation targets of the training targets' kind, 2 numbers each (0: labels), got 0");
  Split both = good;
  both.y = labels.y;
  EXPECT_EQ(error(numbers, both, good), "[Solver] expected training targets to be labels or numbers, got both");
  Split short_one = good;
  short_one.targets = shared(Tensor<double>({39, 2}));
  EXPECT_EQ(error(numbers, short_one, good),
            "[Solver] expected training targets of shape (40, K) to match the examples, got (39, 2)");
  Split weights = good;
  weights.weights = shared(Tensor<double>({40}));
  EXPECT_EQ(error(numbers, weights, good), "[Solver] expected training weights that are not all 0");
  weights.weights = shared(Tensor<double>({40}, -1));
  EXPECT_EQ(error(numbers, weights, good), "[Solver] expected training weights of at least 0, got -1");
  weights.weights = shared(Tensor<double>({3}, 1));
  EXPECT_EQ(error(numbers, weights, good),
            "[Solver] expected training weights of shape (40,) to match the examples, got (3,)");
  NoisyLinear<double> own(3, 2, random);
  EXPECT_EQ(error(own, good, good),
            "[Solver] expected a model with loss(X, const BatchTargets&) for targets that are numbers or have weights, "
            "got one with loss(X, labels) alone");
  Net<double> yes_or_no = linear_net(Loss::sigmoid, random);
  EXPECT_TRUE(error(yes_or_no, good, good)
                  .starts_with("[Solver] expected training targets of 0 to 1 for the sigmoid loss, got "))
      << error(yes_or_no, good, good);
  EXPECT_EQ(message_of([&] {
              Net<double>({3}, {Affine{.outputs = 2}}, random, {.loss = {.loss = Loss::svm}, .label_smoothing = 0.1});
            }),
            "[Net] expected no label_smoothing with the svm loss, got 0.1");
}

TEST(Score, OfLabelsAndNumbers) {
  LabelCounts label;
  label.add(1, 2, 1);   // right
  label.add(2, 1, 0);   // predicted, twice
  label.add(1, -1, 1);  // missed
  label.add(9, -1, 0);
  EXPECT_DOUBLE_EQ(label.f1(), 2.0 / (3 + 2));
  EXPECT_DOUBLE_EQ(mean_f1(std::vector<LabelCounts>{label, LabelCounts()}), 0.4)
      << "a label that never occurs is left out";
  EXPECT_EQ(mean_f1(std::vector<LabelCounts>(3)), 1);
  NumberErrors errors, constant, wrong, nan;
  for (const auto& [x, t] : {std::pair{1.0, 1.0}, {2.0, 3.0}, {5.0, 5.0}}) errors.add(1, x, t + 1e6);
  for (int i = 0; i < 3; ++i) constant.add(1, 4, 4);
  for (int i = 0; i < 3; ++i) wrong.add(1, 4, 5);
  nan.add(1, std::numeric_limits<double>::quiet_NaN(), 5);
  EXPECT_NEAR(errors.spread, 8, 1e-8);
  EXPECT_EQ(constant.r2(), 1);
  EXPECT_EQ(wrong.r2(), 0);
  EXPECT_TRUE(std::isnan(nan.r2()));
  NumberErrors halves;
  halves.add(1, 1, 1);
  halves.add(3, 2, 3);
  EXPECT_DOUBLE_EQ(halves.rmse(), std::sqrt(0.75));
  EXPECT_DOUBLE_EQ(halves.mae(), 0.75);
  EXPECT_DOUBLE_EQ(halves.r2(), 1 - 3 / 3.0);  // the mean is 2.5: 2.25 + 3 / 4
}

}  // namespace
}  // namespace lamina
