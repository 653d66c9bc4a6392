#include <array>
#include <functional>
#include <limits>

#include "lamina/gradient_check.h"
#include "lamina/layers/absolute_loss.h"
#include "lamina/layers/absolute_loss_naive.h"
#include "lamina/layers/huber_loss.h"
#include "lamina/layers/huber_loss_naive.h"
#include "lamina/layers/sigmoid_loss.h"
#include "lamina/layers/sigmoid_loss_naive.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/layers/softmax_loss_naive.h"
#include "lamina/layers/squared_loss.h"
#include "lamina/layers/squared_loss_naive.h"
#include "lamina/layers/svm_loss.h"
#include "lamina/layers/svm_loss_naive.h"
#include "notebooks/printed_values.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::cast;
using testing::close;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;
using View = const TensorView<double>&;

std::vector<Label> random_labels(Index N, Index C, RandomState& random) {
  std::vector<Label> y(static_cast<std::size_t>(N));
  for (Label& label : y) label = static_cast<Label>(random.randint(C));
  return y;
}

class NotebookLosses : public ::testing::Test {
 protected:
  NotebookLosses() : x(random.randn({50, 10})) {
    for (double& value : x) value *= 0.001;
    y = random_labels(50, 10, random);
  }
  RandomState random{231};
  Tensor<double> x;
  std::vector<Label> y;
};

TEST_F(NotebookLosses, Svm) {
  const auto numerical = eval_numerical_gradient([&](View v) { return naive::svm_loss<double>(v, y).first; }, x);
  const auto [slow_loss, slow_dx] = naive::svm_loss<double>(x, y);
  EXPECT_NEAR(slow_loss, printed_value("svm_loss.loss"), 9e-13);
  EXPECT_LT(rel_error(numerical, slow_dx), 1e-8);  // "around the order of e-9"
  const auto [loss, dx] = svm_loss<double>(x, y);
  EXPECT_NEAR(loss, printed_value("svm_loss.loss"), 9e-13);
  EXPECT_LT(rel_error(numerical, dx), 1e-8);
}

TEST_F(NotebookLosses, Softmax) {
  const auto numerical = eval_numerical_gradient([&](View v) { return naive::softmax_loss<double>(v, y).first; }, x);
  const auto [slow_loss, slow_dx] = naive::softmax_loss<double>(x, y);
  EXPECT_NEAR(slow_loss, printed_value("softmax_loss.loss"), 2e-14);
  EXPECT_LT(rel_error(numerical, slow_dx), 2e-8);  // "around e-8"
  const auto [loss, dx] = softmax_loss<double>(x, y);
  EXPECT_NEAR(loss, printed_value("softmax_loss.loss"), 2e-14);
  EXPECT_LT(rel_error(numerical, dx), 2e-8);
}

TEST_F(NotebookLosses, SmoothedSoftmax) {
  for (double& value : x) value *= 3000;
  for (const double smoothing : {0.1, 0.7}) {
    const auto slow = [&](View v) { return naive::softmax_loss<double>(v, y, smoothing).first; };
    const auto numerical = eval_numerical_gradient(slow, x);
    const auto [slow_loss, slow_dx] = naive::softmax_loss<double>(x, y, smoothing);
    for (Index i = 0; i < x.size(); ++i) ASSERT_NEAR(slow_dx[i], numerical[i], 1e-9) << i;  // of up to 0.02
    auto dx = poisoned<double>({1});
    EXPECT_NEAR(softmax_loss<double>(x, y, &dx, smoothing), slow_loss, 1e-13);
    EXPECT_TRUE((close<double, double>(dx, slow_dx, 8)));
    EXPECT_NEAR(softmax_loss<double>(x, y, nullptr, smoothing), slow_loss, 1e-13);
    const auto narrow = cast<float>(x);
    auto narrow_dx = poisoned<float>({1});
    EXPECT_NEAR(softmax_loss<float>(narrow, y, &narrow_dx, smoothing), slow_loss, 2e-6);
    for (Index i = 0; i < dx.size(); ++i) EXPECT_NEAR(narrow_dx[i], dx[i], 1e-8);
    // The definition: a mixture of the losses for each label.
    double mixture = (1 - smoothing) * softmax_loss<double>(x, y, nullptr);
    for (Label label = 0; label < 10; ++label)
      mixture += smoothing / 10 * softmax_loss<double>(x, std::vector<Label>(50, label), nullptr);
    EXPECT_NEAR(slow_loss, mixture, 1e-13);
  }
  EXPECT_THROW(softmax_loss<double>(x, y, nullptr, 1), std::invalid_argument);
}

