#include "lamina/layers/global_average_pool.h"

#include "lamina/gradient_check.h"
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

TEST(GlobalAveragePool, ByHand) {
  const auto x = testing::tensor<double>({1, 2, 2, 3}, {1, 2, 3, 4, 5, 9, -6, 0, 0, 0, 0, 3});
  const auto result = global_average_pool_forward(x);
  EXPECT_TRUE(close<double>(result.first, testing::tensor<double>({1, 2}, {4, -0.5}), 0));
  const Tensor<double> dx = global_average_pool_backward(testing::tensor<double>({1, 2}, {6, 12}), result.second);
  EXPECT_TRUE(close<double>(dx, testing::tensor<double>({1, 2, 2, 3}, {1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2}), 0));
}

TEST(GlobalAveragePool, NumericalGradient) {
  RandomState random(231);
  for (const Shape& shape : {Shape{3, 2, 4, 5}, Shape{1, 3, 1, 1}, Shape{2, 1, 7, 1}}) {
    const Tensor<double> x = random.randn(shape), dout = random.randn({shape[0], shape[1]});
    const auto numerical = eval_numerical_gradient_array(
        [&](const TensorView<double>& v) { return naive::global_average_pool_forward(v); }, x, dout);
    EXPECT_LT(rel_error(naive::global_average_pool_backward(dout, shape), numerical), 1e-8);
  }
}

// Every bit the same as the naive layer's: both add in scan order.
template <class T>
void check_against_naive(const Shape& shape, RandomState& random) {
  SCOPED_TRACE("x " + shape.to_string());
  const auto x = random_tensor<T>(shape, random);
  const auto out = naive::global_average_pool_forward(x);
  const auto dout = random_tensor<T>(out.shape(), random);
  const auto dx = naive::global_average_pool_backward(dout, shape);
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    const bool nhwc = layout == Layout::nhwc;
    SCOPED_TRACE(nhwc ? "nhwc" : "nchw");
    auto got = poisoned<T>(out.shape()), got_dx = poisoned<T>(shape);
    GlobalAveragePoolCache cache;
    global_average_pool_forward<T>(nhwc ? naive::to_nhwc(x) : x, layout, got, cache);
    EXPECT_TRUE(close<T>(got, out, 0));
    global_average_pool_backward<T>(dout, cache, got_dx);
    EXPECT_TRUE(close<T>(nhwc ? naive::to_nchw(got_dx) : got_dx, dx, 0));
  }
}

template <class T>
class GlobalAveragePoolTyped : public ::testing::Test {};
TYPED_TEST_SUITE(GlobalAveragePoolTyped, testing::Scalars);

TYPED_TEST(GlobalAveragePoolTyped, EveryRemainder) {
  RandomState random(2);
  testing::for_each_target([&](int) {
    for (Index C = 1; C <= 67 && !this->HasFailure(); ++C)
      check_against_naive<TypeParam>({1 + C % 3, C, 1 + C % 5, 1 + C % 4}, random);
  });
}

// Several chunks of work, on 1 and on 3 threads.
TYPED_TEST(GlobalAveragePoolTyped, LargeShapes) {
  RandomState random(3);
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    check_against_naive<TypeParam>({70, 33, 16, 16}, random);
    check_against_naive<TypeParam>({3, 70, 33, 31}, random);
  }
  set_num_threads(0);
}

TEST(GlobalAveragePool, NoImages) {
  const auto result = global_average_pool_forward(Tensor<float>({0, 3, 8, 8}));
  EXPECT_EQ(result.first.shape(), (Shape{0, 3}));
  EXPECT_EQ(global_average_pool_backward(result.first, result.second).shape(), (Shape{0, 3, 8, 8}));
}

TEST(GlobalAveragePool, Errors) {
  using D = Tensor<double>;
  const std::string at = "[global_average_pool_forward] ";
  expect_error(
      [] {
        global_average_pool_forward(D({3, 8, 8}));
      },
      at + "expected x of shape (N, C, H, W), got (3, 8, 8)");
  expect_error(
      [] {
        global_average_pool_forward(D({3, 8}), Layout::nhwc);
      },
      at + "expected x of shape (N, H, W, C), got (3, 8)");
  expect_error(
      [] {
        global_average_pool_forward(D({2, 3, 0, 8}));
      },
      at + "expected images of at least one pixel, got x of shape (2, 3, 0, 8)");
  const auto result = global_average_pool_forward(D({2, 3, 8, 8}));
  expect_error(
      [&] {
        global_average_pool_backward(D({2, 4}), result.second);
      },
      "[global_average_pool_backward] expected dout of shape (2, 3) to match out, got (2, 4)");
}

}  // namespace
}  // namespace lamina
