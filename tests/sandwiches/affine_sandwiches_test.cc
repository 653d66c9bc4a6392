#include <array>

#include "lamina/gradient_check.h"
#include "lamina/layers/dropout_naive.h"
#include "lamina/layers/relu_naive.h"
#include "lamina/sandwiches/affine_norm_relu_dropout.h"
#include "lamina/sandwiches/affine_relu.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::close;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;
using View = const TensorView<double>&;

TEST(AffineRelu, NotebookGradients) {
  RandomState random(231);
  const auto x = random.randn({2, 3, 4}), w = random.randn({12, 10}), b = random.randn({10});
  const auto dout = random.randn({2, 10});
  const auto forward = [](View xv, View wv, View bv) {
    Tensor<double> out;
    AffineReluCache<double> cache;
    affine_relu_forward(xv, wv, bv, out, cache);
    return out;
  };
  Tensor<double> out, dx, dw({12, 10}), db({10});
  AffineReluCache<double> cache;
  affine_relu_forward(x, w, b, out, cache);
  affine_relu_backward<double>(dout, cache, &dx, dw, db);
  const double bound = 1e-9;  // "around e-10 or less"
  EXPECT_LT(rel_error(dx, eval_numerical_gradient_array([&](View v) { return forward(v, w, b); }, x, dout)), bound);
  EXPECT_LT(rel_error(dw, eval_numerical_gradient_array([&](View v) { return forward(x, v, b); }, w, dout)), bound);
  EXPECT_LT(rel_error(db, eval_numerical_gradient_array([&](View v) { return forward(x, w, v); }, b, dout)), bound);
}

template <class T>
class SandwichIn : public ::testing::Test {};
TYPED_TEST_SUITE(SandwichIn, testing::Scalars);

TYPED_TEST(SandwichIn, AffineReluEqualsItsLayers) {
  using T = TypeParam;
  RandomState random(11);
  testing::over_targets(200, [&](int i) {
    const Index N = testing::random_length(random, 40), D = testing::random_length(random, 90);
    const Index M = testing::random_length(random, 70);
    const Shape x_shape = i % 4 == 0 ? Shape{N, D, 2} : Shape{N, 2 * D};
    const auto x = random_tensor<T>(x_shape, random), w = random_tensor<T>({2 * D, M}, random);
    const auto b = random_tensor<T>({M}, random), dout = random_tensor<T>({N, M}, random);
    const auto [a, affine] = affine_forward(x, w, b);
    const auto [expected, relu] = relu_forward(a);
    const auto grad = affine_backward<T>(relu_backward<T>(dout, relu), affine);

    auto out = poisoned<T>({N, M}), dx = poisoned<T>(x_shape), dw = poisoned<T>({2 * D, M}), db = poisoned<T>({M});
    AffineReluCache<T> cache;
    affine_relu_forward(x, w, b, out, cache);
    EXPECT_TRUE(close(out, expected, 0));
    affine_relu_backward<T>(dout, cache, &dx, dw, db);
    EXPECT_TRUE(close(dx, grad.dx, 0));
    EXPECT_TRUE(close(dw, grad.dw, 0));
    EXPECT_TRUE(close(db, grad.db, 0));
    auto alone = poisoned<T>({2 * D, M});
    affine_relu_backward<T>(dout, cache, nullptr, alone, db);
    EXPECT_TRUE(close(alone, dw, 0));
  });
}