template <class T>
class LossIn : public ::testing::Test {};
TYPED_TEST_SUITE(LossIn, testing::Scalars);

TYPED_TEST(LossIn, SoftmaxEqualsNaive) {
  using T = TypeParam;
  RandomState random(3);
  for (int i = 0; i < 240 && !this->HasFailure(); ++i) {
    const Index N = i % 40 == 39 ? 3000 : testing::random_length(random, 60), C = testing::random_length(random, 40);
    const double scale = i % 5 == 0 ? 50 : i % 5 == 1 ? 1e-3 : 2;
    const auto x = random_tensor<T>({N, C}, random, scale, i % 7 == 0 ? 1000 : 0);
    const auto y = random_labels(N, C, random);
    SCOPED_TRACE("case " + std::to_string(i) + " " + x.shape().to_string());
    const auto [loss, dx] = naive::softmax_loss<double>(cast<double>(x), y);
    const auto p = naive::softmax<double>(cast<double>(x));
    // A score's distance from the largest is rounded before its exponential is taken.
    double spread = 0;
    Tensor<double> p_scale(p.shape()), dx_scale(p.shape());
    for (Index n = 0; n < N; ++n) {
      double most = -1e300;
      for (Index c = 0; c < C; ++c) most = std::max(most, static_cast<double>(x(n, c)));
      for (Index c = 0; c < C; ++c) {
        const double apart = most - static_cast<double>(x(n, c));
        spread = std::max(spread, apart);
        p_scale(n, c) = p(n, c) * (2 + apart) + 1e-30;
        dx_scale(n, c) = (p_scale(n, c) + p(n, c)) / static_cast<double>(N) + std::abs(dx(n, c));
      }
    }
    const double eps = std::numeric_limits<T>::epsilon();
    auto got = poisoned<T>({N, C}), probabilities = poisoned<T>({1});
    EXPECT_NEAR(softmax_loss<T>(x, y, &got), loss, 4 * eps * (loss + spread + 1));
    EXPECT_TRUE(testing::close_each(got, dx, 4, dx_scale));
    EXPECT_NEAR(softmax_loss<T>(x, y, nullptr), loss, 4 * eps * (loss + spread + 1));
    softmax(x, probabilities);
    EXPECT_TRUE(testing::close_each(probabilities, p, 4, p_scale));
    auto same = x;
    softmax_loss<T>(same, y, &same);
    EXPECT_TRUE(close(same, got, 0));
  }
}

TYPED_TEST(LossIn, SvmEqualsNaive) {
  using T = TypeParam;
  RandomState random(4);
  for (int i = 0; i < 240 && !this->HasFailure(); ++i) {
    const Index N = testing::random_length(random, 60), C = testing::random_length(random, 40);
    Tensor<T> x({N, C});  // multiples of 1/8, so that margins are exact and some are zero
    for (T& value : x) value = static_cast<T>(random.randint(-40, 40)) / 8;
    const auto y = random_labels(N, C, random);
    SCOPED_TRACE("case " + std::to_string(i) + " " + x.shape().to_string());
    const auto [loss, dx] = naive::svm_loss<double>(cast<double>(x), y);
    auto got = poisoned<T>({N, C});
    EXPECT_NEAR(svm_loss<T>(x, y, &got), loss, 1e-13 * loss);
    EXPECT_TRUE(testing::close_each(got, dx, 40, testing::absolute(dx)));  // dx: a sum of up to 39 terms 1 / N
    EXPECT_NEAR(svm_loss<T>(x, y, nullptr), loss, 1e-13 * loss);
    auto same = x;
    svm_loss<T>(same, y, &same);
    EXPECT_TRUE(close(same, got, 0));
  }
}

