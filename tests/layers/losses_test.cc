#include <array>

#include "lamina/gradient_check.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/layers/softmax_loss_naive.h"
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

}  // namespace
}  // namespace lamina
