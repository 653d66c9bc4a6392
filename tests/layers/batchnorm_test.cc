#include "lamina/layers/batchnorm.h"

#include <chrono>

#include "lamina/gradient_check.h"
#include "lamina/layers/affine_naive.h"
#include "lamina/layers/batchnorm_naive.h"
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
using testing::tensor;
using View = const TensorView<double>&;

// The notebook's two-layer net: relu(X W1) W2.
Tensor<double> two_layers(View X, View W1, View W2) {
  const Tensor<double> none1({W1.dim(1)}), none2({W2.dim(1)});
  return naive::affine_forward<double>(naive::relu_forward<double>(naive::affine_forward<double>(X, W1, none1)), W2,
                                       none2);
}

// Mean and standard deviation of each column.
void expect_columns(View x, const std::vector<double>& means, const std::vector<double>& stds, double bound) {
  const auto [mean, var] = naive::column_statistics(x);
  for (Index j = 0; j < x.dim(1); ++j) {
    EXPECT_NEAR(mean[j], means.begin()[j], bound);
    EXPECT_NEAR(std::sqrt(var[j]), stds.begin()[j], bound);
  }
}

TEST(BatchNorm, NotebookTrainingForward) {
  RandomState random(231);
  const auto X = random.randn({200, 50}), W1 = random.randn({50, 60}), W2 = random.randn({60, 3});
  const auto a = two_layers(X, W1, W2);
  expect_columns(a, printed_values("batchnorm_forward.means"), printed_values("batchnorm_forward.stds"), 6e-9);
  BatchNormParam<double> bn_param;
  const auto gamma = tensor<double>({3}, {1, 2, 3}), beta = tensor<double>({3}, {11, 12, 13});
  const Tensor<double> ones({3}, 1.0), zeros({3});
  expect_columns(naive::batchnorm_forward<double>(a, ones, zeros, bn_param).first, {0, 0, 0},
                 printed_values("batchnorm_forward.normalized_stds"), 6e-9);
  expect_columns(naive::batchnorm_forward<double>(a, gamma, beta, bn_param).first, {11, 12, 13},
                 printed_values("batchnorm_forward.scaled_stds"), 6e-9);
  testing::for_each_target([&](int) {
    const auto out = batchnorm_forward(a, ones, zeros, bn_param).first;
    expect_columns(out, {0, 0, 0}, printed_values("batchnorm_forward.normalized_stds"), 6e-9);
    const auto [mean, var] = naive::column_statistics(out);
    EXPECT_LT(testing::max_abs(mean), 1e-15);  // the notebook printed some 1e-17
    expect_columns(batchnorm_forward(a, gamma, beta, bn_param).first, {11, 12, 13},
                   printed_values("batchnorm_forward.scaled_stds"), 6e-9);
  });
}

// The notebook printed means of 1e-17 here, which are those of the batch's own statistics; by its text they are
// "noisier": those of the running averages.
TEST(BatchNorm, NotebookTestTimeForward) {
  RandomState random(231);
  const auto W1 = random.randn({50, 60}), W2 = random.randn({60, 3});
  const Tensor<double> gamma({3}, 1.0), beta({3});
  BatchNormParam<double> fast, slow;
  for (int t = 0; t < 50; ++t) {
    const auto a = two_layers(random.randn({200, 50}), W1, W2);
    batchnorm_forward(a, gamma, beta, fast);
    naive::batchnorm_forward<double>(a, gamma, beta, slow);
  }
  fast.mode = slow.mode = Mode::test;
  const auto a = two_layers(random.randn({200, 50}), W1, W2);
  const auto out = batchnorm_forward(a, gamma, beta, fast).first;
  EXPECT_TRUE(close(out, naive::batchnorm_forward<double>(a, gamma, beta, slow).first, 100));
  const auto [mean, var] = naive::column_statistics(out);
  // What NumPy gives by the notebook's text (docs/differences.md).
  const std::vector<double>&means = printed_values("batchnorm_test_time.means"),
        &deviations = printed_values("batchnorm_test_time.stds");
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_NEAR(mean[j], means[j], 5.1e-9);
    EXPECT_NEAR(std::sqrt(var[j]), deviations[j], 5.1e-9);
  }
}

struct NotebookGradients : ::testing::TestWithParam<Mode> {};