TYPED_TEST(LossIn, NaNStays) {
  using T = TypeParam;
  for (Index at = 0; at < 3; ++at) {
    Tensor<T> x({2, 3}), dx, p;
    x(1, at) = std::numeric_limits<T>::quiet_NaN();
    const std::array<Label, 2> y{0, 1};
    EXPECT_TRUE(std::isnan(svm_loss<T>(x, y, nullptr)));
    EXPECT_TRUE(std::isnan(softmax_loss<T>(x, y, nullptr)));
    EXPECT_TRUE(std::isnan(softmax_loss<T>(x, y, &dx)));
    softmax(x, p);
    for (Index c = 0; c < 3; ++c) {
      EXPECT_FALSE(std::isnan(p(0, c)) || std::isnan(dx(0, c)));
      EXPECT_TRUE(std::isnan(p(1, c)) && std::isnan(dx(1, c)));
    }
  }
}

// A loss of numbers: its specification and its fast layer, with the same arguments.
template <class T>
struct LossOfNumbers {
  using Weights = std::span<const double>;
  const char* name;
  std::function<std::pair<double, Tensor<double>>(const TensorView<double>&, const TensorView<double>&, Weights)> naive;
  std::function<double(const TensorView<T>&, const TensorView<T>&, Tensor<T>*, Weights)> fast;
};

template <class T>
std::vector<LossOfNumbers<T>> losses_of_numbers() {
  using W = std::span<const double>;
  using V = const TensorView<T>&;
  return {{"sigmoid", [](View x, View t, W w) { return naive::sigmoid_loss(x, t, w); },
           [](V x, V t, Tensor<T>* dx, W w) { return sigmoid_loss(x, t, dx, w); }},
          {"squared", [](View x, View t, W w) { return naive::squared_loss(x, t, w); },
           [](V x, V t, Tensor<T>* dx, W w) { return squared_loss(x, t, dx, w); }},
          {"absolute", [](View x, View t, W w) { return naive::absolute_loss(x, t, w); },
           [](V x, V t, Tensor<T>* dx, W w) { return absolute_loss(x, t, dx, w); }},
          {"huber", [](View x, View t, W w) { return naive::huber_loss(x, t, 0.7, w); },
           [](V x, V t, Tensor<T>* dx, W w) { return huber_loss(x, t, dx, 0.7, w); }}};
}

// One of three examples does not count.
std::vector<double> random_weights(Index N, RandomState& random) {
  std::vector<double> weights(static_cast<std::size_t>(N));
  for (double& weight : weights) weight = random.randint(3) == 0 ? 0 : 3 * random.rand();
  weights.back() = 0.5;
  return weights;
}

// Numbers of 0 to 1 as targets, of which some are 0 or 1.
template <class T>
Tensor<T> random_targets(const Shape& shape, RandomState& random) {
  Tensor<T> t(shape);
  for (T& value : t) value = static_cast<T>(std::clamp(3 * random.rand() - 1, 0.0, 1.0));
  return t;
}

TEST(Losses, NumericalGradientsOfWeightedLosses) {
  RandomState random(5);
  const Tensor<double> x = random.randn({7, 3}), t = random_targets<double>({7, 3}, random);
  const std::vector<double> weights = random_weights(7, random);
  for (const auto& loss : losses_of_numbers<double>()) {
    SCOPED_TRACE(loss.name);
    const auto numerical = eval_numerical_gradient([&](View v) { return loss.naive(v, t, weights).first; }, x);
    const Tensor<double> dx = loss.naive(x, t, weights).second;
    for (Index i = 0; i < x.size(); ++i) EXPECT_NEAR(dx[i], numerical[i], 1e-9);
  }
  const auto y = random_labels(7, 3, random);
  for (const bool softmax : {false, true}) {
    const auto naive = [&](View v) {
      return softmax ? naive::softmax_loss<double>(v, y, 0.2, weights) : naive::svm_loss<double>(v, y, weights);
    };
    const auto numerical = eval_numerical_gradient([&](View v) { return naive(v).first; }, x);
    const Tensor<double> dx = naive(x).second;
    for (Index i = 0; i < x.size(); ++i) EXPECT_NEAR(dx[i], numerical[i], 1e-9);
  }
}