TYPED_TEST(SandwichIn, AffineNormReluDropoutEqualsItsLayers) {
  using T = TypeParam;
  RandomState random(12);
  AffineNormReluDropoutCache<T> cache;  // one for all, as a net uses it
  testing::over_targets(240, [&](int i) {
    const Index N = testing::random_length(random, 40), D = testing::random_length(random, 60);
    const Index M = testing::random_length(random, 70);
    const auto x = random_tensor<T>({N, D}, random), w = random_tensor<T>({D, M}, random);
    const auto b = random_tensor<T>({M}, random), dout = random_tensor<T>({N, M}, random);
    const auto gamma = random_tensor<T>({M}, random), beta = random_tensor<T>({M}, random);
    const Normalization norm = std::array{Normalization::none, Normalization::batchnorm,
                                          Normalization::layernorm}[static_cast<std::size_t>(random.randint(3))];
    const Mode mode = random.randint(4) == 0 ? Mode::test : Mode::train;
    DropoutParam dropout{.p = i % 7 == 0 ? 1 : 0.3 + 0.6 * random.rand(), .mode = mode};
    if (random.randint(2)) dropout.seed = 42;
    const bool drops = random.randint(3) > 0;
    BatchNormParam<T> bn_param;
    bn_param.mode = mode;
    bn_param.running_mean = random_tensor<T>({M}, random);
    bn_param.running_var = random_tensor<T>({M}, random, 0.1, 2);
    BatchNormParam<T> bn_param2 = bn_param;
    RandomState stream(static_cast<std::uint32_t>(i)), stream2 = stream;

    // Layer by layer.
    const auto [a, affine] = affine_forward(x, w, b);
    Tensor<T> normalized = a;
    BatchNormCache<T> bn;
    LayerNormCache<T> ln;
    if (norm == Normalization::batchnorm) batchnorm_forward(a, gamma, beta, bn_param2, normalized, bn);
    if (norm == Normalization::layernorm) layernorm_forward(a, gamma, beta, {}, normalized, ln);
    const auto [hidden, relu] = relu_forward(normalized);
    Tensor<T> expected = hidden, g = dout;
    DropoutCache<T> mask;
    if (drops) {
      dropout_forward(hidden, dropout, stream2, expected, mask);
      dropout_backward(dout, mask, g);
    }
    g = relu_backward<T>(g, relu);
    auto dgamma2 = poisoned<T>({M}), dbeta2 = poisoned<T>({M});
    if (norm == Normalization::batchnorm) batchnorm_backward<T>(g, bn, g, dgamma2, dbeta2);
    if (norm == Normalization::layernorm) layernorm_backward<T>(g, ln, g, dgamma2, dbeta2);
    const auto grad = affine_backward<T>(g, affine);

    AffineNormReluDropoutParam<T> param;
    param.normalization = norm;
    if (norm == Normalization::batchnorm) param.batchnorm = &bn_param;
    if (drops) param.dropout = &dropout, param.random = &stream;
    auto out = poisoned<T>({N, M}), dx = poisoned<T>({N, D}), dw = poisoned<T>({D, M}), db = poisoned<T>({M});
    auto dgamma = poisoned<T>({M}), dbeta = poisoned<T>({M});
    affine_norm_relu_dropout_forward(x, w, b, gamma, beta, param, out, cache);
    EXPECT_TRUE(close(out, expected, 0));
    EXPECT_EQ(stream.state(), stream2.state());
    EXPECT_TRUE(close(bn_param.running_mean, bn_param2.running_mean, 0));
    EXPECT_TRUE(close(bn_param.running_var, bn_param2.running_var, 0));
    affine_norm_relu_dropout_backward<T>(dout, cache, &dx, dw, db, dgamma, dbeta);
    EXPECT_TRUE(close(dx, grad.dx, 0));
    EXPECT_TRUE(close(dw, grad.dw, 0));
    EXPECT_TRUE(close(db, grad.db, 0));
    EXPECT_TRUE(close(dgamma, dgamma2, 0));  // both still NaN where nothing is normalized
    EXPECT_TRUE(close(dbeta, dbeta2, 0));
  });
}

