#include "lamina/layers/affine.h"

#include "lamina/gradient_check.h"
#include "lamina/layers/affine_naive.h"
#include "notebooks/printed_values.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::cast;
using testing::close;
using testing::expect_error;
using testing::linspace;
using testing::poisoned;
using testing::random_tensor;
using View = const TensorView<double>&;

TEST(Affine, NotebookForward) {
  const auto x = linspace<double>(-0.1, 0.5, {2, 4, 5, 6}), w = linspace<double>(-0.2, 0.3, {120, 3});
  const auto b = linspace<double>(-0.3, 0.1, {3});
  const auto correct_out = testing::tensor<double>({2, 3}, printed_values("affine_forward.correct_out"));
  const double printed = printed_value("affine_forward.difference");
  EXPECT_NEAR(rel_error(naive::affine_forward(x, w, b), correct_out), printed, 1e-14);
  testing::for_each_target(
      [&](int) { EXPECT_NEAR(rel_error(affine_forward(x, w, b).first, correct_out), printed, 1e-14); });
}

TEST(Affine, NotebookGradients) {
  RandomState random(231);
  const auto x = random.randn({10, 2, 3}), w = random.randn({6, 5}), b = random.randn({5});
  const auto dout = random.randn({10, 5});
  const auto dx = eval_numerical_gradient_array([&](View v) { return naive::affine_forward(v, w, b); }, x, dout);
  const auto dw = eval_numerical_gradient_array([&](View v) { return naive::affine_forward(x, v, b); }, w, dout);
  const auto db = eval_numerical_gradient_array([&](View v) { return naive::affine_forward(x, w, v); }, b, dout);
  const double bound = 1e-9;  // "around e-10 or less"
  const auto slow = naive::affine_backward(dout, x, w);
  EXPECT_LT(rel_error(dx, slow.dx), bound);
  EXPECT_LT(rel_error(dw, slow.dw), bound);
  EXPECT_LT(rel_error(db, slow.db), bound);
  const auto fast = affine_backward<double>(dout, affine_forward(x, w, b).second);
  EXPECT_LT(rel_error(dx, fast.dx), bound);
  EXPECT_LT(rel_error(dw, fast.dw), bound);
  EXPECT_LT(rel_error(db, fast.db), bound);
}

template <class T>
class AffineIn : public ::testing::Test {};
TYPED_TEST_SUITE(AffineIn, testing::Scalars);

TYPED_TEST(AffineIn, FastEqualsNaive) {
  using T = TypeParam;
  RandomState random(1);
  testing::over_targets(240, [&](int i) {
    const Index N = testing::random_length(random, 40), M = testing::random_length(random, 70);
    const Index D = i % 24 == 23 ? 1500 + random.randint(1000) : testing::random_length(random, 100);
    const Index d = D % 6 == 0 ? D / 6 : D;
    const Shape x_shape = D % 6 == 0 ? Shape{N, 2, d, 3} : Shape{N, D};
    const auto x = random_tensor<T>(x_shape, random), w = random_tensor<T>({D, M}, random);
    const auto b = random_tensor<T>({M}, random), dout = random_tensor<T>({N, M}, random);
    SCOPED_TRACE(x.shape().to_string() + " by " + w.shape().to_string());
    const auto x64 = cast<double>(x), w64 = cast<double>(w), b64 = cast<double>(b), dout64 = cast<double>(dout);
    using testing::absolute;
    const double constant = 4;

    auto out = poisoned<T>({N, M}), dx = poisoned<T>(x_shape), dw = poisoned<T>({D, M}), db = poisoned<T>({M});
    AffineCache<T> cache;
    affine_forward(x, w, b, out, cache);
    const auto size = naive::affine_forward<double>(absolute(x), absolute(w), absolute(b));
    EXPECT_TRUE(testing::close_each(out, naive::affine_forward(x64, w64, b64), constant, size));

    affine_backward<T>(dout, cache, &dx, dw, db);
    const auto grad = naive::affine_backward(dout64, x64, w64);
    const auto sizes = naive::affine_backward<double>(absolute(dout), absolute(x), absolute(w));
    EXPECT_TRUE(testing::close_each(dx, grad.dx, constant, sizes.dx));
    EXPECT_TRUE(testing::close_each(dw, grad.dw, constant, sizes.dw));
    EXPECT_TRUE(testing::close_each(db, grad.db, constant, sizes.db));

    auto bare = poisoned<T>({N, M}), bare_dw = poisoned<T>({D, M});  // without a bias
    affine_forward(x, w, {}, bare, cache);
    EXPECT_TRUE(testing::close_each(bare, naive::affine_forward<double>(x64, w64, {}), constant, size));
    affine_backward<T>(dout, cache, nullptr, bare_dw, {});
    EXPECT_TRUE(testing::close_each(bare_dw, grad.dw, constant, sizes.dw));
    affine_forward(x, w, b, out, cache);

    auto dw_alone = poisoned<T>({D, M}), db_alone = poisoned<T>({M});
    affine_backward<T>(dout, cache, nullptr, dw_alone, db_alone);
    EXPECT_TRUE(close(dw_alone, dw, 0));
    EXPECT_TRUE(close(db_alone, db, 0));
  });
}

