#include "lamina/solver/solver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lamina/nets/fully_connected_net.h"
#include "tests/message_of.h"
#include "tests/solver/own_models.h"

namespace lamina {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

SolverOptions quiet(Index batch_size, Index num_epochs) {
  SolverOptions options;
  options.batch_size = batch_size;
  options.num_epochs = num_epochs;
  options.verbose = false;
  return options;
}

TEST(Solver, PrintsTheNotebooksLines) {
  Scripted model;
  int calls = 0;
  model.next_loss = [&] { return ++calls == 1 ? 1.2345671 : 2.0 / calls; };
  RandomState random(0);
  std::ostringstream out;
  SolverOptions options;
  options.batch_size = 25;
  options.num_epochs = 12;
  options.out = &out;
  Solver solver(model, {labelled_split(50, 9), labelled_split(1000, 124)}, options, random);
  EXPECT_TRUE(solver.train());
  std::string expected = "(Iteration 1 / 24) loss: 1.234567\n(Epoch 0 / 12) train acc: 0.180000; val_acc: 0.124000\n";
  for (int epoch = 1; epoch <= 12; ++epoch) {
    if (epoch == 6) expected += "(Iteration 11 / 24) loss: 0.181818\n";
    if (epoch == 11) expected += "(Iteration 21 / 24) loss: 0.095238\n";
    expected += "(Epoch " + std::to_string(epoch) + " / 12) train acc: 0.180000; val_acc: 0.124000\n";
  }
  EXPECT_EQ(out.str(), expected);

  out.str("");
  solver.options().num_epochs = 1;
  solver.options().print_every = 1;
  EXPECT_TRUE(solver.train());
  EXPECT_EQ(out.str(),
            "(Iteration 1 / 2) loss: 0.080000\n(Epoch 12 / 1) train acc: 0.180000; val_acc: 0.124000\n"
            "(Iteration 2 / 2) loss: 0.076923\n(Epoch 13 / 1) train acc: 0.180000; val_acc: 0.124000\n");

  out.str("");
  solver.options().verbose = false;
  EXPECT_TRUE(solver.train());
  EXPECT_EQ(out.str(), "");
}

TEST(Solver, ChecksAfterTheFirstIterationAndEachEpoch) {
  Scripted model;
  RandomState random(0);
  Solver solver(model, {labelled_split(11, 4), labelled_split(8, 2)}, quiet(4, 3), random);
  std::vector<std::pair<Index, Index>> checks;
  solver.on_epoch = [&](const EpochEvent& event) {
    checks.emplace_back(event.iteration, event.epoch);
    EXPECT_EQ(event.num_iterations, 6);
    EXPECT_EQ(event.num_epochs, 3);
    EXPECT_EQ(event.train_acc, 4.0 / 11);
    EXPECT_EQ(event.val_acc, 0.25);
  };
  solver.train();
  EXPECT_EQ(checks, (std::vector<std::pair<Index, Index>>{{1, 0}, {2, 1}, {4, 2}, {6, 3}}));
  EXPECT_EQ(solver.history().train_acc_history, std::vector<double>(4, 4.0 / 11));
  EXPECT_EQ(solver.history().val_acc_history, std::vector<double>(4, 0.25));
  EXPECT_EQ(solver.history().best_val_acc, 0.25);
  EXPECT_EQ(solver.history().loss_history.size(), 6u);
}

TEST(Solver, BatchLargerThanTheTrainingSet) {
  Scripted model;
  RandomState random(0);
  Solver solver(model, {labelled_split(3, 1), labelled_split(2, 1)}, quiet(50, 4), random);
  solver.train();
  EXPECT_EQ(solver.history().loss_history.size(), 4u);
  EXPECT_EQ(solver.epoch(), 4);
  EXPECT_EQ(solver.history().val_acc_history.size(), 4u);
}

TEST(Solver, LeavesTheBestParametersInTheModel) {
  Scripted model;
  model.predicted = [&] { return model.params_["w"][0] > -0.25 ? 0 : 1; };  // right up to the second step
  RandomState random(0);
  SolverOptions options = quiet(1, 5);
  options.optim_config.learning_rate = 0.1;
  Solver solver(model, {labelled_split(1, 1), labelled_split(4, 3)}, options, random);
  EXPECT_EQ(solver.best_params().size(), 0u);
  solver.train();
  EXPECT_EQ(solver.history().val_acc_history, (std::vector<double>{0.75, 0.75, 0.25, 0.25, 0.25}));
  EXPECT_EQ(solver.history().best_val_acc, 0.75);
  EXPECT_EQ(model.params_["w"][0], -0.1);  // the first of the equally good
  EXPECT_EQ(solver.best_params()["w"][0], -0.1);
}

TEST(Solver, NothingRightKeepsTheLastParameters) {
  Scripted model;
  model.predicted = [] { return 2; };
  RandomState random(0);
  SolverOptions options = quiet(1, 3);
  options.optim_config.learning_rate = 0.5;
  Solver solver(model, {labelled_split(1, 1), labelled_split(4, 3)}, options, random);
  solver.train();
  EXPECT_EQ(model.params_["w"][0], -1.5);
  EXPECT_EQ(solver.best_params().size(), 0u);
}

// Called again, it goes on: against the loop written out here.
TEST(Solver, GoesOnWhenCalledAgain) {
  RandomState random(3), plain_random(3);
  NoisyLinear<double> model(6, 3, random), plain(6, 3, plain_random);
  const SolverData data{drawn_split(random, 40, 6, 3), drawn_split(random, 20, 6, 3)};
  drawn_split(plain_random, 40, 6, 3);
  drawn_split(plain_random, 20, 6, 3);
  SolverOptions options = quiet(10, 2);
  options.update_rule = UpdateRule::adam;
  options.optim_config.learning_rate = 0.02;
  options.lr_decay = 0.5;
  options.num_train_samples = 30;
  Solver solver(model, data, options, random);

  std::vector<double> losses;
  std::vector<OptimState<double>> optim(2);
  OptimConfig config = options.optim_config;
  double best = 0;
  Parameters<double> best_params;
  Tensor<double> best_mean;
  const auto accuracy = [&](const Split& split, std::span<const Index> rows) {
    Index right = 0;
    Tensor<double> x;
    split.X.gather(rows, x);
    const Tensor<double>& scores = plain.loss(x);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Index top = 0;
      for (Index c = 1; c < 3; ++c)
        if (scores(static_cast<Index>(i), c) > scores(static_cast<Index>(i), top)) top = c;
      right += top == split.y[static_cast<std::size_t>(rows[i])];
    }
    return static_cast<double>(right) / static_cast<double>(rows.size());
  };
  std::vector<Index> all_val(20);
  for (Index i = 0; i < 20; ++i) all_val[static_cast<std::size_t>(i)] = i;