TEST_P(NotebookGradients, OfEveryInput) {
  RandomState random(231);
  auto x = random.randn({4, 5});
  for (double& value : x) value = 5 * value + 12;
  const auto gamma = random.randn({5}), beta = random.randn({5}), dout = random.randn({4, 5});
  BatchNormParam<double> bn_param;
  naive::batchnorm_forward<double>(x, gamma, beta, bn_param);  // running averages, for the mode test
  bn_param.mode = GetParam();
  const auto dx = eval_numerical_gradient_array(
      [&](View v) { return naive::batchnorm_forward<double>(v, gamma, beta, bn_param).first; }, x, dout);
  const auto dgamma = eval_numerical_gradient_array(
      [&](View v) { return naive::batchnorm_forward<double>(x, v, beta, bn_param).first; }, gamma, dout);
  const auto dbeta = eval_numerical_gradient_array(
      [&](View v) { return naive::batchnorm_forward<double>(x, gamma, v, bn_param).first; }, beta, dout);
  const auto cache = batchnorm_forward(x, gamma, beta, bn_param).second;
  const auto naive_cache = naive::batchnorm_forward<double>(x, gamma, beta, bn_param).second;
  const auto check = [&](const NormGradients<double>& grad) {
    EXPECT_LT(rel_error(dx, grad.dx), 1e-8);  // "between 1e-13 and 1e-8"
    EXPECT_LT(rel_error(dgamma, grad.dgamma), 1e-8);
    EXPECT_LT(rel_error(dbeta, grad.dbeta), 1e-8);
  };
  check(naive::batchnorm_backward<double>(dout, x, gamma, naive_cache.mean, naive_cache.inv_std, GetParam()));
  check(batchnorm_backward<double>(dout, cache));
  check(batchnorm_backward_alt<double>(dout, cache));
}
INSTANTIATE_TEST_SUITE_P(BatchNorm, NotebookGradients, ::testing::Values(Mode::train, Mode::test));

TEST(BatchNorm, NotebookAlternativeBackward) {
  RandomState random(231);
  auto x = random.randn({100, 500});
  for (double& value : x) value = 5 * value + 12;
  const auto gamma = random.randn({500}), beta = random.randn({500}), dout = random.randn({100, 500});
  BatchNormParam<double> bn_param;
  const auto cache = batchnorm_forward(x, gamma, beta, bn_param).second;
  const auto start = std::chrono::steady_clock::now();
  const auto one = batchnorm_backward<double>(dout, cache);
  const auto middle = std::chrono::steady_clock::now();
  const auto two = batchnorm_backward_alt<double>(dout, cache);
  const auto end = std::chrono::steady_clock::now();
  EXPECT_LT(rel_error(one.dx, two.dx), 1e-11);  // the notebook printed 2.6e-12
  EXPECT_TRUE(close(two.dx, one.dx, 64));
  EXPECT_TRUE(close(two.dgamma, one.dgamma, 64));
  EXPECT_TRUE(close(two.dbeta, one.dbeta, 64));
  RecordProperty("speedup", std::to_string((middle - start) / std::max(end - middle, decltype(end - middle){1})));
}

template <class T>
class BatchNormIn : public ::testing::Test {};
TYPED_TEST_SUITE(BatchNormIn, testing::Scalars);

// How large the numbers are that rounding errors of a batch normalization come from.
struct Scales {
  Tensor<double> out, dx, dgamma, dbeta;
};
Scales scales(View x, View dout, View gamma, View beta, View inv_std, View mean) {
  const Index N = x.dim(0), D = x.dim(1);
  Scales s{Tensor<double>({N, D}), Tensor<double>({N, D}), Tensor<double>({D}), Tensor<double>({D})};
  for (Index j = 0; j < D; ++j) {
    double largest = std::abs(mean[j]), hat = 0, upstream = 0;
    for (Index i = 0; i < N; ++i) {
      largest = std::max(largest, std::abs(x(i, j)));
      hat = std::max(hat, std::abs(x(i, j) - mean[j]) * inv_std[j]);
      upstream = std::max(upstream, std::abs(dout(i, j)));
    }
    const double hat_error = (1 + hat * hat) * (1 + largest * inv_std[j]);
    for (Index i = 0; i < N; ++i) {
      s.out(i, j) = std::abs(gamma[j]) * hat_error + std::abs(beta[j]);
      s.dx(i, j) = std::abs(gamma[j]) * inv_std[j] * upstream * (1 + hat) * hat_error;
      s.dgamma[j] += std::abs(dout(i, j)) * hat_error;
      s.dbeta[j] += std::abs(dout(i, j));
    }
  }
  return s;
}

