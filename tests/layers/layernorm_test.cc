#include "lamina/layers/layernorm.h"

#include "lamina/gradient_check.h"
#include "lamina/layers/affine_naive.h"
#include "lamina/layers/batchnorm_naive.h"
#include "lamina/layers/layernorm_naive.h"
#include "lamina/layers/relu_naive.h"
#include "notebooks/printed_values.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::cast;
using testing::close;
using testing::close_each;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;
using View = const TensorView<double>&;

// Mean and standard deviation of each row.
void expect_rows(View x, const std::vector<double>& means, const std::vector<double>& stds, double bound) {
  Tensor<double> transposed({x.dim(1), x.dim(0)});
  for (Index i = 0; i < x.dim(0); ++i)
    for (Index j = 0; j < x.dim(1); ++j) transposed(j, i) = x(i, j);
  const auto [mean, var] = naive::column_statistics<double>(transposed);
  for (Index i = 0; i < x.dim(0); ++i) {
    EXPECT_NEAR(mean[i], means.begin()[i], bound);
    EXPECT_NEAR(std::sqrt(var[i]), stds.begin()[i], bound);
  }
}

TEST(LayerNorm, NotebookForward) {
  RandomState random(231);
  const auto X = random.randn({4, 50}), W1 = random.randn({50, 60}), W2 = random.randn({60, 3});
  const auto hidden = naive::relu_forward<double>(naive::affine_forward<double>(X, W1, Tensor<double>({60})));
  const auto a = naive::affine_forward<double>(hidden, W2, Tensor<double>({3}));
  expect_rows(a, printed_values("layernorm_forward.means"), printed_values("layernorm_forward.stds"), 6e-9);
  const Tensor<double> ones({3}, 1.0), zeros({3}), threes({3}, 3.0), fives({3}, 5.0);
  const auto check = [&](View plain, View scaled) {
    expect_rows(plain, {0, 0, 0, 0}, printed_values("layernorm_forward.normalized_stds"), 6e-9);
    expect_rows(scaled, printed_values("layernorm_forward.scaled_means"),
                printed_values("layernorm_forward.scaled_stds"), 6e-9);
  };
  check(naive::layernorm_forward<double>(a, ones, zeros, {}).first,
        naive::layernorm_forward<double>(a, threes, fives, {}).first);
  testing::for_each_target(
      [&](int) { check(layernorm_forward(a, ones, zeros).first, layernorm_forward(a, threes, fives).first); });
}

TEST(LayerNorm, NotebookGradients) {
  RandomState random(231);
  auto x = random.randn({4, 5});
  for (double& value : x) value = 5 * value + 12;
  const auto gamma = random.randn({5}), beta = random.randn({5}), dout = random.randn({4, 5});
  const auto dx = eval_numerical_gradient_array(
      [&](View v) { return naive::layernorm_forward<double>(v, gamma, beta, {}).first; }, x, dout);
  const auto dgamma = eval_numerical_gradient_array(
      [&](View v) { return naive::layernorm_forward<double>(x, v, beta, {}).first; }, gamma, dout);
  const auto dbeta = eval_numerical_gradient_array(
      [&](View v) { return naive::layernorm_forward<double>(x, gamma, v, {}).first; }, beta, dout);
  const auto check = [&](const NormGradients<double>& grad) {
    EXPECT_LT(rel_error(dx, grad.dx), 1e-8);  // "between 1e-12 and 1e-8"
    EXPECT_LT(rel_error(dgamma, grad.dgamma), 1e-8);
    EXPECT_LT(rel_error(dbeta, grad.dbeta), 1e-8);
  };
  check(naive::layernorm_backward<double>(dout, naive::layernorm_forward<double>(x, gamma, beta, {}).second));
  check(layernorm_backward<double>(dout, layernorm_forward(x, gamma, beta).second));
}

template <class T>
class LayerNormIn : public ::testing::Test {};
TYPED_TEST_SUITE(LayerNormIn, testing::Scalars);

