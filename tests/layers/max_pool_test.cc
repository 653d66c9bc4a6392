#include "lamina/layers/max_pool.h"

#include "lamina/gradient_check.h"
#include "lamina/layers/layout_naive.h"
#include "lamina/layers/max_pool_naive.h"
#include "lamina/threads.h"
#include "notebooks/printed_values.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::close;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;

TEST(MaxPool, NotebookForward) {
  const auto x = testing::linspace<double>(-0.3, 0.4, {2, 3, 4, 4});
  const auto correct_out = testing::tensor<double>({2, 3, 2, 2}, printed_values("max_pool_forward.correct_out"));
  const PoolParam param{.pool_height = 2, .pool_width = 2, .stride = 2};
  const double printed = printed_value("max_pool_forward.difference");
  EXPECT_NEAR(rel_error(naive::max_pool_forward(x, param), correct_out), printed, 1e-16);
  testing::for_each_target(
      [&](int) { EXPECT_NEAR(rel_error(max_pool_forward(x, param).first, correct_out), printed, 1e-16); });
}

void check_gradient(const Shape& shape, const PoolParam& param, double bound) {
  RandomState random(231);
  const Tensor<double> x = random.randn(shape);
  const Tensor<double> dout = random.randn(naive::max_pool_forward(x, param).shape());
  const auto dx_num = eval_numerical_gradient_array(
      [&](const TensorView<double>& v) { return naive::max_pool_forward(v, param); }, x, dout);
  EXPECT_LT(rel_error(naive::max_pool_backward(dout, x, param), dx_num), bound);
}

TEST(MaxPool, NumericalGradient) {
  check_gradient({3, 2, 8, 8}, {.pool_height = 2, .pool_width = 2, .stride = 2}, 1e-11);  // "on the order of e-12"
  check_gradient({2, 2, 7, 5}, {.pool_height = 3, .pool_width = 2, .stride = 1}, 1e-8);
  check_gradient({1, 3, 9, 7}, {.pool_height = 1, .pool_width = 3, .stride = 4}, 1e-8);
}

TEST(MaxPool, FirstOfEqualMaximaTakesTheGradient) {
  const Tensor<double> x({1, 1, 2, 2}, 5.0), dout({1, 1, 1, 1}, 3.0);
  const auto result = max_pool_forward(x, {});
  EXPECT_TRUE(
      close<double>(max_pool_backward(dout, result.second), testing::tensor<double>({1, 1, 2, 2}, {3, 0, 0, 0}), 0));
}

TEST(MaxPool, NanIsAMaximum) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto x = testing::tensor<double>({1, 1, 2, 2}, {9, nan, nan, 10});
  const Tensor<double> dout({1, 1, 1, 1}, 3.0);
  const auto result = max_pool_forward(x, {});
  EXPECT_TRUE(std::isnan(result.first[0]));
  EXPECT_TRUE(
      close<double>(max_pool_backward(dout, result.second), testing::tensor<double>({1, 1, 2, 2}, {0, 3, 0, 0}), 0));
}

struct Case {
  Shape x;
  PoolParam param;
};

// Every bit the same as the naive layer's: pooling rounds only where windows overlap, and both add in scan order.
template <class T>
void check_against_naive(const Case& c, RandomState& random) {
  const PoolParam& p = c.param;
  SCOPED_TRACE("x " + c.x.to_string() + ", window " + std::to_string(p.pool_height) + " x " +
               std::to_string(p.pool_width) + ", stride " + std::to_string(p.stride));
  auto x = random_tensor<T>(c.x, random);
  const std::int64_t kind = random.randint(4);
  for (T& value : x) {
    if (kind == 0) value = std::round(value);  // many equal maxima
    if (kind == 1 && random.randint(6) == 0)
      value = random.randint(2) ? std::numeric_limits<T>::quiet_NaN() : -std::numeric_limits<T>::infinity();
  }
  const auto out = naive::max_pool_forward(x, p);
  const auto dout = random_tensor<T>(out.shape(), random);
  const auto dx = naive::max_pool_backward(dout, x, p);
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    const bool nhwc = layout == Layout::nhwc;
    SCOPED_TRACE(nhwc ? "nhwc" : "nchw");
    PoolParam param = p;
    param.layout = layout;
    auto got = poisoned<T>(out.shape()), got_dx = poisoned<T>(x.shape());
    PoolCache<T> cache;
    max_pool_forward<T>(nhwc ? naive::to_nhwc(x) : x, param, got, cache);
    EXPECT_TRUE(close<T>(nhwc ? naive::to_nchw(got) : got, out, 0));
    max_pool_backward<T>(nhwc ? naive::to_nhwc(dout) : dout, cache, got_dx);
    EXPECT_TRUE(close<T>(nhwc ? naive::to_nchw(got_dx) : got_dx, dx, 0));
  }
}

