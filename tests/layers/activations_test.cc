#include "lamina/gradient_check.h"
#include "lamina/layers/leaky_relu.h"
#include "lamina/layers/leaky_relu_naive.h"
#include "lamina/layers/relu.h"
#include "lamina/layers/relu_naive.h"
#include "lamina/layers/sigmoid.h"
#include "lamina/layers/sigmoid_naive.h"
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

TEST(Relu, NotebookForward) {
  const auto x = testing::linspace<double>(-0.5, 0.5, {3, 4});
  const auto correct_out = testing::tensor<double>({3, 4}, printed_values("relu_forward.correct_out"));
  const double printed = printed_value("relu_forward.difference");
  EXPECT_NEAR(rel_error(naive::relu_forward(x), correct_out), printed, 1e-14);
  testing::for_each_target([&](int) { EXPECT_NEAR(rel_error(relu_forward(x).first, correct_out), printed, 1e-14); });
}

TEST(Relu, NotebookGradient) {
  RandomState random(231);
  const auto x = random.randn({10, 10}), dout = random.randn({10, 10});
  const auto numerical = eval_numerical_gradient_array([](View v) { return naive::relu_forward(v); }, x, dout);
  EXPECT_LT(rel_error(numerical, naive::relu_backward(dout, x)), 1e-11);  // "on the order of e-12"
  EXPECT_LT(rel_error(numerical, relu_backward<double>(dout, relu_forward(x).second)), 1e-11);
}

TEST(Sigmoid, Gradient) {
  RandomState random(231);
  const auto x = random.randn({10, 10}), dout = random.randn({10, 10});
  const auto numerical = eval_numerical_gradient_array([](View v) { return naive::sigmoid_forward(v); }, x, dout);
  EXPECT_LT(rel_error(numerical, naive::sigmoid_backward(dout, naive::sigmoid_forward(x))), 1e-8);
  EXPECT_LT(rel_error(numerical, sigmoid_backward<double>(dout, sigmoid_forward(x).second)), 1e-8);
}

TEST(LeakyRelu, Gradient) {
  RandomState random(231);
  const auto x = random.randn({10, 10}), dout = random.randn({10, 10});
  const auto numerical = eval_numerical_gradient_array([](View v) { return naive::leaky_relu_forward(v); }, x, dout);
  EXPECT_LT(rel_error(numerical, naive::leaky_relu_backward(dout, x)), 1e-8);
  EXPECT_LT(rel_error(numerical, leaky_relu_backward<double>(dout, leaky_relu_forward(x).second)), 1e-8);
}

template <class T>
class ActivationIn : public ::testing::Test {
 protected:
  // Shapes of any rank; some values are zero, minus zero or huge.
  Tensor<T> any(int i) {
    const Index n = i % 40 == 39 ? 20000 + random.randint(20000) : testing::random_length(random, 300);
    const Shape shape = n % 12 == 0 ? Shape{n / 12, 2, 3, 2} : Shape{n};
    Tensor<T> x = random_tensor<T>(shape, random);
    x[random.randint(n)] = 0;
    x[random.randint(n)] = -T{0};
    x[random.randint(n)] = T{-2e30};
    x[random.randint(n)] = T{2e30};
    return x;
  }
  Tensor<T> direction(const Tensor<T>& x) { return random_tensor<T>(x.shape(), random); }
  RandomState random{2};
};
TYPED_TEST_SUITE(ActivationIn, testing::Scalars);

TYPED_TEST(ActivationIn, ReluEqualsNaive) {
  using T = TypeParam;
  testing::over_targets(240, [&](int i) {
    const auto x = this->any(i), dout = this->direction(x);
    auto out = poisoned<T>(x.shape()), dx = poisoned<T>(x.shape());
    ReluCache<T> cache;
    relu_forward(x, out, cache);
    EXPECT_TRUE(close(out, naive::relu_forward(x), 0));
    relu_backward(dout, cache, dx);
    EXPECT_TRUE(close(dx, naive::relu_backward(dout, x), 0));
    Tensor<T> same = x, gradient = dout;  // in place
    relu_forward(same, same, cache);
    relu_backward(gradient, cache, gradient);
    EXPECT_TRUE(close(same, out, 0));
    EXPECT_TRUE(close(gradient, dx, 0));
  });
}