TYPED_TEST(LossIn, LossesOfNumbersEqualNaive) {
  using T = TypeParam;
  RandomState random(6);
  const double eps = std::numeric_limits<T>::epsilon();
  for (const auto& loss : losses_of_numbers<T>())
    for (int i = 0; i < 60 && !this->HasFailure(); ++i) {
      const Index N = i % 20 == 19 ? 3000 : testing::random_length(random, 60), K = testing::random_length(random, 9);
      const auto x = random_tensor<T>({N, K}, random, i % 5 == 0 ? 4 : 1);
      auto t = random_targets<T>({N, K}, random);
      if (i % 4 == 0) t[0] = std::clamp<T>(x[0], 0, 1);  // no error at all
      std::vector<double> weights;
      if (i % 2 == 1) weights = random_weights(N, random);
      SCOPED_TRACE(std::string(loss.name) + ", case " + std::to_string(i) + " " + x.shape().to_string());
      const auto [value, dx] = loss.naive(cast<double>(x), cast<double>(t), weights);
      // The specification takes the logarithm of 1 - p, which is rounded to a multiple of 1e-16.
      const double near = std::string(loss.name) == "sigmoid" ? 1e-7 : 1e-13;
      auto got = poisoned<T>({N, K});
      EXPECT_NEAR(loss.fast(x, t, &got, weights), value, near * (1 + value));
      for (Index j = 0; j < dx.size(); ++j) ASSERT_NEAR(got[j], dx[j], 2 * eps * std::abs(dx[j]) + 1e-15) << j;
      EXPECT_EQ(loss.fast(x, t, nullptr, weights), loss.fast(x, t, &got, weights));
      auto same = x;
      loss.fast(same, t, &same, weights);
      EXPECT_TRUE(close(same, got, 0));
    }
}

TYPED_TEST(LossIn, WeightsOfExamplesWithLabels) {
  using T = TypeParam;
  RandomState random(7);
  for (int i = 0; i < 60 && !this->HasFailure(); ++i) {
    const Index N = testing::random_length(random, 60), C = testing::random_length(random, 9);
    Tensor<T> x({N, C});
    for (T& value : x) value = static_cast<T>(random.randint(-40, 40)) / 8;
    const auto y = random_labels(N, C, random);
    const std::vector<double> weights = random_weights(N, random);
    const double smoothing = i % 2 == 0 ? 0 : 0.3;
    auto got = poisoned<T>({N, C});
    const auto [softmax, dsoftmax] = naive::softmax_loss<double>(cast<double>(x), y, smoothing, weights);
    EXPECT_NEAR(softmax_loss<T>(x, y, &got, smoothing, weights), softmax, 1e-5 * (1 + softmax));
    for (Index j = 0; j < got.size(); ++j) ASSERT_NEAR(got[j], dsoftmax[j], 1e-6) << j;
    const auto [svm, dsvm] = naive::svm_loss<double>(cast<double>(x), y, weights);
    EXPECT_NEAR(svm_loss<T>(x, y, &got, weights), svm, 1e-12 * (1 + svm));
    for (Index j = 0; j < got.size(); ++j) ASSERT_NEAR(got[j], dsvm[j], 1e-6 * (1 + std::abs(dsvm[j]))) << j;
    // Whole weights count as copies of an example; equal ones as none.
    const std::vector<double> equal(static_cast<std::size_t>(N), 0.25);
    EXPECT_NEAR(softmax_loss<T>(x, y, &got, smoothing, equal), softmax_loss<T>(x, y, nullptr, smoothing), 1e-5);
  }
}

TEST(Losses, LogitsOfAnySize) {
  const double infinite = std::numeric_limits<double>::infinity();
  for (const double size : {1e4, infinite}) {
    const auto x = testing::tensor<double>({1, 4}, {size, size, -size, -size});
    const auto t = testing::tensor<double>({1, 4}, {1, 0, 1, 0});
    Tensor<double> dx;
    EXPECT_EQ(sigmoid_loss<double>(x, t, &dx), size / 2);
    EXPECT_TRUE(close(dx, testing::tensor<double>({1, 4}, {0, 0.25, -0.25, 0}), 0));
  }
  const auto small = testing::tensor<double>({1, 1}, {-800});
  EXPECT_EQ(sigmoid_loss<double>(small, Tensor<double>({1, 1}), nullptr), 0);
}