Case random_case(RandomState& random) {
  for (;;) {
    const Index N = 1 + random.randint(3), C = testing::random_length(random, 40);
    const Index H = testing::random_length(random, 20), W = testing::random_length(random, 20);
    PoolParam p{
        .pool_height = 1 + random.randint(5), .pool_width = 1 + random.randint(5), .stride = 1 + random.randint(5)};
    switch (random.randint(6)) {
      case 0:
        p = {};
        break;
      case 1:
        p.pool_height = H;
        p.pool_width = W;
        break;
      case 2:
        p.pool_height = p.pool_width = 1;
        break;
      default:;
    }
    if (p.pool_height <= H && p.pool_width <= W && N * C * H * W <= 20000) return {{N, C, H, W}, p};
  }
}

template <class T>
class MaxPoolTyped : public ::testing::Test {};
TYPED_TEST_SUITE(MaxPoolTyped, testing::Scalars);

TYPED_TEST(MaxPoolTyped, RandomShapes) {
  RandomState random(1);
  testing::over_targets(300, [&](int) { check_against_naive<TypeParam>(random_case(random), random); });
}

TYPED_TEST(MaxPoolTyped, EveryRemainder) {
  RandomState random(2);
  testing::for_each_target([&](int) {
    for (Index c = 1; c <= 33 && !this->HasFailure(); ++c) {
      check_against_naive<TypeParam>({{1, c, 5, 4}, {}}, random);
      check_against_naive<TypeParam>({{2, c, 4, 5}, {.pool_height = 3, .pool_width = 2, .stride = 1}}, random);
    }
  });
}

// Several chunks of work, on 1 and on 3 threads.
TYPED_TEST(MaxPoolTyped, LargeShapes) {
  RandomState random(3);
  const int before = num_threads();
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    check_against_naive<TypeParam>({{5, 24, 33, 32}, {}}, random);
    check_against_naive<TypeParam>({{3, 17, 31, 32}, {.pool_height = 3, .pool_width = 3, .stride = 2}}, random);
    check_against_naive<TypeParam>(
        {{2, 3, 4, 5}, {.pool_height = 2, .pool_width = 3, .stride = std::numeric_limits<Index>::max()}}, random);
  }
  set_num_threads(before);
}

TEST(MaxPool, NoImages) {
  const auto result = max_pool_forward(Tensor<float>({0, 3, 8, 8}), {});
  EXPECT_EQ(result.first.shape(), (Shape{0, 3, 4, 4}));
  EXPECT_EQ(max_pool_backward(result.first, result.second).shape(), (Shape{0, 3, 8, 8}));
}

TEST(MaxPool, Errors) {
  using D = Tensor<double>;
  const auto forward = [](const Shape& x, const PoolParam& param) { return [=] { max_pool_forward(D(x), param); }; };
  const std::string at = "[max_pool_forward] ";
  expect_error(forward({3, 8, 8}, {}), at + "expected x of shape (N, C, H, W), got (3, 8, 8)");
  expect_error(forward({3, 8, 8}, {.layout = Layout::nhwc}), at + "expected x of shape (N, H, W, C), got (3, 8, 8)");
  expect_error(forward({2, 3, 8, 8}, {.stride = 0}), at + "expected a stride of at least 1, got 0");
  expect_error(forward({2, 3, 8, 8}, {.pool_height = 0, .pool_width = 2}),
               at + "expected a window of at least 1 x 1, got 0 x 2");
  expect_error(forward({2, 3, 8, 6}, {.pool_height = 2, .pool_width = 7}),
               at + "expected a window no larger than the image of 8 x 6, got 2 x 7");
  expect_error(forward({2, 3, 0, 8}, {}), at + "expected a window no larger than the image of 0 x 8, got 2 x 2");
  expect_error(forward({0, 3, Index{1} << 20, Index{1} << 20}, {.pool_height = 1 << 16, .pool_width = 1 << 16}),
               at + "expected a window of fewer than 2^31 pixels, got 65536 x 65536");
  const auto result = max_pool_forward(D({2, 3, 8, 8}), {});
  expect_error(
      [&] {
        max_pool_backward(D({2, 3, 4, 5}), result.second);
      },
      "[max_pool_backward] expected dout of shape (2, 3, 4, 4) to match out, got (2, 3, 4, 5)");
  expect_error(
      [&] {
        max_pool_backward(D({2, 3, 4, 5}), PoolCache<double>());
      },
      "[max_pool_backward] expected x of shape ...");
}

}  // namespace
}  // namespace lamina