  for (int call = 0; call < 3; ++call) {
    ASSERT_TRUE(solver.train());
    for (int t = 0; t < 8; ++t) {
      const std::vector<Index> rows = plain_random.choice(40, 10);
      Tensor<double> x;
      data.train.X.gather(std::span<const Index>(rows), x);
      std::vector<Label> y;
      for (const Index row : rows) y.push_back(data.train.y[static_cast<std::size_t>(row)]);
      const LossAndGradients<double> result = plain.loss(x, y);
      losses.push_back(result.loss);
      update(UpdateRule::adam, plain.params()["W"], result.grads["W"], config, optim[0]);
      update(UpdateRule::adam, plain.params()["b"], result.grads["b"], config, optim[1]);
      if (t % 4 == 3) *config.learning_rate *= 0.5;
      if (t == 0 || t % 4 == 3) {
        accuracy(data.train, plain_random.choice(40, 30));
        const double val_acc = accuracy(data.val, all_val);
        if (val_acc > best) {
          best = val_acc;
          best_params = plain.params();
          best_mean.assign(plain.buffers()[0].value);
        }
      }
    }
    plain.params().copy_from(best_params);
    std::copy(best_mean.begin(), best_mean.end(), plain.buffers()[0].value.begin());
    EXPECT_EQ(solver.history().loss_history, losses);
    EXPECT_EQ(solver.history().best_val_acc, best);
    EXPECT_TRUE(std::ranges::equal(model.params().flat(), best_params.flat()));
    EXPECT_TRUE(std::ranges::equal(model.buffers()[0].value.flat(), best_mean.flat()));
    EXPECT_EQ(solver.epoch(), 2 * (call + 1));
    EXPECT_EQ(solver.learning_rate(), config.learning_rate);
    EXPECT_EQ(solver.history().val_acc_history.size(), 3u * static_cast<std::size_t>(call + 1));
  }
  EXPECT_GT(best, 0.6);
  EXPECT_EQ(random.state(), plain_random.state());
}