TYPED_TEST(BatchNormIn, FastEqualsNaive) {
  using T = TypeParam;
  RandomState random(8);
  testing::over_targets(240, [&](int i) {
    Index N = testing::random_length(random, 70), D = testing::random_length(random, 130);
    if (i % 24 == 20) N = 20000 + random.randint(9000), D = 1 + random.randint(3);
    if (i % 24 == 21) N = 1 + random.randint(40), D = 1000 + random.randint(2000);
    if (i % 24 == 22) N = 900 + random.randint(900), D = 16;
    if (i % 24 == 23) N = 1, D = testing::random_length(random, 40);
    const double offset = i % 3 == 0 ? 0 : i % 3 == 1 ? 12 : -100;
    const auto x = random_tensor<T>({N, D}, random, i % 4 == 0 ? 0.01 : 5, offset),
               dout = random_tensor<T>({N, D}, random);
    const auto gamma = random_tensor<T>({D}, random), beta = random_tensor<T>({D}, random);
    BatchNormParam<T> fast;
    fast.running_mean = random_tensor<T>({D}, random, 1, offset);
    fast.running_var = random_tensor<T>({D}, random, 0.1, 2);
    fast.mode = i % 5 == 0 ? Mode::test : Mode::train;
    if (i % 7 == 0) fast.eps = 1e-3;
    BatchNormParam<double> slow{
        fast.mode,   fast.eps, fast.momentum, cast<double>(fast.running_mean), cast<double>(fast.running_var),
        Layout::nchw};
    SCOPED_TRACE(x.shape().to_string() + " offset " + std::to_string(offset));
    const auto x64 = cast<double>(x), g64 = cast<double>(gamma), b64 = cast<double>(beta), d64 = cast<double>(dout);

    const auto [expected, naive_cache] = naive::batchnorm_forward<double>(x64, g64, b64, slow);
    const auto grad =
        naive::batchnorm_backward<double>(d64, x64, g64, naive_cache.mean, naive_cache.inv_std, slow.mode);
    const auto scale = scales(x64, d64, g64, b64, naive_cache.inv_std, naive_cache.mean);
    const double constant = 8;

    auto out = poisoned<T>({N, D}), dx = poisoned<T>({N, D}), dgamma = poisoned<T>({D}), dbeta = poisoned<T>({D});
    BatchNormCache<T> cache;
    batchnorm_forward(x, gamma, beta, fast, out, cache);
    EXPECT_TRUE(close_each(out, expected, constant, scale.out));
    EXPECT_TRUE(close(fast.running_mean, slow.running_mean, 4 + std::sqrt(N) / 8));  // the naive sum of N
    EXPECT_TRUE(close(fast.running_var, slow.running_var, 8,
                      testing::max_abs(slow.running_var) + 0.1 * offset * offset * 1e-3));

    batchnorm_backward<T>(dout, cache, dx, dgamma, dbeta);
    EXPECT_TRUE(close_each(dx, grad.dx, constant, scale.dx));
    EXPECT_TRUE(close_each(dgamma, grad.dgamma, constant, scale.dgamma));
    EXPECT_TRUE(close_each(dbeta, grad.dbeta, constant, scale.dbeta));

    auto gradient = dout;  // in place
    batchnorm_backward<T>(gradient, cache, gradient, dgamma, dbeta);
    EXPECT_TRUE(close(gradient, dx, 0));
    const auto alt = batchnorm_backward_alt<T>(dout, cache);
    EXPECT_TRUE(close(alt.dx, dx, 0));
  });
}

