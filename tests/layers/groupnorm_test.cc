#include "lamina/layers/groupnorm.h"

#include "lamina/gradient_check.h"
#include "lamina/layers/groupnorm_naive.h"
#include "notebooks/printed_values.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::cast;
using testing::close;
using testing::expect_error;
using testing::max_abs;
using testing::norm;
using testing::poisoned;
using testing::random_tensor;

using V = const TensorView<double>&;

TEST(SpatialGroupNorm, NotebookForward) {
  RandomState random(231);
  const Shape shape{2, 6, 4, 5};
  const auto x = random_tensor<double>(shape, random, 4, 10);
  const Tensor<double> gamma({1, 6, 1, 1}, 1.0), beta({1, 6, 1, 1});
  const auto check = [&](const Tensor<double>& y, const std::vector<double>& means, double mean_bound,
                         const std::vector<double>& stds) {
    EXPECT_EQ(y.shape(), shape);  // the input's, not the (1, 1, 1, 2, 6, 4, 5) that the notebook printed
    for (Index k = 0; k < 4; ++k) {
      const auto [mean, var] = naive::group_statistics(y, k / 2, k % 2, 2);
      EXPECT_NEAR(mean, means[static_cast<std::size_t>(k)], mean_bound);
      EXPECT_NEAR(std::sqrt(var), stds[static_cast<std::size_t>(k)], 5.1e-9);
    }
  };
  check(x, printed_values("spatial_groupnorm_forward.means"), 5.1e-9, printed_values("spatial_groupnorm_forward.stds"));
  const std::vector<double>& stds = printed_values("spatial_groupnorm_forward.normalized_stds");
  check(naive::spatial_groupnorm_forward(x, gamma, beta, 2, {}), {0, 0, 0, 0}, 1e-14, stds);
  testing::for_each_target([&](int) {
    check(spatial_groupnorm_forward(x, gamma, beta, 2).first, {0, 0, 0, 0}, 1e-14, stds);
  });
}

void check_gradients(const Shape& shape, const Shape& gamma_shape, Index G, double bound) {
  RandomState random(231);
  const auto x = random_tensor<double>(shape, random, 5, 12);
  const Tensor<double> gamma = random.randn(gamma_shape), beta = random.randn(gamma_shape), dout = random.randn(shape);
  const auto g = naive::spatial_groupnorm_backward(dout, x, gamma, G, {});
  const auto forward = [&](V x_, V gamma_, V beta_) {
    return naive::spatial_groupnorm_forward(x_, gamma_, beta_, G, {});
  };
  EXPECT_LT(rel_error(g.dx, eval_numerical_gradient_array([&](V v) { return forward(v, gamma, beta); }, x, dout)),
            bound);
  EXPECT_LT(rel_error(g.dgamma, eval_numerical_gradient_array([&](V v) { return forward(x, v, beta); }, gamma, dout)),
            bound);
  EXPECT_LT(rel_error(g.dbeta, eval_numerical_gradient_array([&](V v) { return forward(x, gamma, v); }, beta, dout)),
            bound);
}

TEST(SpatialGroupNorm, NumericalGradients) {
  check_gradients({2, 6, 4, 5}, {1, 6, 1, 1}, 2, 1e-7);  // the notebook's: "between 1e-12 and 1e-07"
  check_gradients({3, 4, 2, 3}, {4}, 4, 1e-5);
  check_gradients({2, 5, 3, 1}, {5}, 1, 1e-5);
}

template <class T>
void check_against_naive(const Shape& shape, Index G, RandomState& random) {
  SCOPED_TRACE("x " + shape.to_string() + ", groups " + std::to_string(G));
  const Index N = shape[0], C = shape[1];
  const Shape per_channel = random.randint(2) ? Shape{C} : Shape{1, C, 1, 1};
  const double offset = random.randint(2) ? 0 : 12;
  const auto x = random_tensor<T>(shape, random, 3, offset), dout = random_tensor<T>(shape, random);
  const auto gamma = random_tensor<T>(per_channel, random), beta = random_tensor<T>(per_channel, random);
  const auto xd = cast<double>(x), gammad = cast<double>(gamma), doutd = cast<double>(dout);
  const auto out = naive::spatial_groupnorm_forward(xd, gammad, cast<double>(beta), G, {});
  const auto g = naive::spatial_groupnorm_backward(doutd, xd, gammad, G, {});

  // What rounding errors grow with: values over the deviation, normalized values, 1 / deviation.
  double relative_size = 1, x_hat = 1, largest_inv_std = 0;
  for (Index n = 0; n < N; ++n)
    for (Index k = 0; k < G; ++k) {
      const auto [mean, var] = naive::group_statistics(xd, n, k, G);
      const double mu = mean, inv_std = 1 / std::sqrt(var + 1e-5);
      largest_inv_std = std::max(largest_inv_std, inv_std);
      naive::for_group(xd, k, G, [&](Index c, Index i, Index j) {
        relative_size = std::max(relative_size, std::abs(xd(n, c, i, j)) * inv_std);
        x_hat = std::max(x_hat, std::abs(xd(n, c, i, j) - mu) * inv_std);
      });
    }
  const double error = relative_size * x_hat, d = max_abs(dout);
  const double rows = static_cast<double>(x.size() / C);
  const double sums = std::sqrt(rows) * d +
                      norm(dout) * std::sqrt(rows / static_cast<double>(C));  // what sums over a channel round with

  auto got = poisoned<T>(shape), dx = poisoned<T>(shape);
  auto dgamma = poisoned<T>(per_channel), dbeta = poisoned<T>(per_channel);
  GroupNormCache<T> cache;
  spatial_groupnorm_forward<T>(x, gamma, beta, G, {}, got, cache);
  EXPECT_TRUE(close<T>(got, out, 4, error * max_abs(gamma) + max_abs(beta)));
  spatial_groupnorm_backward<T>(dout, cache, dx, dgamma, dbeta);
  EXPECT_TRUE(close<T>(dx, g.dx, 4, max_abs(gamma) * largest_inv_std * d * (1 + error * x_hat)));
  EXPECT_TRUE(close<T>(dgamma, g.dgamma, 4, sums * error));
  EXPECT_TRUE(close<T>(dbeta, g.dbeta, 4, sums));
  Tensor<T> in_place = dout;  // dx may be the tensor that dout views
  spatial_groupnorm_backward<T>(in_place, cache, in_place, dgamma, dbeta);
  EXPECT_TRUE(close<T>(in_place, dx, 0));
}