TYPED_TEST(LayerNormIn, FastEqualsNaive) {
  using T = TypeParam;
  RandomState random(9);
  testing::over_targets(240, [&](int i) {
    Index N = testing::random_length(random, 50), D = testing::random_length(random, 130);
    if (i % 24 == 21) N = 1 + random.randint(4), D = 4000 + random.randint(9000);
    if (i % 24 == 22) N = 3000 + random.randint(3000), D = 1 + random.randint(20);
    if (i % 24 == 23) N = 1 + random.randint(40), D = 1;
    const double offset = i % 3 == 0 ? 0 : i % 3 == 1 ? 12 : -100;
    const auto x = random_tensor<T>({N, D}, random, i % 4 == 0 ? 0.01 : 5, offset),
               dout = random_tensor<T>({N, D}, random);
    const auto gamma = random_tensor<T>({D}, random), beta = random_tensor<T>({D}, random);
    const LayerNormParam param{.eps = i % 7 == 0 ? 1e-3 : 1e-5};
    SCOPED_TRACE(x.shape().to_string() + " offset " + std::to_string(offset));
    const auto x64 = cast<double>(x), g64 = cast<double>(gamma), b64 = cast<double>(beta), d64 = cast<double>(dout);
    const auto [expected, naive_cache] = naive::layernorm_forward<double>(x64, g64, b64, param);
    const auto grad = naive::layernorm_backward<double>(d64, naive_cache);

    // How large the numbers are that rounding errors come from.
    Tensor<double> out_scale({N, D}), dx_scale({N, D}), dgamma_scale({D}), dbeta_scale({D});
    for (Index n = 0; n < N; ++n) {
      const double inv_std = naive_cache.inv_std[n], mean = naive_cache.mean[n];
      double largest = 0, hat = 0, upstream = 0;
      for (Index j = 0; j < D; ++j) {
        largest = std::max(largest, std::abs(x64(n, j)));
        hat = std::max(hat, std::abs(x64(n, j) - mean) * inv_std);
        upstream = std::max(upstream, std::abs(d64(n, j) * g64[j]));
      }
      const double hat_error = (1 + hat * hat) * (1 + largest * inv_std);
      for (Index j = 0; j < D; ++j) {
        out_scale(n, j) = std::abs(g64[j]) * hat_error + std::abs(b64[j]);
        dx_scale(n, j) = inv_std * upstream * (1 + hat) * hat_error;
        dgamma_scale[j] += std::abs(d64(n, j)) * hat_error;
        dbeta_scale[j] += std::abs(d64(n, j));
      }
    }
    const double constant = 8;
    auto out = poisoned<T>({N, D}), dx = poisoned<T>({N, D}), dgamma = poisoned<T>({D}), dbeta = poisoned<T>({D});
    LayerNormCache<T> cache;
    layernorm_forward(x, gamma, beta, param, out, cache);
    EXPECT_TRUE(close_each(out, expected, constant, out_scale));
    layernorm_backward<T>(dout, cache, dx, dgamma, dbeta);
    EXPECT_TRUE(close_each(dx, grad.dx, constant, dx_scale));
    EXPECT_TRUE(close_each(dgamma, grad.dgamma, constant, dgamma_scale));
    EXPECT_TRUE(close_each(dbeta, grad.dbeta, constant, dbeta_scale));
    auto gradient = dout;  // in place
    layernorm_backward<T>(gradient, cache, gradient, dgamma, dbeta);
    EXPECT_TRUE(close(gradient, dx, 0));
  });
}

TYPED_TEST(LayerNormIn, NaNStaysInItsRow) {
  using T = TypeParam;
  RandomState random(5);
  testing::for_each_target([&](int) {
    for (const Index D : {5, 100, 3000}) {
      auto x = random_tensor<T>({3, D}, random);
      x(1, D - 2) = std::numeric_limits<T>::quiet_NaN();
      const auto [out, cache] = layernorm_forward(x, Tensor<T>({D}, T{1}), Tensor<T>({D}));
      for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < D; ++j) ASSERT_EQ(std::isnan(out(i, j)), i == 1);
    }
  });
}

TYPED_TEST(LayerNormIn, NoRows) {
  using T = TypeParam;
  const Tensor<T> x({0, 9}), gamma({9}), beta({9});
  const auto [out, cache] = layernorm_forward(x, gamma, beta);
  EXPECT_EQ(out.shape(), (Shape{0, 9}));
  auto dgamma = poisoned<T>({9}), dbeta = poisoned<T>({9});
  Tensor<T> dx;
  layernorm_backward<T>(out, cache, dx, dgamma, dbeta);
  EXPECT_TRUE(close(dgamma, gamma, 0));
  EXPECT_TRUE(close(dbeta, beta, 0));
}

TEST(LayerNorm, Errors) {
  const Tensor<double> x({4, 5}), gamma({5}), beta({5}), wrong({4});
  expect_error([&] { layernorm_forward(Tensor<double>({4}), gamma, beta); },
               "[layernorm_forward] expected x of shape (N, D), got (4,)");
  expect_error(
      [&] {
        layernorm_forward(Tensor<double>({4, 0}), gamma, beta);
      },
      "[layernorm_forward] expected rows of at least one element, got x (4, 0)");
  expect_error([&] { layernorm_forward(x, wrong, beta); },
               "[layernorm_forward] expected gamma of shape (5,) to match x, got (4,)");
  expect_error([&] { layernorm_forward(x, gamma, wrong); },
               "[layernorm_forward] expected beta of shape (5,) to match x, got (4,)");
  expect_error([&] { layernorm_forward(x, gamma, beta, {.eps = -1}); },
               "[layernorm_forward] expected eps of at least 0, got -1");
  const auto cache = layernorm_forward(x, gamma, beta).second;
  expect_error(
      [&] {
        layernorm_backward<double>(Tensor<double>({4, 4}), cache);
      },
      "[layernorm_backward] expected dout of shape (4, 5) to match x, got (4, 4)");
  expect_error([&] { layernorm_backward<double>(x, LayerNormCache<double>{}); },
               "[layernorm_backward] expected the cache of a forward pass, got an empty one");
}

}  // namespace
}  // namespace lamina