TYPED_TEST(BatchNormIn, NaNStaysInItsColumn) {
  using T = TypeParam;
  RandomState random(5);
  testing::for_each_target([&](int) {
    for (const Index D : {5, 100, 1100}) {
      auto x = random_tensor<T>({30, D}, random);
      x(17, D - 2) = std::numeric_limits<T>::quiet_NaN();
      const Tensor<T> gamma({D}, T{1}), beta({D});
      BatchNormParam<T> bn_param;
      const auto [out, cache] = batchnorm_forward(x, gamma, beta, bn_param);
      const auto dx = batchnorm_backward_alt<T>(out, cache).dx;
      for (Index i = 0; i < 30; ++i)
        for (Index j = 0; j < D; ++j) {
          ASSERT_EQ(std::isnan(out(i, j)), j == D - 2);
          ASSERT_EQ(std::isnan(dx(i, j)), j == D - 2);
        }
      EXPECT_TRUE(std::isnan(bn_param.running_var[D - 2]));
    }
  });
}

TYPED_TEST(BatchNormIn, ConstantColumnsGiveBeta) {
  using T = TypeParam;
  const Tensor<T> x({77, 9}, T(0.1)), gamma({9}, T{3}), beta({9}, T(0.5));
  BatchNormParam<T> bn_param;
  EXPECT_TRUE(close(batchnorm_forward(x, gamma, beta, bn_param).first, Tensor<T>({77, 9}, T(0.5)), 400));
  EXPECT_GE(bn_param.running_var[0], 0);
}

TYPED_TEST(BatchNormIn, NoRowsAtTestTime) {
  using T = TypeParam;
  const Tensor<T> x({0, 9}), gamma({9}), beta({9});
  BatchNormParam<T> bn_param;
  bn_param.mode = Mode::test;
  const auto [out, cache] = batchnorm_forward(x, gamma, beta, bn_param);
  EXPECT_EQ(out.shape(), (Shape{0, 9}));
  auto dgamma = poisoned<T>({9}), dbeta = poisoned<T>({9});
  Tensor<T> dx;
  batchnorm_backward<T>(out, cache, dx, dgamma, dbeta);
  EXPECT_TRUE(close(dgamma, gamma, 0));
  EXPECT_TRUE(close(dbeta, beta, 0));
}

TEST(BatchNorm, Errors) {
  const Tensor<double> x({4, 5}), gamma({5}), beta({5}), none({0, 5}), wrong({4});
  BatchNormParam<double> bn_param;
  expect_error(
      [&] {
        batchnorm_forward(Tensor<double>({4, 5, 1}), gamma, beta, bn_param);
      },
      "[batchnorm_forward] expected x of shape (N, D), got (4, 5, 1)");
  expect_error([&] { batchnorm_forward(x, wrong, beta, bn_param); },
               "[batchnorm_forward] expected gamma of shape (5,) to match x, got (4,)");
  expect_error([&] { batchnorm_forward(x, gamma, wrong, bn_param); },
               "[batchnorm_forward] expected beta of shape (5,) to match x, got (4,)");
  expect_error([&] { batchnorm_forward(none, gamma, beta, bn_param); },
               "[batchnorm_forward] expected at least one row to take statistics of, got x (0, 5)");
  bn_param.eps = -1;
  expect_error([&] { batchnorm_forward(x, gamma, beta, bn_param); },
               "[batchnorm_forward] expected eps of at least 0, got -1");
  bn_param = {};
  const auto cache = batchnorm_forward(x, gamma, beta, bn_param).second;
  bn_param.running_mean = wrong;
  expect_error([&] { batchnorm_forward(x, gamma, beta, bn_param); },
               "[batchnorm_forward] expected running_mean of shape (5,) to match x, got (4,)");
  expect_error([&] { batchnorm_backward<double>(none, cache); },
               "[batchnorm_backward] expected dout of shape (4, 5) to match x, got (0, 5)");
  expect_error([&] { batchnorm_backward_alt<double>(none, cache); },
               "[batchnorm_backward_alt] expected dout of shape (4, 5) to match x, got (0, 5)");
  Tensor<double> dx, dgamma({5}), dbeta({4});
  expect_error([&] { batchnorm_backward<double>(x, cache, dx, dgamma, dbeta); },
               "[batchnorm_backward] expected dbeta of shape (5,) to match gamma, got (4,)");
  expect_error([&] { batchnorm_backward<double>(x, BatchNormCache<double>{}); },
               "[batchnorm_backward] expected the cache of a forward pass over x (N, D), got one of ()");
}

}  // namespace
}  // namespace lamina