template <class T>
class SpatialGroupNormTyped : public ::testing::Test {};
TYPED_TEST_SUITE(SpatialGroupNormTyped, testing::Scalars);

TYPED_TEST(SpatialGroupNormTyped, RandomShapes) {
  RandomState random(1);
  testing::over_targets(240, [&](int) {
    for (;;) {
      const Index G = 1 + random.randint(6), C = G * testing::random_length(random, 12);
      const Shape shape{1 + random.randint(5), C, testing::random_length(random, 12),
                        testing::random_length(random, 12)};
      if (shape.size() > 20000) continue;
      check_against_naive<TypeParam>(shape, G, random);
      return;
    }
  });
}

TYPED_TEST(SpatialGroupNormTyped, EveryRemainder) {
  RandomState random(2);
  testing::for_each_target([&](int) {
    for (Index s = 1; s <= 33 && !this->HasFailure(); ++s) {
      check_against_naive<TypeParam>({2, 6, 1, s}, 3, random);
      check_against_naive<TypeParam>({2, s, 1, 3}, s, random);
      check_against_naive<TypeParam>({1, s, 1, 1}, 1, random);
    }
    check_against_naive<TypeParam>({4, 20, 32, 32}, 5, random);
  });
}

TEST(SpatialGroupNorm, NoImages) {
  const Tensor<float> gamma({4}, 1.0f), beta({4});
  const auto result = spatial_groupnorm_forward(Tensor<float>({0, 4, 3, 3}), gamma, beta, 2);
  EXPECT_EQ(result.first.shape(), (Shape{0, 4, 3, 3}));
  const auto g = spatial_groupnorm_backward(result.first, result.second);
  EXPECT_EQ(g.dx.shape(), (Shape{0, 4, 3, 3}));
  EXPECT_EQ(max_abs(g.dgamma), 0);
  EXPECT_EQ(max_abs(g.dbeta), 0);
}

TEST(SpatialGroupNorm, Errors) {
  using D = Tensor<double>;
  const auto forward = [](const Shape& x, const Shape& gamma, const Shape& beta, Index G) {
    return [=] { spatial_groupnorm_forward(D(x), D(gamma), D(beta), G); };
  };
  const std::string at = "[spatial_groupnorm_forward] ";
  expect_error(forward({6, 4, 5}, {6}, {6}, 2), at + "expected x of shape (N, C, H, W), got (6, 4, 5)");
  expect_error(forward({2, 6, 0, 5}, {6}, {6}, 2),
               at + "expected images of at least one pixel and channel, got x (2, 6, 0, 5)");
  expect_error(forward({2, 6, 4, 5}, {6}, {6}, 4),
               at + "expected a number of groups that divides the 6 channels, got 4");
  expect_error(forward({2, 6, 4, 5}, {6}, {6}, 0),
               at + "expected a number of groups that divides the 6 channels, got 0");
  expect_error(forward({2, 6, 4, 5}, {5}, {6}, 2),
               at + "expected gamma of shape (6,) or (1, 6, 1, 1) to match x, got (5,)");
  expect_error(forward({2, 6, 4, 5}, {6}, {1, 6}, 2),
               at + "expected beta of shape (6,) or (1, 6, 1, 1) to match x, got (1, 6)");
  const auto result = spatial_groupnorm_forward(D({2, 6, 4, 5}), D({6}), D({6}), 2);
  D dx, dgamma({6}), dbeta({6});
  const std::string back = "[spatial_groupnorm_backward] ";
  expect_error(
      [&] {
        spatial_groupnorm_backward<double>(D({2, 6, 4}), result.second, dx, dgamma, dbeta);
      },
      back + "expected dout of shape (2, 6, 4, 5) to match x, got (2, 6, 4)");
  expect_error(
      [&] {
        spatial_groupnorm_backward<double>(result.first, result.second, dx, dgamma, D({1, 6, 1, 1}));
      },
      back + "expected dbeta of shape (6,) to match gamma, got (1, 6, 1, 1)");
}

}  // namespace
}  // namespace lamina