TEST(Solver, AccuracyOfScores) {
  Scripted model;
  RandomState random(7);
  Split split = labelled_split(205, 50);
  Solver solver(model, {split, split}, quiet(4, 1), random);
  const RandomState::State before = random.state();
  EXPECT_EQ(solver.check_accuracy(split), 50.0 / 205);
  EXPECT_EQ(model.seen, (std::vector<Index>{100, 100, 5}));
  EXPECT_EQ(solver.check_accuracy(split, 205), 50.0 / 205);
  EXPECT_EQ(solver.check_accuracy(split, 1000, 64), 50.0 / 205);
  EXPECT_EQ(random.state(), before);  // nothing drawn unless there are more than num_samples

  RandomState same(7);
  const auto rows = same.choice(205, 130);
  Index zeros = 0;
  for (const Index row : rows) zeros += row < 50;
  model.seen.clear();
  EXPECT_EQ(solver.check_accuracy(split, 130), static_cast<double>(zeros) / 130);
  EXPECT_EQ(random.state(), same.state());
  const auto different = static_cast<Index>(std::set<Index>(rows.begin(), rows.end()).size());
  EXPECT_LT(different, 130);
  EXPECT_EQ(std::accumulate(model.seen.begin(), model.seen.end(), Index{0}), different);  // each looked at once

  EXPECT_EQ(message_of([&] { solver.check_accuracy({}); }), "[check_accuracy] expected 1 example or more, got none");
  EXPECT_EQ(message_of([&] { solver.check_accuracy(split, -1); }),
            "[check_accuracy] expected num_samples of 1 or more, got -1");
  EXPECT_EQ(message_of([&] { solver.check_accuracy(split, {}, -1); }),
            "[check_accuracy] expected batch_size of 1 or more, got -1");
  split.y[3] = 3;
  EXPECT_EQ(message_of([&] { solver.check_accuracy(split); }),
            "[check_accuracy] expected labels of 0 to 2 to match the scores, got 3 for example 3");
}

TEST(Solver, FirstMaximumWinsAndNaNIsOne) {
  const std::vector<double> ties{1, 3, 3}, lost{1, 9, kNaN, 4, kNaN}, none{-kNaN};
  EXPECT_EQ(detail::argmax(std::span<const double>(ties)), 1);
  EXPECT_EQ(detail::argmax(std::span<const double>(lost)), 2);
  EXPECT_EQ(detail::argmax(std::span<const double>(none)), 0);
}

