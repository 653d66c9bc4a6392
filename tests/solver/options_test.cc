// What makes models better: each option against its definition, and a run that goes on with it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nets/fully_connected_net.h"
#include "lamina/solver/solver.h"
#include "tests/solver/own_models.h"

namespace lamina {
namespace {

SolverOptions quiet(Index batch_size, Index epochs) {
  SolverOptions options;
  options.batch_size = batch_size;
  options.num_epochs = epochs;
  options.verbose = false;
  return options;
}

// Notes the first number of each training example.
struct Witness : Scripted {
  std::vector<double> examples;
  using Scripted::loss;
  Result loss(const TensorView<double>& X, std::span<const Label> y) {
    const Index length = X.size() / X.dim(0);
    for (Index i = 0; i < X.dim(0); ++i) examples.push_back(X[i * length]);
    return Scripted::loss(X, y);
  }
};

Split numbered(Index n) {
  Tensor<double> x({n, 1});
  for (Index i = 0; i < n; ++i) x[i] = static_cast<double>(i);
  return {Examples(std::move(x)), std::vector<Label>(static_cast<std::size_t>(n), 0)};
}

TEST(SolverOptions, ShufflingVisitsEachExampleOnceInSoManyDraws) {
  for (const Index batch : {4, 5, 12, 30}) {
    SCOPED_TRACE(batch);
    RandomState random(3), expected(3);
    Witness model;
    SolverOptions options = quiet(batch, 12);
    options.shuffle = true;
    Solver solver(model, {numbered(12), numbered(3)}, options, random);
    solver.train();
    ASSERT_GE(model.examples.size(), 36u);
    for (std::size_t pass = 0; pass + 12 <= model.examples.size(); pass += 12) {
      const auto order = expected.permutation(12);
      for (std::size_t i = 0; i < 12; ++i)
        EXPECT_EQ(model.examples[pass + i], static_cast<double>(order[i])) << pass + i;
    }
  }
}

TEST(SolverOptions, TheScheduleIsTheStepsFactor) {
  RandomState random(1);
  Scripted model;
  SolverOptions options = quiet(2, 4);  // 5 iterations an epoch
  options.optim_config.learning_rate = 0.5;
  options.lr_decay = 0.9;
  options.schedule = {ScheduleKind::one_cycle, 1, 10, 0.1};
  Solver solver(model, {numbered(10), numbered(3)}, options, random);
  double before = 0, rate = 0.5;
  solver.on_iteration = [&](const IterationEvent& event) {
    if (event.iteration == event.num_iterations) return;  // then the best parameters are back
    const Index t = event.iteration - 1;
    EXPECT_NEAR(before - model.params_["w"][0], rate * schedule_factor(options.schedule, t, 20, 5), 1e-12) << t;
    before = model.params_["w"][0];
    if (event.iteration % 5 == 0) rate *= 0.9;
  };
  solver.train();
}

TEST(SolverOptions, PatienceEndsARunThatDoesNotImprove) {
  RandomState random(1);
  const auto run = [&](std::optional<Index> patience) {
    SolverOptions options = quiet(2, 9);
    options.patience = patience;
    Scripted model;  // its accuracy is 0.5 at each check
    Solver solver(model, {numbered(6), labelled_split(10, 5)}, options, random);
    Index last = 0, told = 0;
    solver.on_epoch = [&](const EpochEvent& event) { last = event.epoch, told = event.num_iterations; };
    EXPECT_TRUE(solver.train());
    EXPECT_EQ(told, static_cast<Index>(solver.history().loss_history.size()));
    EXPECT_EQ(solver.state().iteration, solver.state().num_iterations);
    return last;
  };
  EXPECT_EQ(run({}), 9);
  EXPECT_EQ(run(2), 2);  // the check after iteration 1 was the best one, those of epochs 1 and 2 no better
  EXPECT_EQ(run(5), 5);
}

TEST(SolverOptions, AveragesFollowTheirDefinition) {
  RandomState random(1);
  NoisyLinear<double> model(6, 3, random);
  SolverOptions options = quiet(7, 3);
  options.optim_config.learning_rate = 0.3;
  options.average_weights = 0.4;
  RandomState draws(11);
  Solver solver(model, {drawn_split(draws, 24, 6, 3), drawn_split(draws, 15, 6, 3)}, options, random);
  std::vector<double> average, mean;
  Index t = 0;
  double best = 0;
  std::vector<double> best_average;
  solver.on_iteration = [&](const IterationEvent& event) {
    if (event.iteration == event.num_iterations) return;
    const auto state = solver.state();
    const auto now = state.params.flat();
    if (average.empty()) {
      average.assign(now.begin(), now.end());
      mean.assign(state.buffers[0].begin(), state.buffers[0].end());
    } else {
      ++t;
      const double d = std::min(0.4, (1.0 + static_cast<double>(t)) / (10.0 + static_cast<double>(t)));
      for (std::size_t i = 0; i < now.size(); ++i) average[i] = d * average[i] + (1 - d) * now[i];
      for (std::size_t i = 0; i < mean.size(); ++i)
        mean[i] = d * mean[i] + (1 - d) * state.buffers[0][static_cast<Index>(i)];
    }
    const auto kept = state.average_params.flat();
    for (std::size_t i = 0; i < kept.size(); ++i) ASSERT_NEAR(kept[i], average[i], 1e-14);
    for (std::size_t i = 0; i < mean.size(); ++i)
      ASSERT_NEAR(state.average_buffers[0][static_cast<Index>(i)], mean[i], 1e-14);
    if (state.history.best_val_acc > best) {
      best = state.history.best_val_acc;
      best_average = average;
      if (t > 0) {
        EXPECT_NE(now[0], average[0]) << "the averages are others than the parameters";
      }
    }
  };
  solver.train();
  ASSERT_FALSE(best_average.empty());
  if (solver.history().best_val_acc != best) return;  // the last check was better
  for (std::size_t i = 0; i < best_average.size(); ++i)
    EXPECT_NEAR(std::as_const(model).params().flat()[i], best_average[i], 1e-14);
}

// Its running mean is made in the first training pass, and lies elsewhere after each: the number of passes.
struct LateMean : Scripted {
  std::vector<Tensor<double>> mean;
  int passes = 0;
  std::vector<NamedTensor<double>> buffers() {
    std::vector<NamedTensor<double>> found;
    for (Tensor<double>& each : mean) found.push_back({"mean", each});
    return found;
  }
  using Scripted::loss;
  Result loss(const TensorView<double>& X, std::span<const Label> y) {
    Tensor<double> fresh(Shape{2}, ++passes);
    mean.assign(1, fresh);
    return Scripted::loss(X, y);
  }
};

TEST(SolverOptions, AveragesOfBuffersThatAreMadeInTheFirstPass) {
  RandomState random(1);
  LateMean model;
  SolverOptions options = quiet(2, 2);
  options.average_weights = 0.9;
  Solver solver(model, {numbered(6), labelled_split(10, 5)}, options, random);
  double average = 1, seen_average = 0;
  model.predicted = [&] {
    if (!model.mean.empty()) seen_average = model.mean[0][0];
    return 0;
  };
  solver.on_iteration = [&](const IterationEvent& event) {
    const double t = static_cast<double>(event.iteration) - 1;
    if (t > 0) average += (1 - (1 + t) / (10 + t)) * (t + 1 - average);
    EXPECT_NEAR(solver.state().average_buffers.at(0)[1], average, 1e-14) << t;
    if (event.iteration % 3 == 0) {
      EXPECT_NEAR(seen_average, average, 1e-14) << "in the accuracy check";
    }
    if (event.iteration < event.num_iterations) {
      EXPECT_EQ(model.mean.at(0)[0], t + 1);
    }
  };
  solver.train();
  EXPECT_EQ(model.passes, 6);
}

TEST(SolverOptions, BuffersThatChangeTheirShapeAreRefused) {
  RandomState random(1);
  LateMean model;
  SolverOptions options = quiet(2, 2);
  options.average_weights = 0.9;
  Solver solver(model, {numbered(6), labelled_split(10, 5)}, options, random);
  solver.on_iteration = [&](const IterationEvent&) { model.mean.clear(); };
  model.predicted = [&] {
    model.mean.resize(2);
    return 0;
  };
  EXPECT_THROW(solver.train(), std::invalid_argument);
}

// Both parameters' gradients together are scaled to the norm that is allowed; the model's stay as they are.
struct TwoParameters {
  using Scalar = double;
  Parameters<double> params_{{{"W", {2}}, {"b", {1}}}}, grads_{{{"W", {2}}, {"b", {1}}}};
  Tensor<double> scores;
  Parameters<double>& params() { return params_; }
  const Parameters<double>& params() const { return params_; }
  TensorView<double>& loss(const TensorView<double>& X) {
    scores = Tensor<double>({X.dim(0), 2});
    return scores;
  }
  LossAndGradients<double> loss(const TensorView<double>&, std::span<const Label>) { return {1.0, grads_}; }
};

TEST(SolverOptions, GradientsAreClippedByTheirNormTogether) {
  const auto moved = [](std::optional<double> clip_norm) {
    RandomState random(1);
    TwoParameters model;
    model.grads_["W"][0] = 3;
    model.grads_["W"][1] = -4;
    model.grads_["b"][0] = 12;  // the norm is 13
    SolverOptions options = quiet(2, 1);
    options.optim_config.learning_rate = 1;
    options.clip_norm = clip_norm;
    Solver solver(model, {numbered(2), labelled_split(4, 0)}, options, random);
    solver.before_update = [&](const StepEvent&) { EXPECT_EQ(model.grads_["b"][0], 12); };
    solver.after_update = solver.before_update;
    solver.train();
    return std::vector<double>{model.params_["W"][0], model.params_["W"][1], model.params_["b"][0]};
  };
  const std::vector<double> plain{-3, 4, -12};
  EXPECT_EQ(moved({}), plain);
  EXPECT_EQ(moved(13), plain);
  EXPECT_EQ(moved(1e300), plain);
  EXPECT_EQ(moved(6.5), (std::vector<double>{-1.5, 2, -6}));
  const std::vector<double> small = moved(1e-3);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(small[i], plain[i] * 1e-3 / 13, 1e-18);
}

TEST(SolverOptions, ClippingSeesRegularizationToo) {
  RandomState random(1), draws(11);
  FullyConnectedNetOptions net_options;
  net_options.hidden_dims = {7};
  net_options.input_dim = 6;
  net_options.num_classes = 3;
  net_options.weight_scale = 0.5;
  net_options.reg = 3;
  FullyConnectedNet<double> net(net_options, random);
  const Parameters<double> before = net.params();
  SolverOptions options = quiet(8, 1);
  options.optim_config.learning_rate = 0.25;
  options.clip_norm = 0.125;
  Solver solver(net, {drawn_split(draws, 8, 6, 3), drawn_split(draws, 15, 6, 3)}, options, random);
  solver.after_update = [&](const StepEvent&) {
    double squares = 0, moved = 0;
    for (const auto& [name, gradient] : net.grads())
      for (Index i = 0; i < gradient.size(); ++i) {
        squares += gradient[i] * gradient[i];
        moved += std::pow(net.params()[name][i] - before[name][i], 2);
      }
    EXPECT_GT(std::sqrt(squares), 3);
    EXPECT_NEAR(std::sqrt(moved), 0.25 * 0.125, 1e-15);
  };
  solver.train();
}

TEST(SolverOptions, WeightDecayIsOfWeightsAlone) {
  const auto train = [](double decay) {
    RandomState random(1), draws(11);
    NoisyLinear<double> model(6, 3, random);
    for (double& b : model.params()["b"]) b = 1;
    SolverOptions options = quiet(8, 1);
    options.optim_config.learning_rate = 0.3;
    options.optim_config.weight_decay = decay;
    Solver solver(model, {drawn_split(draws, 8, 6, 3), drawn_split(draws, 15, 6, 3)}, options, random);
    const std::vector<double> before(model.params()["W"].begin(), model.params()["W"].end());
    solver.train();
    return std::pair(before, model.params());
  };
  const auto [before, plain] = train(0);
  const auto decayed = train(0.05).second;
  for (Index i = 0; i < plain["W"].size(); ++i)
    EXPECT_NEAR(decayed["W"][i], plain["W"][i] - 0.3 * 0.05 * before[static_cast<std::size_t>(i)], 1e-15);
  for (Index i = 0; i < 3; ++i) EXPECT_EQ(decayed["b"][i], plain["b"][i]);
}

// The score of class 1 is the left pixel, that of class 0 the right one, of images (1, 1, 2).
struct LeftOrRight : Scripted {
  using Scripted::loss;
  TensorView<double>& loss(const TensorView<double>& X) {
    scores = Tensor<double>({X.dim(0), 2});
    for (Index i = 0; i < X.dim(0); ++i) scores(i, 1) = X[2 * i], scores(i, 0) = 3;
    return scores;
  }
};

TEST(SolverOptions, MirrorAveragingTakesTheMeanOfBothSides) {
  // Left pixels 5, 0, 2, 9; right ones 0, 5, 3, 0; the mean is above 3 in the last alone.
  Tensor<double> x({4, 1, 1, 2});
  const double pixels[] = {5, 0, 0, 5, 2, 3, 9, 0};
  std::copy(std::begin(pixels), std::end(pixels), x.begin());
  const Split split{Examples(std::move(x)), {1, 1, 1, 1}};
  RandomState random(1);
  LeftOrRight model;
  Solver plain(model, {split, split}, quiet(2, 1), random);
  EXPECT_EQ(plain.check_accuracy(split), 0.5);
  SolverOptions options = quiet(2, 1);
  options.mirror_averaging = true;
  Solver both(model, {split, split}, options, random);
  EXPECT_EQ(both.check_accuracy(split), 0.25);
  EXPECT_EQ(both.check_accuracy(split, {}, 3), 0.25);
}

}  // namespace
}  // namespace lamina
