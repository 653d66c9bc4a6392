#include "lamina/nets/net_gradient_check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace lamina {
namespace {

/// A loss whose gradient is known: sum of W^3 / 3 + sum of 0 times b.
struct Cubic {
  Parameters<double> params{{{"W", {4, 3}}, {"b", {2}}}}, grads = params;
  std::function<void(Parameters<double>&)> spoil = [](Parameters<double>&) {};
  Cubic() {
    RandomState random(3);
    for (double& w : params["W"]) w = 1 + 0.1 * random.randn();
  }
  const Parameters<double>& gradients() {
    for (Index i = 0; i < 12; ++i) grads["W"][i] = params["W"][i] * params["W"][i];
    spoil(grads);
    return grads;
  }
  double loss() const {
    double sum = 0;
    for (const double w : params["W"]) sum += w * w * w / 3;
    return sum;
  }
  std::vector<ParameterCheck> check() {
    RandomState places(1);
    return check_gradients(
        params, [this] { return loss(); }, [this]() -> const Parameters<double>& { return gradients(); }, places, 100);
  }
};

TEST(GradientCheck, ARightGradientPasses) {
  Cubic cubic;
  const Parameters<double> before = cubic.params;
  const auto checks = cubic.check();
  ASSERT_EQ(checks.size(), 2u);
  EXPECT_TRUE(checks[0].passed);
  EXPECT_EQ(checks[0].checked, 12);
  EXPECT_LT(checks[0].relative_error, 1e-7);
  EXPECT_TRUE(checks[1].passed);
  EXPECT_EQ(checks[1].small, 2);
  for (Index i = 0; i < 12; ++i) EXPECT_EQ(cubic.params["W"][i], before["W"][i]) << "the parameters are put back";
}

TEST(GradientCheck, AWrongGradientFails) {
  const std::vector<std::pair<std::string, std::function<void(Parameters<double>&)>>> faults = {
      {"0.1% too large", [](Parameters<double>& g) { g["W"][5] *= 1.001; }},
      {"left out", [](Parameters<double>& g) { g["W"][11] = 0; }},
      {"nothing at all", [](Parameters<double>& g) { g["W"].fill(0); }},
      {"the other sign", [](Parameters<double>& g) { g["W"][0] *= -1; }},
      {"its neighbour's", [](Parameters<double>& g) { g["W"][2] = g["W"][3]; }},
      {"not a number", [](Parameters<double>& g) { g["W"][7] = std::nan(""); }},
      {"one where there is none", [](Parameters<double>& g) { g["b"][1] = 1e-3; }},
  };
  for (const auto& [what, spoil] : faults) {
    Cubic cubic;
    cubic.spoil = spoil;
    bool passed = true;
    for (const ParameterCheck& check : cubic.check()) passed = passed && check.passed;
    EXPECT_FALSE(passed) << what;
  }
}

// In a deep net of few units a layer may be dead for an example, so that the inputs of all later ReLUs are exactly 0.
TEST(GradientCheck, CornersAreToldFromFaults) {
  NetConfig config;
  config.model = "fc";
  config.input_dim = {3, 8, 8};
  config.weight_scale = 5e-2;
  config.fc.hidden_dims = {10, 10, 10, 10, 10, 10};
  Index corners = 0;
  for (std::uint32_t seed = 0; seed < 10; ++seed)
    for (const ParameterCheck& check : check_net_gradients(config, seed)) {
      EXPECT_TRUE(check.passed) << check.name << " with seed " << seed;
      corners += check.corners;
    }
  EXPECT_GT(corners, 0);

  // Inputs of ReLUs that are all 0, and inputs closer to 0 than the steps.
  for (const char* text :
       {"affine 50 init zeros | relu | affine 10", "conv 8 3x3 init zeros | relu | max_pool 2 | affine 10",
        "affine 50 init scale 1e-12 | relu | affine 10",
        "affine 30 init scale 1e-7 | relu | affine 30 init scale 1e-7 | relu | affine 10 init scale 1e-7"}) {
    NetConfig degenerate;
    degenerate.model = kNetOfBlocks;
    degenerate.net = text;
    degenerate.input_dim = {3, 8, 8};
    for (const std::uint32_t seed : {4u, 5u})
      for (const ParameterCheck& check : check_net_gradients(degenerate, seed))
        EXPECT_TRUE(check.passed) << text << ' ' << check.name << " with seed " << seed;
  }

  RandomState random(1);
  const auto net = make_net<double>(config, random);
  const Tensor<double> X = random.randn(Shape{4, 3, 8, 8});
  const std::vector<Label> y = {1, 2, 3, 4};
  net->loss(X, y);
  const Parameters<double> right = net->grads();
  double largest = 0;
  for (const double g : right.flat()) largest = std::max(largest, std::abs(g));
  int planted = 0;
  for (const std::string name : {"W7", "b7", "W6", "b6", "W5", "W1"})
    for (Index i = 0; i < right[name].size() && planted < 20; ++i) {
      if (std::abs(right[name][i]) < 1e-5 * largest) continue;
      Parameters<double> wrong;
      const auto gradients = [&]() -> const Parameters<double>& {
        net->loss(X, y);
        wrong = net->grads();
        wrong[name][i] *= planted % 2 == 0 ? 1.01 : -1;
        return wrong;
      };
      bool passed = true;
      RandomState places(1);
      for (const ParameterCheck& check : check_gradients(
               net->params(), [&] { return net->loss(X, y).loss; }, gradients, places, 2000))
        passed = passed && check.passed;
      EXPECT_FALSE(passed) << name << ' ' << i;
      ++planted;
    }
  EXPECT_EQ(planted, 20);
}

TEST(GradientCheck, NetsPass) {
  NetConfig config;
  config.model = "fc";
  config.fc.hidden_dims = {7, 5};
  config.fc.normalization = Normalization::batchnorm;
  config.fc.dropout = 0.75;
  config.input_dim = Shape{1, 3, 4};
  for (const ParameterCheck& check : check_net_gradients(config, 231)) EXPECT_TRUE(check.passed) << check.name;
}

// A net of any blocks, with draws of its own.
TEST(GradientCheck, NetsOfAnyBlocksPass) {
  RandomState random(3);
  Net<double> net(
      {2, 6, 6}, parse_net("conv 3 3x3 | batchnorm | relu | residual ( conv 3 3x3 ) | dropout 0.7 | affine 4"), random);
  const Tensor<double> X = random.randn(Shape{5, 2, 6, 6});
  for (const ParameterCheck& check : check_net_gradients(net, X, std::vector<Label>{0, 1, 2, 3, 0}, random))
    EXPECT_TRUE(check.passed) << check.name;
}

}  // namespace
}  // namespace lamina