TEST(Solver, NonFiniteLossStopsBeforeTheUpdate) {
  for (const double bad :
       {kNaN, -kNaN, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    Scripted model;
    int calls = 0;
    model.next_loss = [&] { return ++calls == 7 ? bad : 1.0; };
    RandomState random(0);
    SolverOptions options = quiet(2, 3);
    options.optim_config.learning_rate = 0.5;
    options.lr_decay = 0.5;
    Solver solver(model, {labelled_split(10, 2), labelled_split(2, 0)}, options, random);
    try {
      solver.train();
      FAIL() << "no error";
    } catch (const NonFiniteLoss& error) {
      EXPECT_EQ(error.iteration, 7);
      EXPECT_EQ(error.learning_rate, 0.25);
      const std::string name = std::isnan(bad) ? "nan" : bad > 0 ? "inf" : "-inf";
      EXPECT_EQ(error.what(), "[Solver] expected a finite loss, got " + name +
                                  " at iteration 7 of 15, learning rate 0.25: try a smaller learning rate, a smaller "
                                  "weight_scale, or normalization");
    }
    EXPECT_EQ(solver.history().loss_history, std::vector<double>(6, 1.0));
    EXPECT_EQ(solver.history().val_acc_history.size(), 2u);
    EXPECT_EQ(model.params_["w"][0], -2.5 - 0.25);
    EXPECT_TRUE(solver.train());  // the rest of the call
    EXPECT_EQ(solver.history().loss_history.size(), 15u);
    EXPECT_EQ(solver.epoch(), 3);
  }
}

// Also where the data's part of the loss is finite, and only the penalty on large weights is not.
TEST(Solver, NonFinitePenaltyStopsBeforeTheUpdate) {
  FullyConnectedNetOptions net_options;
  net_options.hidden_dims = {3};
  net_options.input_dim = 1;
  net_options.num_classes = 2;
  net_options.weight_scale = 1e-3;
  net_options.reg = 1e308;
  RandomState random(0);
  FullyConnectedNet<double> net(net_options, random);
  net.params()["W1"].fill(10);
  net.params()["W2"].fill(0);
  const Parameters<double> before = net.params();
  Solver solver(net, {labelled_split(10, 2), labelled_split(2, 0)}, quiet(2, 1), random);
  EXPECT_THROW(solver.train(), NonFiniteLoss);
  for (const auto& [name, value] : net.params())
    EXPECT_TRUE(std::equal(value.begin(), value.end(), before[name].begin())) << name;
  EXPECT_TRUE(solver.history().loss_history.empty());
}

TEST(Solver, HooksAndStopping) {
  Scripted model;
  int calls = 0;
  model.next_loss = [&] { return 1.0 * ++calls; };
  RandomState random(0);
  Solver solver(model, {labelled_split(6, 2), labelled_split(2, 1)}, quiet(2, 2), random);
  std::string order;
  solver.on_iteration = [&](const IterationEvent& event) {
    order += "i" + std::to_string(event.iteration);
    EXPECT_EQ(event.num_iterations, 6);
    EXPECT_EQ(event.loss, static_cast<double>(event.iteration));
    EXPECT_GE(event.seconds, 0);
    EXPECT_EQ(solver.state().iteration, event.iteration);
  };
  solver.on_epoch = [&](const EpochEvent& event) { order += "e" + std::to_string(event.epoch); };
  solver.should_stop = [&] {
    order += "?";
    return solver.history().loss_history.size() == 4;
  };
  EXPECT_FALSE(solver.train());
  EXPECT_EQ(order, "i1e0?i2?i3e1?i4?");
  EXPECT_EQ(model.params_["w"][0], -0.04);  // current, not best
  EXPECT_TRUE(solver.train());              // the rest
  EXPECT_EQ(order, "i1e0?i2?i3e1?i4?i5?i6e2");
  EXPECT_EQ(model.params_["w"][0], -0.01);  // best
  EXPECT_EQ(solver.state().iteration, 6);
  EXPECT_EQ(solver.state().num_iterations, 6);
  EXPECT_EQ(solver.state().images, 12);
  EXPECT_GT(solver.images_per_second(), 0);
}

/// Takes 20 ms to say what it thinks of a batch, and no time to learn.
struct SlowToAnswer {
  using Scalar = Scripted::Scalar;
  Scripted model;
  Parameters<Scalar>& params() { return model.params(); }
  const Parameters<Scalar>& params() const { return model.params(); }
  TensorView<Scalar>& loss(const TensorView<Scalar>& X) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return model.loss(X);
  }
  Scripted::Result loss(const TensorView<Scalar>& X, std::span<const Label> y) { return model.loss(X, y); }
};

TEST(Solver, CountsTheSecondsOfTrainingStepsAlone) {
  SlowToAnswer model;
  RandomState random(0);
  Solver solver(model, {labelled_split(6, 2), labelled_split(2, 1)}, quiet(2, 2), random);
  EXPECT_TRUE(solver.train());
  EXPECT_EQ(solver.history().val_acc_history.size(), 3u);  // 6 answers: 120 ms
  EXPECT_LT(solver.state().seconds, 0.1);
  EXPECT_GT(solver.state().seconds, 0);
}

TEST(Solver, AHookThatThrowsLosesNothing) {
  Scripted model;
  RandomState random(0);
  Solver solver(model, {labelled_split(6, 2), labelled_split(2, 1)}, quiet(2, 2), random);
  solver.on_iteration = [](const IterationEvent& event) {
    if (event.iteration == 3) throw std::runtime_error("stop");
  };
  EXPECT_EQ(message_of<std::runtime_error>([&] { solver.train(); }), "stop");
  EXPECT_EQ(solver.epoch(), 1);
  solver.on_iteration = nullptr;
  EXPECT_TRUE(solver.train());
  EXPECT_EQ(solver.history().loss_history.size(), 6u);
  EXPECT_EQ(solver.history().val_acc_history.size(), 3u);
}