// As in NumPy, an infinite or NaN number times dropout's 0 is NaN, and what ReLU cuts is 0. db, or dbeta where there is
// a normalization, shows the gradient of each column by itself.
TYPED_TEST(SandwichIn, InfinityAndNaNThroughDropout) {
  using T = TypeParam;
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const T specials[] = {kInfinity, -kInfinity, std::numeric_limits<T>::quiet_NaN(), T(-1), T(2)};
  constexpr Index M = 230;
  testing::for_each_target([&](int) {
    for (const Normalization norm : {Normalization::none, Normalization::batchnorm, Normalization::layernorm}) {
      RandomState random(21), same(21);
      const DropoutParam dropout{.p = 0.5};
      const Tensor<T> x({1, 1}, T(1)), gamma({M}, T(0)), beta = random_tensor<T>({M}, random);
      Tensor<T> b = random_tensor<T>({M}, random);
      if (norm == Normalization::none) b[5] = b[6] = b[7] = b[8] = kInfinity, b[9] = std::nan("");
      const Tensor<T> w({1, M}, T(0));
      Tensor<T> dout({1, M});
      for (Index i = 0; i < M; ++i) dout[i] = specials[i % 5];
      same = random;

      // The layers in plain loops; gamma is 0, so that beta is what a normalization gives.
      const Tensor<T>& before = norm == Normalization::none ? b : beta;
      const Tensor<T> hidden = naive::relu_forward<T>(before);
      const auto [expected, mask] = naive::dropout_forward<T>(hidden, dropout, same);
      const Tensor<T> gradient = naive::relu_backward<T>(naive::dropout_backward<T>(dout, mask), before);

      BatchNormParam<T> bn_param;
      AffineNormReluDropoutParam<T> param;
      param.normalization = norm;
      param.batchnorm = &bn_param;
      param.dropout = &dropout;
      param.random = &random;
      AffineNormReluDropoutCache<T> cache;
      Tensor<T> out, dx, dw({1, M}), db({M}), dgamma({M}), dbeta({M});
      affine_norm_relu_dropout_forward<T>(x, w, b, gamma, beta, param, out, cache);
      EXPECT_TRUE(close(out, expected.reshaped({1, M}), 0));
      affine_norm_relu_dropout_backward<T>(dout, cache, &dx, dw, db, dgamma, dbeta);
      EXPECT_TRUE(close(norm == Normalization::none ? db : dbeta, gradient.reshaped({M}), 0));
      Index nans = 0, zeros = 0;
      for (const T value : gradient) nans += std::isnan(value), zeros += value == 0;
      EXPECT_GT(nans, 30);
      EXPECT_GT(zeros, 100);
      EXPECT_TRUE(std::isnan(dx[0]) || norm != Normalization::none);
    }
  });
}

TEST(AffineSandwiches, Errors) {
  const Tensor<double> x({2, 4}), w({4, 3}), b({3}), gamma({3}), wrong({5});
  Tensor<double> out, dw({4, 3}), db({3}), dgamma({3});
  AffineReluCache<double> affine_relu;
  expect_error([&] { affine_relu_forward(x, w, wrong, out, affine_relu); },
               "[affine_relu_forward] expected b of shape (3,) to match w (4, 3), got (5,)");
  affine_relu_forward(x, w, b, out, affine_relu);
  expect_error([&] { affine_relu_backward<double>(x, affine_relu, nullptr, dw, db); },
               "[affine_relu_backward] expected dout of shape (2, 3) to match out, got (2, 4)");

  AffineNormReluDropoutCache<double> cache;
  AffineNormReluDropoutParam<double> param;
  param.normalization = Normalization::batchnorm;
  const auto forward = [&](View scale) { affine_norm_relu_dropout_forward(x, w, b, scale, gamma, param, out, cache); };
  expect_error([&] { forward(gamma); },
               "[affine_norm_relu_dropout_forward] expected param.batchnorm where the normalization is batchnorm, got "
               "none");
  BatchNormParam<double> bn_param;
  param.batchnorm = &bn_param;
  expect_error([&] { forward(wrong); },
               "[affine_norm_relu_dropout_forward] expected gamma of shape (3,) to match x, got (5,)");
  const DropoutParam dropout;
  param.dropout = &dropout;
  expect_error([&] { forward(gamma); },
               "[affine_norm_relu_dropout_forward] expected param.random where there is dropout, got none");
  param.dropout = nullptr;
  forward(gamma);
  expect_error([&] { affine_norm_relu_dropout_backward<double>(x, cache, nullptr, dw, db, dgamma, dgamma); },
               "[affine_norm_relu_dropout_backward] expected dout of shape (2, 3) to match out, got (2, 4)");
}

}  // namespace
}  // namespace lamina