TYPED_TEST(AffineIn, NoRowsGiveZeroGradients) {
  using T = TypeParam;
  const Tensor<T> x({0, 3}), w({3, 4}), b({4}), dout({0, 4});
  const auto [out, cache] = affine_forward(x, w, b);
  EXPECT_EQ(out.shape(), (Shape{0, 4}));
  auto dw = poisoned<T>({3, 4}), db = poisoned<T>({4});
  Tensor<T> dx;
  affine_backward<T>(dout, cache, &dx, dw, db);
  EXPECT_EQ(dx.shape(), (Shape{0, 3}));
  EXPECT_TRUE(close(dw, Tensor<T>({3, 4}), 0));
  EXPECT_TRUE(close(db, Tensor<T>({4}), 0));
}

TYPED_TEST(AffineIn, NaNStays) {
  using T = TypeParam;
  RandomState random(5);
  auto x = random_tensor<T>({3, 20}, random);
  const auto w = random_tensor<T>({20, 7}, random), b = random_tensor<T>({7}, random);
  x(1, 13) = std::numeric_limits<T>::quiet_NaN();
  testing::for_each_target([&](int) {
    const auto out = affine_forward(x, w, b).first;
    for (Index j = 0; j < 7; ++j) {
      EXPECT_FALSE(std::isnan(out(0, j)));
      EXPECT_TRUE(std::isnan(out(1, j)));
      EXPECT_FALSE(std::isnan(out(2, j)));
    }
  });
}

TEST(Affine, Errors) {
  const Tensor<double> x({2, 4, 5}), w({20, 3}), b({3});
  expect_error([&] { affine_forward(Tensor<double>({20}), w, b); },
               "[affine_forward] expected x of shape (N, d_1, ..., d_k), got (20,)");
  expect_error(
      [&] {
        affine_forward(x, Tensor<double>({19, 3}), b);
      },
      "[affine_forward] expected w of shape (20, M) to match x (2, 4, 5), got (19, 3)");
  expect_error([&] { affine_forward(x, Tensor<double>({20}), b); },
               "[affine_forward] expected w of shape (20, M) to match x (2, 4, 5), got (20,)");
  expect_error([&] { affine_forward(x, w, Tensor<double>({4})); },
               "[affine_forward] expected b of shape (3,) to match w (20, 3), got (4,)");
  auto [out, cache] = affine_forward(x, w, b);
  expect_error(
      [&] {
        affine_backward<double>(Tensor<double>({2, 4}), cache);
      },
      "[affine_backward] expected dout of shape (2, 3) to match out, got (2, 4)");
  Tensor<double> dw({3, 20}), db({3});
  expect_error([&] { affine_backward<double>(out, cache, nullptr, dw, db); },
               "[affine_backward] expected dw of shape (20, 3) to match w, got (3, 20)");
  expect_error([&] { affine_backward<double>(out, AffineCache<double>{}); },
               "[affine_backward] expected the cache of a forward pass, got an empty one");
}

}  // namespace
}  // namespace lamina
