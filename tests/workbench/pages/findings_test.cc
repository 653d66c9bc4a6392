// What is said of nets that are trained here, each with one thing wrong.
#include "workbench/pages/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lamina/nets/blocks/blocks.h"
#include "lamina/nets/net_config.h"
#include "lamina/solver/solver.h"

namespace lamina {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Kind = Finding::Kind;

constexpr Index kSize = 8, kClasses = 10, kTrain = 500;

/// Images of 10 classes, each one pattern under noise; mean 0, standard deviation about 1.
const SolverData& data() {
  static const SolverData made = [] {
    RandomState random(11);
    const Index D = 3 * kSize * kSize;
    const Tensor<double> patterns = random.randn({kClasses, D});
    const auto split = [&](Index n) {
      Tensor<double> X = random.randn({n, 3, kSize, kSize});
      std::vector<Label> y;
      for (Index i = 0; i < n; ++i) {
        y.push_back(static_cast<Label>(random.randint(kClasses)));
        for (Index d = 0; d < D; ++d) X[i * D + d] = 0.9 * X[i * D + d] + 0.5 * patterns[y.back() * D + d];
      }
      return Split{Examples(std::move(X)), std::move(y)};
    };
    Split train = split(kTrain), val = split(50);
    return SolverData{std::move(train), std::move(val)};
  }();
  return made;
}

struct Training {
  NetConfig net;
  UpdateRule update_rule = UpdateRule::sgd;
  double learning_rate = 0.05;
  Index epochs = 30, every = 1;
  std::function<void(Net<float>&)> before = {};  ///< what is done to the net before it trains
};

/// Five hidden layers with He's weights: nothing is wrong with it.
Training deep() {
  Training training;
  training.net.model = "fc";
  training.net.input_dim = {3, kSize, kSize};
  training.net.fc.hidden_dims = {40, 40, 40, 40, 40};
  training.net.init = FirstWeights::he;
  return training;
}

Training conv() {
  Training training = deep();
  training.net.model = "convnet";
  training.net.convnet.num_filters = {8, 8};
  training.net.convnet.filter_sizes = {3, 3};
  training.epochs = 10;
  return training;
}

struct Trained {
  Diagnostics diagnostics;
  std::vector<double> losses;
  double accuracy = 0;  ///< the best on the validation images
};

Trained train(const Training& training) {
  RandomState random(5);
  const auto net = make_net<float>(training.net, random);
  if (training.before) training.before(*net);
  SolverOptions options;
  options.update_rule = training.update_rule;
  options.optim_config.learning_rate = training.learning_rate;
  options.batch_size = 50;
  options.num_epochs = training.epochs;
  options.verbose = false;
  Solver<Net<float>> solver(*net, data(), options, random);
  Probe<float> probe(*net, training.every, options.batch_size);
  solver.before_update = [&](const StepEvent& event) { probe.before_update(event); };
  solver.after_update = [&](const StepEvent& event) { probe.after_update(event); };
  try {
    solver.train();
  } catch (const NonFiniteLoss&) {
  }
  return {probe.diagnostics(), solver.history().loss_history, solver.history().best_val_acc};
}

std::vector<Finding> found_in(const Trained& trained) { return findings(trained.diagnostics, trained.losses); }

std::vector<Kind> kinds(const std::vector<Finding>& found) {
  std::vector<Kind> result;
  for (const Finding& finding : found) result.push_back(finding.kind);
  return result;
}

std::string text_of(const std::vector<Finding>& found, Kind kind) {
  const auto at = std::find_if(found.begin(), found.end(), [kind](const Finding& f) { return f.kind == kind; });
  return at == found.end() ? "" : at->text;
}

std::string all_text(const std::vector<Finding>& found) {
  std::string text;
  for (const Finding& finding : found) text += "- " + finding.text + "\n";
  return text;
}

// Nets that learn get no finding: deep, convolutional, with each update rule and each normalization, with dropout.
TEST(Findings, NothingIsWrongWithAHealthyNet) {
  const auto healthy = [](const char* name, Training training) {
    const Trained trained = train(training);
    const std::vector<Finding> found = found_in(trained);
    EXPECT_GT(trained.accuracy, 0.5) << name;
    EXPECT_THAT(kinds(found), ElementsAre(Kind::well)) << name << "\n" << all_text(found);
    EXPECT_THAT(text_of(found, Kind::well), HasSubstr("Nothing is wrong")) << name;
  };
  healthy("deep", deep());
  healthy("convnet", conv());
  Training training = deep();
  training.every = 20;
  healthy("seldom measured", training);
  training = deep();
  training.update_rule = UpdateRule::adam;
  training.learning_rate = 1e-3;
  healthy("adam", training);
  training = deep();
  training.update_rule = UpdateRule::sgd_momentum;
  training.learning_rate = 1e-2;
  training.net.reg = 1e-2;
  healthy("momentum, regularized", training);
  training = deep();
  training.net.fc.normalization = Normalization::layernorm;
  healthy("layernorm", training);
  // Batch normalization mends a scale that is too small with the first update.
  training.net.fc.normalization = Normalization::batchnorm;
  training.net.init = FirstWeights::normal;
  training.net.weight_scale = 1e-3;
  healthy("batchnorm", training);
  training = deep();
  training.net.fc.hidden_dims = {100};
  training.net.fc.dropout = 0.7;
  healthy("dropout", training);
  training = deep();
  training.net.fc.hidden_dims = {};
  healthy("softmax alone", training);
  training = deep();
  training.net.loss.loss = Loss::svm;  // equal scores have a loss of 9
  training.learning_rate = 0.01;
  healthy("svm", training);
}

TEST(Findings, AShortRunIsTooShortToTell) {
  // 1 iteration, whose update is larger than the weights; 99; and 300, of which the first 10 alone were measured.
  Training training = deep();
  training.net.init = FirstWeights::normal;
  training.net.fc.hidden_dims = {40};
  training.net.weight_scale = 1e-3;
  training.learning_rate = 10;
  Trained trained = train(training);
  trained.diagnostics.measurements.resize(1);
  trained.losses.resize(1);
  std::vector<Finding> found = found_in(trained);
  EXPECT_THAT(kinds(found), ElementsAre(Kind::too_short)) << all_text(found);
  EXPECT_THAT(found[0].text, HasSubstr("Too short to tell: the last measurement is of iteration 1, "));
  EXPECT_THAT(found[0].text, HasSubstr(" times a layer's weights, where about 0.001 is usual later"));

  trained = train(deep());
  trained.diagnostics.measurements.resize(99);
  trained.losses.resize(99);
  found = found_in(trained);
  EXPECT_THAT(kinds(found), ElementsAre(Kind::too_short)) << all_text(found);
  EXPECT_THAT(found[0].text, Not(HasSubstr("is usual later")));
  training = deep();
  training.every = 1000;
  EXPECT_THAT(kinds(found_in(train(training))), ElementsAre(Kind::too_short));
}

TEST(Findings, GradientsVanishInADeepNetOfTinyWeights) {
  Training training = deep();
  training.net.init = FirstWeights::normal;
  training.net.weight_scale = 1e-3;
  const std::vector<Finding> found = found_in(train(training));
  const std::string text = text_of(found, Kind::vanishing);
  EXPECT_THAT(text, HasSubstr("Gradients vanish in affine 1 to affine 6: at iteration ")) << all_text(found);
  EXPECT_THAT(text, HasSubstr(" times less than affine 6's"));
  EXPECT_THAT(text, HasSubstr("the outputs shrink from layer to layer"));
  EXPECT_THAT(text, HasSubstr("A larger weight scale helps"));
  EXPECT_EQ(text_of(found, Kind::exploding) + text_of(found, Kind::rate_too_high), "");
  // A shallow net of such weights learns.
  training.net.fc.hidden_dims = {40};
  EXPECT_THAT(kinds(found_in(train(training))), ElementsAre(Kind::well));
}

TEST(Findings, OutputsExplodeInADeepNetOfLargeWeights) {
  Training training = deep();
  training.net.init = FirstWeights::normal;
  training.net.weight_scale = 1;
  std::vector<Finding> found = found_in(train(training));
  EXPECT_THAT(text_of(found, Kind::exploding), HasSubstr("The untrained net's outputs explode")) << all_text(found);
  EXPECT_THAT(text_of(found, Kind::exploding), HasSubstr("A smaller weight scale helps"));
  EXPECT_EQ(text_of(found, Kind::vanishing), "");
  // A rate that it bears does not make its first outputs smaller.
  training.learning_rate = 1e-12;
  found = found_in(train(training));
  EXPECT_THAT(kinds(found), ElementsAre(Kind::exploding)) << all_text(found);
  // One layer of large weights: too large, but nothing grows from layer to layer.
  training.net.fc.hidden_dims = {};
  found = found_in(train(training));
  EXPECT_THAT(text_of(found, Kind::exploding), HasSubstr("The untrained net's outputs are too large"));
}

// How large a loss of numbers is depends on the targets, so it says nothing about the outputs.
TEST(Findings, TheFirstLossOfNumbersIsNotJudged) {
  RandomState random(7);
  Tensor<double> targets = random.randn({kTrain, 1});
  for (double& target : targets) target = 1000 + 100 * target;
  Split train{data().train.X, {}};
  train.targets = std::make_shared<const Tensor<double>>(std::move(targets));
  const NetOptions of_numbers{.loss = {.loss = Loss::squared}, .name = "Net"};
  Net<float> net({3, kSize, kSize}, {Affine{.outputs = 20}, Relu{}, Affine{.outputs = 1}}, random, of_numbers);
  SolverOptions options;
  options.optim_config.learning_rate = 1e-7;
  options.num_epochs = 1;
  options.verbose = false;
  Solver<Net<float>> solver(net, SolverData{train, train}, options, random);
  Probe<float> probe(net, 1, options.batch_size);
  solver.before_update = [&](const StepEvent& event) { probe.before_update(event); };
  solver.after_update = [&](const StepEvent& event) { probe.after_update(event); };
  solver.train();
  EXPECT_GT(solver.history().loss_history.front(), 1e5);
  const std::vector<Finding> found = findings(probe.diagnostics(), solver.history().loss_history);
  EXPECT_EQ(text_of(found, Kind::exploding), "") << all_text(found);
}

TEST(Findings, ReluOfLargeNegativeBiasesAreDead) {
  Training training = deep();
  training.before = [](Net<float>& net) {
    for (Index unit = 0; unit < 20; ++unit) net.params()["b2"][unit] = -1000;
  };
  std::vector<Finding> found = found_in(train(training));
  EXPECT_THAT(kinds(found), ElementsAre(Kind::dead)) << all_text(found);
  EXPECT_THAT(found[0].text, HasSubstr("Dead ReLUs, 0 for every image of a batch: 50% of affine 2."));
  // A tenth of a layer is no matter.
  training.before = [](Net<float>& net) {
    for (Index unit = 0; unit < 4; ++unit) net.params()["b2"][unit] = -1000;
  };
  found = found_in(train(training));
  EXPECT_THAT(kinds(found), ElementsAre(Kind::well)) << all_text(found);
  EXPECT_THAT(found[0].text, HasSubstr("no layer has more than 10% dead ReLUs"));
  // Nothing passes at all: the scores' biases still learn, and gradients behind the wall are not called vanishing.
  training.before = [](Net<float>& net) {
    for (float& bias : net.params()["b3"]) bias = -1000;
  };
  found = found_in(train(training));
  EXPECT_THAT(kinds(found), ElementsAre(Kind::dead)) << all_text(found);
  EXPECT_THAT(found[0].text, HasSubstr("all of affine 3"));
  EXPECT_THAT(found[0].text, HasSubstr("no gradient back"));
}

TEST(Findings, FiltersAreDeadToo) {
  Training training = conv();
  training.net.convnet.use_batch_norm = false;
  training.before = [](Net<float>& net) {
    for (Index filter = 0; filter < 6; ++filter) net.params()["b_1"][filter] = -1000;
  };
  const std::vector<Finding> found = found_in(train(training));
  EXPECT_THAT(text_of(found, Kind::dead), HasSubstr("75% of conv 1")) << all_text(found);
}

TEST(Findings, AHugeRateKillsReluAndIsToldOf) {
  Training training = deep();
  training.update_rule = UpdateRule::adam;
  training.learning_rate = 1;
  const std::vector<Finding> found = found_in(train(training));
  EXPECT_THAT(text_of(found, Kind::rate_too_high), HasSubstr("The learning rate is too high: at iteration "))
      << all_text(found);
  EXPECT_THAT(text_of(found, Kind::rate_too_high), HasSubstr("the loss rose from"));
  EXPECT_THAT(text_of(found, Kind::dead), HasSubstr("Dead ReLUs")) << all_text(found);
  EXPECT_EQ(text_of(found, Kind::exploding) + text_of(found, Kind::vanishing), "");
}

TEST(Findings, ARateThatEndsInNoNumberIsTooHigh) {
  Training training = deep();
  training.learning_rate = 50;
  const Trained trained = train(training);
  const std::vector<Finding> found = found_in(trained);
  EXPECT_FALSE(trained.diagnostics.measurements.back().updated);
  EXPECT_THAT(text_of(found, Kind::not_finite), HasSubstr("the loss is not finite")) << all_text(found);
  EXPECT_THAT(text_of(found, Kind::rate_too_high), HasSubstr("The learning rate is too high")) << all_text(found);
}

// Batch normalization keeps the loss from rising, and yet an update is most of the weights.
TEST(Findings, UpdatesThatStayLargeAreToldOf) {
  Training training = deep();
  training.net.fc.normalization = Normalization::batchnorm;
  training.net.reg = 0.5;
  training.learning_rate = 0.7;
  const Trained trained = train(training);
  EXPECT_LT(trained.losses.back(), trained.losses.front());
  const std::vector<Finding> found = found_in(trained);
  EXPECT_THAT(text_of(found, Kind::rate_too_high), HasSubstr("updates are still 0.")) << all_text(found);
}

TEST(Findings, ARateTooLowMovesNothing) {
  Training training = deep();
  training.learning_rate = 1e-7;
  std::vector<Finding> found = found_in(train(training));
  EXPECT_THAT(kinds(found), ElementsAre(Kind::rate_too_low)) << all_text(found);
  EXPECT_THAT(found[0].text, HasSubstr("in 300 iterations no layer's weights have moved by more than"));
  // Measured at every twentieth iteration, the moves are those of all.
  training.every = 20;
  training.learning_rate = 0.05;
  EXPECT_THAT(kinds(found_in(train(training))), ElementsAre(Kind::well));
}

TEST(Findings, NothingMeasuredGivesNothing) {
  EXPECT_TRUE(findings(Diagnostics{}, {}).empty());
  Training training = deep();
  training.epochs = 1;
  Trained trained = train(training);
  trained.diagnostics.measurements.resize(1);
  EXPECT_EQ(kinds(findings(trained.diagnostics, trained.losses)).size(), 1u);
}

}  // namespace
}  // namespace lamina
