#include "lamina/layers/average_pool.h"

#include "lamina/gradient_check.h"
#include "lamina/layers/average_pool_naive.h"
#include "lamina/layers/global_average_pool_naive.h"
#include "lamina/layers/layout_naive.h"
#include "lamina/threads.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::close;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;

TEST(AveragePool, ByHand) {
  const auto x = testing::tensor<double>({1, 1, 2, 3}, {1, 2, 3, 4, 5, 9});
  const auto result = average_pool_forward(x, {.stride = 1});
  EXPECT_TRUE(close<double>(result.first, testing::tensor<double>({1, 1, 1, 2}, {3, 4.75}), 0));
  const Tensor<double> dx = average_pool_backward(testing::tensor<double>({1, 1, 1, 2}, {4, 8}), result.second);
  EXPECT_TRUE(close<double>(dx, testing::tensor<double>({1, 1, 2, 3}, {1, 3, 2, 1, 3, 2}), 0));
}

TEST(AveragePool, PadByHand) {
  const auto x = testing::tensor<double>({1, 1, 2, 2}, {4, 8, 12, 16}),
             dout = testing::tensor<double>({1, 1, 2, 2}, {4, 8, 12, 16});
  const auto counted = average_pool_forward(x, {.pad = 1}),
             excluded = average_pool_forward(x, {.pad = 1, .exclude_pad = true});
  EXPECT_TRUE(close<double>(counted.first, testing::tensor<double>({1, 1, 2, 2}, {1, 2, 3, 4}), 0));
  EXPECT_TRUE(close<double>(excluded.first, x, 0));
  EXPECT_TRUE(close<double>(average_pool_backward(dout, counted.second),
                            testing::tensor<double>({1, 1, 2, 2}, {1, 2, 3, 4}), 0));
  EXPECT_TRUE(close<double>(average_pool_backward(dout, excluded.second), dout, 0));
}

TEST(AveragePool, OneWindowIsTheGlobalAverage) {
  RandomState random(4);
  const Tensor<double> x = random.randn({2, 3, 5, 4});
  const Tensor<double> out = average_pool_forward(x, {.pool_height = 5, .pool_width = 4}).first;
  EXPECT_TRUE(close<double>(out.reshaped({2, 3}), naive::global_average_pool_forward(x), 0));
}

void check_gradient(const Shape& shape, const AveragePoolParam& param) {
  RandomState random(231);
  const Tensor<double> x = random.randn(shape);
  const Tensor<double> dout = random.randn(naive::average_pool_forward(x, param).shape());
  const auto dx_num = eval_numerical_gradient_array(
      [&](const TensorView<double>& v) { return naive::average_pool_forward(v, param); }, x, dout);
  EXPECT_LT(rel_error(naive::average_pool_backward(dout, shape, param), dx_num), 1e-8);
}

TEST(AveragePool, NumericalGradient) {
  check_gradient({3, 2, 8, 8}, {});
  check_gradient({2, 2, 7, 5}, {.pool_height = 3, .pool_width = 2, .stride = 1});
  check_gradient({1, 3, 9, 7}, {.pool_height = 1, .pool_width = 3, .stride = 4});
  for (const bool exclude : {false, true}) {
    check_gradient({2, 2, 5, 6}, {.pool_height = 3, .pool_width = 3, .stride = 2, .pad = 1, .exclude_pad = exclude});
    check_gradient({1, 2, 3, 2}, {.pool_height = 5, .pool_width = 4, .stride = 1, .pad = 2, .exclude_pad = exclude});
  }
}

struct Case {
  Shape x;
  AveragePoolParam param;
};

// Every bit the same as the naive layer's: both add in scan order and divide once.
template <class T>
void check_against_naive(const Case& c, RandomState& random) {
  const AveragePoolParam& p = c.param;
  SCOPED_TRACE("x " + c.x.to_string() + ", window " + std::to_string(p.pool_height) + " x " +
               std::to_string(p.pool_width) + ", stride " + std::to_string(p.stride) + ", pad " +
               std::to_string(p.pad) + (p.exclude_pad ? ", excluded" : ""));
  auto x = random_tensor<T>(c.x, random);
  if (random.randint(4) == 0)
    for (T& value : x)
      if (random.randint(9) == 0)
        value = random.randint(2) ? std::numeric_limits<T>::quiet_NaN() : -std::numeric_limits<T>::infinity();
  const auto out = naive::average_pool_forward(x, p);
  const auto dout = random_tensor<T>(out.shape(), random);
  const auto dx = naive::average_pool_backward(dout, x.shape(), p);
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    const bool nhwc = layout == Layout::nhwc;
    SCOPED_TRACE(nhwc ? "nhwc" : "nchw");
    AveragePoolParam param = p;
    param.layout = layout;
    auto got = poisoned<T>(out.shape()), got_dx = poisoned<T>(x.shape());
    AveragePoolCache cache;
    average_pool_forward<T>(nhwc ? naive::to_nhwc(x) : x, param, got, cache);
    EXPECT_TRUE(close<T>(nhwc ? naive::to_nchw(got) : got, out, 0));
    average_pool_backward<T>(nhwc ? naive::to_nhwc(dout) : dout, cache, got_dx);
    EXPECT_TRUE(close<T>(nhwc ? naive::to_nchw(got_dx) : got_dx, dx, 0));
  }
}