TEST(Solver, RefusesOptionsOutOfRange) {
  Scripted model;
  RandomState random(0);
  const SolverData data{labelled_split(6, 2), labelled_split(2, 1)};
  const auto message = [&](auto change) {
    SolverOptions options = quiet(2, 2);
    change(options);
    const std::string text = message_of([&] { Solver(model, data, options, random); });
    EXPECT_EQ(text.find('\n'), std::string::npos);
    return text;
  };
  using O = SolverOptions;
  EXPECT_EQ(message([](O& o) { o.batch_size = 0; }), "[Solver] expected batch_size of 1 or more, got 0");
  EXPECT_EQ(message([](O& o) { o.batch_size = Index{1} << 40; }),
            "[Solver] expected batch_size of at most 2147483647, got 1099511627776");
  EXPECT_EQ(message([](O& o) { o.num_epochs = 0; }), "[Solver] expected num_epochs of 1 or more, got 0");
  EXPECT_EQ(message([](O& o) { o.num_train_samples = 0; }), "[Solver] expected num_train_samples of 1 or more, got 0");
  EXPECT_EQ(message([](O& o) { o.num_val_samples = -2; }), "[Solver] expected num_val_samples of 1 or more, got -2");
  EXPECT_EQ(message([](O& o) { o.patience = 0; }), "[Solver] expected patience of 1 or more, got 0");
  EXPECT_EQ(message([](O& o) { o.schedule.step_factor = 1.5; }),
            "[Solver] expected step_factor above 0 and at most 1, got 1.5");
  EXPECT_EQ(message([](O& o) { o.print_every = 0; }), "[Solver] expected print_every of 1 or more, got 0");
  EXPECT_EQ(message([](O& o) { o.lr_decay = 0; }), "[Solver] expected lr_decay above 0, got 0");
  EXPECT_EQ(message([](O& o) { o.clip_norm = 0; }), "[Solver] expected clip_norm above 0, got 0");
  EXPECT_EQ(message([](O& o) { o.lr_decay = kNaN; }), "[Solver] expected lr_decay above 0, got nan");
  EXPECT_EQ(message([](O& o) { o.optim_config.learning_rate = -0.1; }),
            "[Solver] expected learning_rate above 0, got -0.1");
  EXPECT_EQ(message([](O& o) { o.optim_config.momentum = 1.5; }), "[Solver] expected momentum of 0 to 1, got 1.5");
  EXPECT_EQ(message([](O& o) { o.optim_config.decay_rate = -1; }), "[Solver] expected decay_rate of 0 to 1, got -1");
  EXPECT_EQ(message([](O& o) { o.optim_config.beta1 = 1; }), "[Solver] expected beta1 of 0 or more and below 1, got 1");
  EXPECT_EQ(message([](O& o) { o.optim_config.beta2 = 2; }), "[Solver] expected beta2 of 0 or more and below 1, got 2");
  EXPECT_EQ(message([](O& o) { o.optim_config.epsilon = 0; }), "[Solver] expected epsilon above 0, got 0");

  Solver solver(model, data, quiet(2, 2), random);
  solver.options().num_epochs = std::numeric_limits<Index>::max();
  EXPECT_EQ(message_of([&] { solver.train(); }),
            "[Solver] expected num_epochs for fewer than 2^63 iterations, got 9223372036854775807");
  solver.options() = quiet(-1, 1);
  EXPECT_EQ(message_of([&] { solver.train(); }), "[Solver] expected batch_size of 1 or more, got -1");
}

TEST(Solver, RefusesDataThatDoNotFit) {
  Scripted model;
  RandomState random(0);
  const auto message = [&](SolverData data) {
    return message_of([&] { Solver(model, std::move(data), quiet(2, 2), random); });
  };
  const Split good = labelled_split(4, 2);
  Split fewer = good;
  fewer.y.pop_back();
  EXPECT_EQ(message({{}, good}), "[Solver] expected 1 training example or more, got none");
  EXPECT_EQ(message({good, {}}), "[Solver] expected 1 validation example or more, got none");
  EXPECT_EQ(message({fewer, good}), "[Solver] expected one label for each of 4 training examples, got 3");
  EXPECT_EQ(message({good, fewer}), "[Solver] expected one label for each of 4 validation examples, got 3");
  const Split wider{Examples(Tensor<double>({4, 2})), std::vector<Label>(4)};
  EXPECT_EQ(message({good, wider}),
            "[Solver] expected validation examples of shape (1,) to match the training examples, got (2,)");
}

TEST(Solver, RefusesGradientsThatDoNotFit) {
  Scripted model;
  RandomState random(0);
  Solver solver(model, {labelled_split(6, 2), labelled_split(2, 1)}, quiet(2, 2), random);
  model.grads_ = Parameters<double>({{"v", {1}}});
  EXPECT_EQ(message_of([&] { solver.train(); }), "[Parameters] expected one of the names v, got 'w'");
  model.grads_ = Parameters<double>({{"w", {2}}});
  EXPECT_EQ(message_of([&] { solver.train(); }), "[sgd] expected dw of shape (1,) to match w, got (2,)");
}

}  // namespace
}  // namespace lamina
