// `rate X`, `decay X` and `frozen` of a block: what the update makes of its parameters.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/solver/checkpoint.h"
#include "lamina/solver/solver.h"

namespace lamina {
namespace {

struct Trained {
  RandomState random{5};
  Net<double> net;
  Solver<Net<double>> solver;

  static SolverOptions options(UpdateRule rule, double rate, double decay) {
    SolverOptions options;
    options.update_rule = rule;
    options.optim_config.learning_rate = rate;
    options.optim_config.weight_decay = decay;
    options.batch_size = 8;
    options.num_epochs = 3;
    options.verbose = false;
    return options;
  }
  static Split examples(std::uint32_t seed) {
    RandomState draws(seed);
    std::vector<Label> y(40);
    for (Label& label : y) label = static_cast<Label>(draws.randint(3));
    return {Examples(draws.randn({40, 6})), std::move(y)};
  }

  explicit Trained(const std::string& text, const SolverOptions& options)
      : net(Shape{6}, parse_net(text), random), solver(net, {examples(1), examples(2)}, options, random) {}
  explicit Trained(const std::string& text, UpdateRule rule = UpdateRule::sgd_momentum, double rate = 0.05,
                   double decay = 0)
      : Trained(text, options(rule, rate, decay)) {}
};

void expect_equal(const TensorView<double>& a, const TensorView<double>& b, const std::string& what) {
  ASSERT_EQ(a.shape(), b.shape()) << what;
  for (Index i = 0; i < a.size(); ++i) ASSERT_EQ(a[i], b[i]) << what << ' ' << i;
}
void expect_equal(const Parameters<double>& a, const Parameters<double>& b) {
  for (auto other = b.begin(); const auto& [name, value] : a) expect_equal(value, (other++)->value, name);
}

TEST(UpdateFactors, FrozenParametersStayAndRunningAveragesMove) {
  for (const UpdateRule rule : kUpdateRules) {
    SCOPED_TRACE(name_of(rule));
    Trained run("affine 7 frozen | batchnorm frozen | relu | affine 5 | layernorm frozen | relu | affine 3", rule, 0.05,
                0.1);
    const Parameters<double> before = run.net.params();
    run.solver.train();
    for (const char* name : {"W1", "b1", "gamma1", "beta1", "gamma2", "beta2"})
      expect_equal(run.net.params()[name], before[name], name);
    for (const char* name : {"W2", "b2", "W3", "b3"}) EXPECT_NE(run.net.params()[name][0], before[name][0]) << name;
    EXPECT_NE(run.net.buffers()[0].value[0], 0);
    for (const auto& [name, gradient] : run.net.grads())
      EXPECT_NE(*std::max_element(gradient.begin(), gradient.end()), 0) << name;  // gradients are whole all the same
  }
}

// Half of everything, by the blocks and by the run's options: the same bits, since halves are exact.
TEST(UpdateFactors, MultiplyTheLearningRateAndTheWeightDecay) {
  for (const UpdateRule rule : kUpdateRules) {
    SCOPED_TRACE(name_of(rule));
    Trained plain("affine 7 | batchnorm | relu | affine 3", rule, 0.05, 0.1);
    Trained by_blocks("affine 7 rate 0.5 decay 0.25 | batchnorm rate 0.5 | relu | affine 3 decay 0.25 rate 0.5", rule,
                      0.1, 0.4);
    plain.solver.train();
    by_blocks.solver.train();
    expect_equal(by_blocks.net.params(), plain.net.params());
    EXPECT_EQ(by_blocks.solver.history().loss_history, plain.solver.history().loss_history);
  }
}

TEST(UpdateFactors, ClippingLeavesFrozenParametersOut) {
  SolverOptions options = Trained::options(UpdateRule::sgd, 0.5, 0);
  options.clip_norm = 1e-3;
  Trained run("affine 7 frozen | relu | affine 3", options);
  Parameters<double> before = run.net.params();
  double moved = 0;
  run.solver.after_update = [&](const StepEvent&) {
    moved = 0;
    for (auto old = before.begin(); const auto& [name, value] : run.net.params()) {
      for (Index i = 0; i < value.size(); ++i) moved += (value[i] - old->value[i]) * (value[i] - old->value[i]);
      ++old;
    }
    EXPECT_NEAR(std::sqrt(moved), 0.5e-3, 1e-12);
    before = run.net.params();
  };
  run.solver.train();
  EXPECT_NE(moved, 0);
}

TEST(UpdateFactors, AResumedRunIsOneThatNeverStopped) {
  const std::string text = "affine 7 frozen | batchnorm | relu | affine 3 rate 0.3";
  const auto file = std::filesystem::temp_directory_path() / "lamina-update-factors-test.safetensors";
  Trained whole(text, UpdateRule::adam);
  whole.solver.train();
  Trained first(text, UpdateRule::adam);
  int left = 7;
  first.solver.should_stop = [&] { return left-- == 0; };
  first.solver.train();
  save_checkpoint(file, first.solver.state(), "{}");
  Trained second(text, UpdateRule::adam);
  second.solver.set_state(load_checkpoint<double>(file).state);
  second.solver.train();
  expect_equal(second.net.params(), whole.net.params());
  std::filesystem::remove(file);
}

// A model of one's own may give factors too.
struct Own : Net<double> {
  using Net::Net;
  std::vector<UpdateFactors> factors = {{.rate = 0}, {.frozen = true}};
  const std::vector<UpdateFactors>& update_factors() const { return factors; }
};

TEST(UpdateFactors, OfAModelOfOnesOwn) {
  RandomState random(5);
  Own net(Shape{6}, parse_net("affine 3"), random);
  const Parameters<double> before = net.params();
  Solver solver(net, {Trained::examples(1), Trained::examples(2)}, Trained::options(UpdateRule::adam, 0.1, 0), random);
  solver.train();
  expect_equal(net.params(), before);
  net.factors.pop_back();
  try {
    Solver(net, {Trained::examples(1), Trained::examples(2)}, Trained::options(UpdateRule::adam, 0.1, 0), random)
        .train();
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "[Solver] expected update_factors() with one entry for each of 2 parameters, got 1");
  }
}

TEST(UpdateFactors, AreInTheNetsText) {
  for (const char* text : {"conv 3 3x3 init zeros rate 0.1 decay 0 frozen | batchnorm momentum 0.8 rate 2 | affine 4",
                           "conv 4 1x1 frozen | groupnorm 2 decay 0.5 | relu | layernorm frozen | affine 2 rate 0"})
    EXPECT_EQ(to_text(parse_net(text)), text);
  EXPECT_THROW(parse_net("affine 4 rate -1"), std::invalid_argument);
  EXPECT_THROW(parse_net("affine 4 decay"), std::invalid_argument);
  EXPECT_THROW(parse_net("relu frozen"), std::invalid_argument);
  RandomState random(1);
  const Net<float> net(Shape{6}, parse_net("affine 4 rate 0.5 | batchnorm frozen | affine 2"), random);
  EXPECT_EQ(net.update_factors(),
            (std::vector<UpdateFactors>{{.rate = 0.5}, {.rate = 0.5}, {.frozen = true}, {.frozen = true}, {}, {}}));
  EXPECT_EQ(Net<double>(net).update_factors(), net.update_factors());
}

}  // namespace
}  // namespace lamina