Case random_case(RandomState& random) {
  for (;;) {
    const Index N = 1 + random.randint(3), C = testing::random_length(random, 40);
    const Index H = testing::random_length(random, 20), W = testing::random_length(random, 20);
    AveragePoolParam p{
        .pool_height = 1 + random.randint(6), .pool_width = 1 + random.randint(6), .stride = 1 + random.randint(6)};
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
      default:
        p.pad = random.randint(1 + std::min(p.pool_height, p.pool_width) / 2);
        p.exclude_pad = random.randint(2) == 1;
    }
    if (p.pool_height <= H + 2 * p.pad && p.pool_width <= W + 2 * p.pad && N * C * H * W <= 20000)
      return {{N, C, H, W}, p};
  }
}

template <class T>
class AveragePoolTyped : public ::testing::Test {};
TYPED_TEST_SUITE(AveragePoolTyped, testing::Scalars);

TYPED_TEST(AveragePoolTyped, RandomShapes) {
  RandomState random(1);
  testing::over_targets(300, [&](int) { check_against_naive<TypeParam>(random_case(random), random); });
}

TYPED_TEST(AveragePoolTyped, EveryRemainder) {
  RandomState random(2);
  testing::for_each_target([&](int) {
    for (Index c = 1; c <= 33 && !this->HasFailure(); ++c) {
      check_against_naive<TypeParam>({{1, c, 5, 4}, {}}, random);
      check_against_naive<TypeParam>({{2, c, 4, 5}, {.pool_height = 3, .pool_width = 2, .stride = 1, .pad = 1}},
                                     random);
    }
  });
}

// Several chunks of work, on 1 and on 3 threads.
TYPED_TEST(AveragePoolTyped, LargeShapes) {
  RandomState random(3);
  const int before = num_threads();
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    check_against_naive<TypeParam>({{5, 24, 33, 32}, {}}, random);
    check_against_naive<TypeParam>(
        {{3, 17, 31, 32}, {.pool_height = 3, .pool_width = 3, .stride = 2, .pad = 1, .exclude_pad = true}}, random);
    check_against_naive<TypeParam>(
        {{2, 3, 4, 5}, {.pool_height = 2, .pool_width = 3, .stride = std::numeric_limits<Index>::max()}}, random);
  }
  set_num_threads(before);
}

TEST(AveragePool, NoImages) {
  const auto result = average_pool_forward(Tensor<float>({0, 3, 8, 8}), {});
  EXPECT_EQ(result.first.shape(), (Shape{0, 3, 4, 4}));
  EXPECT_EQ(average_pool_backward(result.first, result.second).shape(), (Shape{0, 3, 8, 8}));
}

// The largest pad that there is leaves a window for each pixel and one more; nothing overflows.
TEST(AveragePool, HugeWindows) {
  constexpr Index kHuge = std::numeric_limits<Index>::max() - 1;
  const AveragePoolParam param{
      .pool_height = kHuge, .pool_width = kHuge, .stride = 1, .pad = kHuge / 2, .exclude_pad = true};
  const auto result = average_pool_forward(testing::tensor<double>({1, 1, 1, 2}, {2, 4}), param);
  EXPECT_TRUE(close<double>(result.first, Tensor<double>({1, 1, 2, 3}, 3.0), 0));
  const Tensor<double> dx = average_pool_backward(Tensor<double>({1, 1, 2, 3}, 1.0), result.second);
  EXPECT_TRUE(close<double>(dx, Tensor<double>({1, 1, 1, 2}, 3.0), 0));
}

TEST(AveragePool, Errors) {
  using D = Tensor<double>;
  const auto forward = [](const Shape& x, const AveragePoolParam& param) {
    return [=] { average_pool_forward(D(x), param); };
  };
  const std::string at = "[average_pool_forward] ";
  expect_error(forward({3, 8, 8}, {}), at + "expected x of shape (N, C, H, W), got (3, 8, 8)");
  expect_error(forward({3, 8, 8}, {.layout = Layout::nhwc}), at + "expected x of shape (N, H, W, C), got (3, 8, 8)");
  expect_error(forward({2, 3, 0, 8}, {}), at + "expected images of at least one pixel, got x of shape (2, 3, 0, 8)");
  expect_error(forward({2, 3, 8, 8}, {.stride = 0}), at + "expected a stride of at least 1, got 0");
  expect_error(forward({2, 3, 8, 8}, {.pool_height = 0}), at + "expected a window of at least 1 x 1, got 0 x 2");
  expect_error(forward({2, 3, 8, 8}, {.pool_height = 4, .pool_width = 3, .pad = 2}),
               at + "expected a pad of 0 to half the window of 4 x 3, got 2");
  expect_error(forward({2, 3, 8, 8}, {.pad = -1}), at + "expected a pad of 0 to half the window of 2 x 2, got -1");
  expect_error(forward({2, 3, 8, 6}, {.pool_width = 9, .pad = 1}),
               at + "expected a window no larger than the image of 8 x 6 with a pad of 1, got 2 x 9");
  const auto result = average_pool_forward(D({2, 3, 8, 8}), {});
  expect_error(
      [&] {
        average_pool_backward(D({2, 3, 4, 5}), result.second);
      },
      "[average_pool_backward] expected dout of shape (2, 3, 4, 4) to match out, got (2, 3, 4, 5)");
  expect_error(
      [&] {
        average_pool_backward(D({2, 3, 4, 5}), AveragePoolCache());
      },
      "[average_pool_backward] expected x of shape ...");
}

}  // namespace
}  // namespace lamina