TEST(Losses, NaNStaysInLossesOfNumbers) {
  for (const auto& loss : losses_of_numbers<float>()) {
    Tensor<float> x({2, 2}), dx;
    x[2] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(loss.fast(x, Tensor<float>({2, 2}), &dx, {}))) << loss.name;
    EXPECT_TRUE(std::isnan(dx[2]) && !std::isnan(dx[1])) << loss.name;
  }
}

TEST(Losses, HugeScoresDoNotOverflow) {
  const auto x = testing::tensor<float>({2, 2}, {1e38f, -1e38f, -1e38f, 1e38f});
  const std::array<Label, 2> y{0, 1};
  Tensor<float> dx;
  EXPECT_EQ(softmax_loss<float>(x, y, &dx), 0);
  EXPECT_TRUE(close(dx, Tensor<float>({2, 2}), 0));
}

TEST(Losses, Errors) {
  const Tensor<double> x({2, 10}), none({0, 10}), flat({4});
  const std::vector<Label> short_y{1}, high{3, 10}, low{-1, 0}, empty;
  const auto both = [](const TensorView<double>& scores, std::span<const Label> y, const std::string& message) {
    expect_error([&] { softmax_loss<double>(scores, y); }, "[softmax_loss] " + message);
    expect_error([&] { svm_loss<double>(scores, y); }, "[svm_loss] " + message);
  };
  both(flat, short_y, "expected x of shape (N, C), got (4,)");
  both(none, empty, "expected at least one row of at least one score, got x (0, 10)");
  both(x, short_y, "expected y of 2 labels to match x (2, 10), got 1");
  both(x, high, "expected labels of 0 to 9 to match x (2, 10), got 10 in row 1");
  both(x, low, "expected labels of 0 to 9 to match x (2, 10), got -1 in row 0");
}

TEST(Losses, ErrorsOfNumbersAndWeights) {
  const Tensor<double> x({2, 3}), t({2, 3}), none({0, 3});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const auto& loss : losses_of_numbers<double>()) {
    const std::string where = "[" + std::string(loss.name) + "_loss] ";
    const auto error = [&](View scores, View numbers, const std::vector<double>& weights, const std::string& message) {
      expect_error([&] { loss.fast(scores, numbers, nullptr, weights); }, where + message);
    };
    error(Tensor<double>({6}), t, {}, "expected x of shape (N, K), got (6,)");
    error(none, none, {}, "expected at least one row of at least one score, got x (0, 3)");
    error(x, Tensor<double>({3, 2}), {}, "expected t of shape (2, 3) to match x, got (3, 2)");
    error(x, t, {1}, "expected weights of 2 examples, got 1");
    error(x, t, {1, -2}, "expected weights of at least 0, got -2 in row 1");
    error(x, t, {nan, 1}, "expected weights of at least 0, got nan in row 0");
    error(x, t, {1e308, 1e308}, "expected weights with a finite sum, got inf");
    Tensor<double> dx;
    EXPECT_EQ(loss.fast(x, Tensor<double>({2, 3}, 0.5), &dx, std::vector<double>{0, 0}), 0) << "nothing counts";
    EXPECT_TRUE(close(dx, Tensor<double>({2, 3}), 0));
  }
  const std::vector<double> weights{1, 2, 3};
  const std::vector<Label> y{0, 1};
  expect_error([&] { softmax_loss<double>(x, y, nullptr, 0, weights); },
               "[softmax_loss] expected weights of 2 examples, got 3");
  expect_error([&] { svm_loss<double>(x, y, nullptr, weights); }, "[svm_loss] expected weights of 2 examples, got 3");
  expect_error(
      [&] {
        sigmoid_loss<double>(x, Tensor<double>({2, 3}, 1.5), nullptr);
      },
      "[sigmoid_loss] expected t of 0 to 1, got 1.5");
  expect_error([&] { huber_loss<double>(x, t, nullptr, 0); }, "[huber_loss] expected delta above 0, got 0");
}

}  // namespace
}  // namespace lamina