TYPED_TEST(ActivationIn, LeakyReluEqualsNaive) {
  using T = TypeParam;
  testing::over_targets(240, [&](int i) {
    const auto x = this->any(i), dout = this->direction(x);
    const double slope = i % 3 == 0 ? 0.01 : i % 3 == 1 ? 0 : 2;
    auto out = poisoned<T>(x.shape()), dx = poisoned<T>(x.shape());
    LeakyReluCache<T> cache;
    leaky_relu_forward(x, slope, out, cache);
    EXPECT_TRUE(close(out, naive::leaky_relu_forward(x, slope), 0));
    leaky_relu_backward(dout, cache, dx);
    EXPECT_TRUE(close(dx, naive::leaky_relu_backward(dout, x, slope), 0));
    Tensor<T> same = x, gradient = dout;
    leaky_relu_forward(same, slope, same, cache);
    leaky_relu_backward(gradient, cache, gradient);
    EXPECT_TRUE(close(same, out, 0));
    EXPECT_TRUE(close(gradient, dx, 0));
  });
}

TYPED_TEST(ActivationIn, SigmoidEqualsNaive) {
  using T = TypeParam;
  testing::over_targets(240, [&](int i) {
    const auto x = this->any(i), dout = this->direction(x);
    auto out = poisoned<T>(x.shape()), dx = poisoned<T>(x.shape());
    SigmoidCache<T> cache;
    sigmoid_forward(x, out, cache);
    const auto expected = naive::sigmoid_forward<double>(cast<double>(x));
    EXPECT_TRUE(testing::close_each(out, expected, 4, expected));
    sigmoid_backward(dout, cache, dx);
    auto scale = testing::absolute(dout);
    for (Index k = 0; k < scale.size(); ++k) scale[k] *= expected[k];
    EXPECT_TRUE(testing::close_each(dx, naive::sigmoid_backward<double>(cast<double>(dout), expected), 2, scale));
    Tensor<T> same = x, gradient = dout;
    sigmoid_forward(same, same, cache);
    sigmoid_backward(gradient, cache, gradient);
    EXPECT_TRUE(close(same, out, 0));
    EXPECT_TRUE(close(gradient, dx, 0));
  });
}

TYPED_TEST(ActivationIn, NaNStays) {
  using T = TypeParam;
  testing::for_each_target([&](int) {
    for (Index at = 0; at < 21; ++at) {
      Tensor<T> x({21}, T{-1});
      x[at] = std::numeric_limits<T>::quiet_NaN();
      const auto relu = relu_forward(x).first, leaky = leaky_relu_forward(x).first, sigmoid = sigmoid_forward(x).first;
      for (Index i = 0; i < 21; ++i) {
        EXPECT_EQ(std::isnan(relu[i]), i == at);
        EXPECT_EQ(std::isnan(leaky[i]), i == at);
        EXPECT_EQ(std::isnan(sigmoid[i]), i == at);
      }
    }
  });
}

TYPED_TEST(ActivationIn, CachesOutliveTheOutput) {
  using T = TypeParam;
  const Tensor<T> x({3}, T{2}), dout({3}, T{5});
  auto [out, cache] = relu_forward(x);
  out.fill(-1);  // the caller may do with it what he likes
  const auto moved = std::move(cache);
  EXPECT_TRUE(close(relu_backward<T>(dout, moved), dout, 0));
}

TEST(Activations, Errors) {
  const Tensor<double> x({2, 3}), dout({3, 2});
  expect_error([&] { relu_backward<double>(dout, relu_forward(x).second); },
               "[relu_backward] expected dout of shape (2, 3) to match out, got (3, 2)");
  expect_error([&] { sigmoid_backward<double>(dout, sigmoid_forward(x).second); },
               "[sigmoid_backward] expected dout of shape (2, 3) to match out, got (3, 2)");
  expect_error([&] { leaky_relu_backward<double>(dout, leaky_relu_forward(x).second); },
               "[leaky_relu_backward] expected dout of shape (2, 3) to match out, got (3, 2)");
  expect_error([&] { leaky_relu_forward(x, -0.5); }, "[leaky_relu_forward] expected a slope of at least 0, got -0.5");
}

}  // namespace
}  // namespace lamina
