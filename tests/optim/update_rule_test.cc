#include "lamina/optim/update_rule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lamina/kernels/machine/target.h"
#include "lamina/random.h"
#include "lamina/threads.h"
#include "notebooks/printed_values.h"
#include "tests/optim/optim_testing.h"

namespace lamina {
namespace {

using testing::drawn;
using testing::expect_same_bits;

// Steps of the rule on n numbers of a seed's stream: w, then one dw a step.
template <class T>
struct Steps {
  Tensor<T> w;
  OptimState<T> state;
  Steps(UpdateRule rule, const OptimConfig& config, std::uint32_t seed, Index n, int steps) {
    RandomState random(seed);
    w = drawn<T>(random, n);
    for (int i = 0; i < steps; ++i) {
      const Tensor<T> dw = drawn<T>(random, n);
      update(rule, w, dw, config, state);
    }
  }
  std::vector<T> all() const {
    std::vector<T> values(w.begin(), w.end());
    for (const auto& [name, tensor] : state.tensors) values.insert(values.end(), tensor.begin(), tensor.end());
    return values;
  }
};

OptimConfig config_of(const nlohmann::json& json) {
  OptimConfig config;
  config.learning_rate = json.at("learning_rate");
  config.momentum = json.at("momentum");
  config.decay_rate = json.at("decay_rate");
  config.beta1 = json.at("beta1");
  config.beta2 = json.at("beta2");
  config.epsilon = json.at("epsilon");
  if (json.contains("weight_decay")) config.weight_decay = json.at("weight_decay");
  return config;
}

template <class T>
void compare_with_numpy(const nlohmann::json& golden) {
  const UpdateRule rule = update_rule_from_name(golden.at("rule").get<std::string>());
  const Steps<T> run(rule, config_of(golden.at("config")), golden.at("seed"), golden.at("n"), golden.at("steps"));
  const std::string what = golden.at("rule").get<std::string>() + ", " + golden.at("dtype").get<std::string>();
  const auto list = [&](const Tensor<T>& x) { return std::vector<T>(x.begin(), x.end()); };
  const auto expected = golden.at("w").get<std::vector<T>>();
  if (rule->reads("weight_decay")) {  // which is one fused multiply-add where the processor has it
    const double tolerance = 8 * static_cast<double>(std::numeric_limits<T>::epsilon());
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(run.w.begin()[i], expected[i], tolerance * std::max<double>(1, std::abs(expected[i]))) << what << i;
  } else {
    expect_same_bits(list(run.w), expected, what + ", w");
  }
  for (const auto& [name, tensor] : run.state.tensors)
    expect_same_bits(list(tensor), golden.at("state").at(name).template get<std::vector<T>>(), what + ", " + name);
}

// Whatever NumPy gave, to the last bit, on every instruction set.
TEST(UpdateRule, EqualsNumPyOnEveryInstructionSet) {
  std::ifstream file(LAMINA_SOURCE_DIR "/tests/golden/update_rules.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  ASSERT_EQ(cases.size(), 4 * kUpdateRules.size());
  const std::string chosen = kernels::target_name();
  for (const std::string& target : kernels::available_targets()) {
    kernels::set_target(target);
    SCOPED_TRACE(target);
    for (const auto& golden : cases) {
      if (golden.at("dtype") == "float64")
        compare_with_numpy<double>(golden);
      else
        compare_with_numpy<float>(golden);
    }
  }
  kernels::set_target(chosen);
}

// A product that is rounded before anything is added to it.
template <class T>
T times(T a, T b) {
  volatile T product = a * b;
  return product;
}

// The formulas of the header on single numbers.
template <class T>
void step_plainly(UpdateRule rule, const OptimConfig& c, int t, T& w, T dw, T& first, T& second) {
  const T rate = static_cast<T>(*c.learning_rate), epsilon = static_cast<T>(c.epsilon);
  const auto average = [](T old, double keep, T now) {
    return times(static_cast<T>(keep), old) + times(static_cast<T>(1 - keep), now);
  };
  const auto corrected = [t](T x, double beta) { return x / static_cast<T>(1 - std::pow(beta, t)); };
  if (rule == UpdateRule::sgd) {
    w = w - times(rate, dw);
  } else if (rule == UpdateRule::sgd_momentum) {
    first = times(static_cast<T>(c.momentum), first) - times(rate, dw);
    w = w + first;
  } else if (rule == UpdateRule::rmsprop) {
    second = average(second, c.decay_rate, times(dw, dw));
    w = w - times(rate, dw) / (std::sqrt(second) + epsilon);
  } else if (rule == UpdateRule::adagrad) {
    second = second + times(dw, dw);
    w = w - times(rate, dw) / (std::sqrt(second) + epsilon);
  } else if (rule == UpdateRule::adam || rule == UpdateRule::adamw) {
    if (rule == UpdateRule::adamw) decay_weights(rule, TensorView<T>(&w, {1}), c);
    first = average(first, c.beta1, dw);
    second = average(second, c.beta2, times(dw, dw));
    w = w - times(rate, corrected(first, c.beta1)) / (std::sqrt(corrected(second, c.beta2)) + epsilon);
  } else {
    FAIL() << "no formula for " << name_of(rule);
  }
}

template <class T>
void compare_with_formulas(UpdateRule rule, Index n, OptimConfig config = {}, int steps = 3) {
  config.learning_rate = 0.013;
  const Steps<T> run(rule, config, 7, n, steps);
  RandomState random(7);
  Tensor<T> w = drawn<T>(random, n);
  std::vector<T> first(static_cast<std::size_t>(n)), second(static_cast<std::size_t>(n));
  for (int t = 1; t <= steps; ++t) {
    const Tensor<T> dw = drawn<T>(random, n);
    for (Index i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      step_plainly(rule, config, t, w[i], dw[i], first[at], second[at]);
    }
  }
  for (Index i = 0; i < n; ++i) ASSERT_EQ(run.w[i], w[i]) << name_of(rule) << " of " << n << ", element " << i;
}

// Every remainder of every vector width, and several chunks with a remainder.
TEST(UpdateRule, EqualsTheFormulaForEverySize) {
  const std::string chosen = kernels::target_name();
  for (const std::string& target : kernels::available_targets()) {
    kernels::set_target(target);
    SCOPED_TRACE(target);
    for (const UpdateRule rule : kUpdateRules)
      for (const Index n : {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 23, 31, 32, 33, 63, 64, 65, 100, 2 * 16384 + 19}) {
        compare_with_formulas<float>(rule, n);
        compare_with_formulas<double>(rule, n);
      }
  }
  kernels::set_target(chosen);
}

// Adam's corrections grow to 1 one after the other.
TEST(UpdateRule, EqualsTheFormulaWhenCorrectionsEnd) {
  const std::string chosen = kernels::target_name();
  for (const std::string& target : kernels::available_targets()) {
    kernels::set_target(target);
    SCOPED_TRACE(target);
    OptimConfig config;
    for (const auto& [beta1, beta2] : {std::pair(0.01, 0.2), std::pair(0.2, 0.01)}) {
      config.beta1 = beta1;
      config.beta2 = beta2;
      for (const int steps : {1, 6, 15, 40}) {
        compare_with_formulas<float>(UpdateRule::adam, 37, config, steps);
        compare_with_formulas<double>(UpdateRule::adam, 37, config, steps);
      }
    }
  }
  kernels::set_target(chosen);
}

TEST(UpdateRule, SameBitsWithAnyNumberOfThreads) {
  for (const UpdateRule rule : kUpdateRules) {
    set_num_threads(1);
    const std::vector<float> one = Steps<float>(rule, {}, 3, 100003, 2).all();
    for (const int threads : {2, 3}) {
      set_num_threads(threads);
      expect_same_bits(Steps<float>(rule, {}, 3, 100003, 2).all(), one, std::string(name_of(rule)));
    }
  }
  set_num_threads(0);
}

// Elements next to the tensor stay as they are.
TEST(UpdateRule, WritesTheTensorAlone) {
  for (const UpdateRule rule : kUpdateRules)
    for (const Index n : {1, 7, 16, 33}) {
      Tensor<float> memory(Shape{n + 2}, -5.0f);
      const Tensor<float> dw(Shape{n}, 1.0f);
      OptimState<float> state;
      update(rule, TensorView<float>(memory.data() + 1, Shape{n}), dw, {}, state);
      EXPECT_EQ(memory[0], -5.0f);
      EXPECT_EQ(memory[n + 1], -5.0f);
      for (Index i = 1; i <= n; ++i) EXPECT_LT(memory[i], -5.0f) << name_of(rule);
    }
}

Tensor<double> linspace(double from, double to, const Shape& shape) {
  Tensor<double> x(shape);
  for (Index i = 0; i < x.size(); ++i)
    x[i] = from + static_cast<double>(i) * ((to - from) / static_cast<double>(x.size() - 1));
  return x;
}

double rel_error(const Tensor<double>& x, const std::vector<double>& y) {
  double worst = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double a = x[static_cast<Index>(i)];
    worst = std::max(worst, std::abs(a - y[i]) / std::max(1e-8, std::abs(a) + std::abs(y[i])));
  }
  return worst;
}

TEST(UpdateRule, SgdMomentumOfTheNotebooks) {
  Tensor<double> w = linspace(-0.4, 0.6, {4, 5});
  const Tensor<double> dw = linspace(-0.6, 0.4, {4, 5});
  OptimState<double> state;
  Tensor<double>& velocity = state.tensors["velocity"];
  velocity = linspace(0.6, 0.9, {4, 5});
  OptimConfig config;
  config.learning_rate = 1e-3;
  sgd_momentum(w, dw, config, state);
  EXPECT_LT(rel_error(w, printed_values("sgd_momentum.next_w")), 1e-8);
  EXPECT_LT(rel_error(velocity, printed_values("sgd_momentum.velocity")), 1e-8);
}

TEST(UpdateRule, NesterovLooksAhead) {
  RandomState random(2);
  for (const Index n : {1, 15, 16, 33, 40000}) {
    Tensor<double> w = drawn<double>(random, n), v(Shape{n}), expected(w);
    OptimState<double> state;
    OptimConfig config;
    config.learning_rate = 0.1;
    config.momentum = 0.8;
    config.nesterov = true;
    for (int step = 0; step < 3; ++step) {
      const Tensor<double> dw = drawn<double>(random, n);
      update(UpdateRule::sgd_momentum, w, dw, config, state);
      // The other form: v' = mu v - rate dw;  w += (1 + mu) v' - mu v.
      for (Index i = 0; i < n; ++i) {
        const double before = v[i];
        v[i] = 0.8 * v[i] - 0.1 * dw[i];
        expected[i] += 1.8 * v[i] - 0.8 * before;
        ASSERT_NEAR(w[i], expected[i], 1e-14) << n << ' ' << step << ' ' << i;
        ASSERT_NEAR(state.tensors["velocity"][i], v[i], 1e-14);
      }
    }
  }
}

TEST(UpdateRule, WeightsDecay) {
  RandomState random(2);
  Tensor<float> w = drawn<float>(random, 37);
  const Tensor<float> before(w);
  decay_weights(UpdateRule::adam, w, {});
  for (Index i = 0; i < 37; ++i) EXPECT_EQ(w[i], before[i]);
  OptimConfig config;
  config.weight_decay = 3;  // adam's learning rate is 1e-3
  decay_weights(UpdateRule::adam, w, config);
  for (Index i = 0; i < 37; ++i) EXPECT_NEAR(w[i], before[i] * (1 - 3e-3), 1e-7 * std::abs(before[i]));
}

// adamw() decays the w that it is given, adam() does not; apart from that they are one.
TEST(UpdateRule, AdamwIsAdamThatDecays) {
  RandomState random(3);
  Tensor<float> w = drawn<float>(random, 37), other = w;
  const Tensor<float> dw = drawn<float>(random, 37);
  OptimState<float> state, other_state;
  OptimConfig config;
  config.weight_decay = 0.2;
  config.learning_rate = 0.3;
  adamw(w, dw, config, state);
  decay_weights(UpdateRule::adam, other, config);
  adam(other, dw, config, other_state);
  for (Index i = 0; i < 37; ++i) EXPECT_EQ(w[i], other[i]);
  Updates<float> updates;  // as Solver does to a bias
  Tensor<float> bias = drawn<float>(random, 37), other_bias = bias;
  OptimState<float> bias_state, other_bias_state;
  updates.add(UpdateRule::adamw, bias, dw, config, bias_state, false);
  updates.run();
  adam(other_bias, dw, config, other_bias_state);
  for (Index i = 0; i < 37; ++i) EXPECT_EQ(bias[i], other_bias[i]);
}

// The rule's formula on gradients times the factor; the gradients themselves stay.
TEST(UpdateRule, GradientsAreScaled) {
  RandomState random(4);
  for (const UpdateRule rule : kUpdateRules)
    for (const Index n : {1, 2047, 2048, 2049, 40000}) {
      Tensor<float> w = drawn<float>(random, n), other = w;
      const Tensor<float> dw = drawn<float>(random, n), before = dw;
      Tensor<float> scaled = dw;
      for (float& g : scaled) g *= 0.3f;
      OptimState<float> state, other_state;
      for (int step = 0; step < 2; ++step) {
        Updates<float> updates;
        updates.add(rule, w, dw, {}, state);
        updates.run(0.3);
        updates.add(rule, other, scaled, {}, other_state);
        updates.run();
      }
      for (Index i = 0; i < n; ++i) ASSERT_EQ(w[i], other[i]) << name_of(rule) << " of " << n << ", element " << i;
      for (Index i = 0; i < n; ++i) ASSERT_EQ(dw[i], before[i]);
    }
}

TEST(UpdateRule, Names) {
  for (const UpdateRule rule : kUpdateRules) EXPECT_EQ(update_rule_from_name(name_of(rule)), rule);
  EXPECT_EQ(message_of([] { update_rule_from_name("Adam"); }),
            "[update_rule] expected one of sgd, sgd_momentum, rmsprop, adam, adagrad, adamw, got 'Adam'");
}

TEST(UpdateRule, DefaultLearningRates) {
  EXPECT_EQ(with_defaults(UpdateRule::sgd, {}).learning_rate, 1e-2);
  EXPECT_EQ(with_defaults(UpdateRule::sgd_momentum, {}).learning_rate, 1e-2);
  EXPECT_EQ(with_defaults(UpdateRule::rmsprop, {}).learning_rate, 1e-2);
  EXPECT_EQ(with_defaults(UpdateRule::adam, {}).learning_rate, 1e-3);
  EXPECT_EQ(with_defaults(UpdateRule::adagrad, {}).learning_rate, 1e-2);
  EXPECT_EQ(with_defaults(UpdateRule::adamw, {}).learning_rate, 1e-3);
  EXPECT_EQ(with_defaults(UpdateRule::adam, {}).weight_decay, 0);
  EXPECT_EQ(with_defaults(UpdateRule::adamw, {}).weight_decay, 1e-2);
  OptimConfig config;
  config.learning_rate = 0.5;
  EXPECT_EQ(with_defaults(UpdateRule::adam, config).learning_rate, 0.5);
  Tensor<double> w(Shape{1}, 1.0);
  sgd(w, Tensor<double>(Shape{1}, 1.0), {});
  EXPECT_EQ(w[0], 1 - 1e-2);
}

TEST(UpdateRule, AGivenRateOfZeroStaysZero) {
  Tensor<double> w({3}, 1.0);
  sgd(w, Tensor<double>({3}, 2.0), {.learning_rate = 0});
  EXPECT_EQ(w[1], 1.0);
  sgd(w, Tensor<double>({3}, 2.0), {});
  EXPECT_EQ(w[1], 1.0 - 1e-2 * 2.0);
}

TEST(UpdateRule, RefusesOtherShapes) {
  Tensor<float> w(Shape{2, 3});
  const Tensor<float> dw(Shape{3, 2});
  OptimState<float> state;
  for (const UpdateRule rule : kUpdateRules)
    EXPECT_EQ(message_of([&] { update(rule, w, dw, {}, state); }),
              "[" + std::string(name_of(rule)) + "] expected dw of shape (2, 3) to match w, got (3, 2)");
  state.tensors["velocity"] = Tensor<float>(Shape{6});
  EXPECT_EQ(message_of([&] {
              sgd_momentum(w, Tensor<float>(Shape{2, 3}), {}, state);
            }),
            "[sgd_momentum] expected velocity of shape (2, 3) to match w, got (6,)");
}

TEST(UpdateRule, NaNReachesTheParameter) {
  for (const UpdateRule rule : kUpdateRules) {
    Tensor<float> w(Shape{20}, 1.0f), dw(Shape{20}, 1.0f);
    dw[3] = dw[19] = std::numeric_limits<float>::quiet_NaN();
    OptimState<float> state;
    update(rule, w, dw, {}, state);
    for (Index i = 0; i < 20; ++i) EXPECT_EQ(std::isnan(w[i]), i == 3 || i == 19) << name_of(rule);
  }
}

}  // namespace
}  // namespace lamina
