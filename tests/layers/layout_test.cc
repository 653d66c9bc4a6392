#include "lamina/layers/layout.h"

#include "lamina/layers/layout_naive.h"
#include "lamina/threads.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::close;
using testing::poisoned;

template <class T>
class LayoutTyped : public ::testing::Test {};
TYPED_TEST_SUITE(LayoutTyped, testing::Scalars);

template <class T>
void check(const Shape& shape) {
  SCOPED_TRACE(shape.to_string());
  Tensor<T> x(shape);
  for (Index i = 0; i < x.size(); ++i) x[i] = static_cast<T>(i);
  auto out = poisoned<T>(shape), back = poisoned<T>(shape);
  to_nhwc(x, out);
  EXPECT_TRUE(close<T>(out, naive::to_nhwc(x), 0));
  to_nchw(out, back);
  EXPECT_TRUE(close<T>(back, x, 0));
  to_nchw(x, out);
  EXPECT_TRUE(close<T>(out, naive::to_nchw(x), 0));
}

TYPED_TEST(LayoutTyped, EveryRemainder) {
  testing::for_each_target([&](int) {
    for (Index c = 1; c <= 34 && !this->HasFailure(); ++c)
      for (Index w = 1; w <= 34; w += c % 4 == 0 ? 1 : 3) check<TypeParam>({2, c, 1, w});
  });
}

TYPED_TEST(LayoutTyped, RandomShapes) {
  RandomState random(1);
  testing::over_targets(200, [&](int) {
    check<TypeParam>({1 + random.randint(4), testing::random_length(random, 40), testing::random_length(random, 20),
                      testing::random_length(random, 20)});
  });
}

// Several chunks of work: of whole images and of parts of one.
TYPED_TEST(LayoutTyped, LargeShapes) {
  const int before = num_threads();
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    check<TypeParam>({50, 3, 32, 32});
    check<TypeParam>({2, 5, 211, 199});
    check<TypeParam>({1, 3, 211, 199});
    check<TypeParam>({1, 1100, 7, 9});
    check<TypeParam>({1, 3, 1, 70001});
    check<TypeParam>({1, 70001, 1, 3});
    check<TypeParam>({0, 3, 8, 8});
  }
  set_num_threads(before);
}

TEST(Layout, Errors) {
  Tensor<float> out;
  testing::expect_error(
      [&] {
        to_nhwc(Tensor<float>({3, 8, 8}), out);
      },
      "[to_nhwc] expected x of shape (N, C, H, W), got (3, 8, 8)");
  testing::expect_error(
      [&] {
        to_nchw(Tensor<float>({3, 8, 8}), out);
      },
      "[to_nchw] expected x of shape (N, H, W, C), got (3, 8, 8)");
}

}  // namespace
}  // namespace lamina
