#include "lamina/layers/spatial_batchnorm.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "lamina/gradient_check.h"
#include "lamina/layers/layout_naive.h"
#include "lamina/layers/spatial_batchnorm_naive.h"
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

Tensor<double> mean_of(V x) {
  Tensor<double> mean({x.dim(1)});
  for (Index c = 0; c < x.dim(1); ++c) mean[c] = naive::channel_statistics(x, c).first;
  return mean;
}
Tensor<double> std_of(V x) {
  Tensor<double> std({x.dim(1)});
  for (Index c = 0; c < x.dim(1); ++c) std[c] = std::sqrt(naive::channel_statistics(x, c).second);
  return std;
}
// As printed: eight decimals, or eight digits.
void expect_each_near(V got, const std::vector<double>& printed, double bound) {
  ASSERT_EQ(got.size(), static_cast<Index>(printed.size()));
  for (Index i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], printed.begin()[i], bound);
}

TEST(SpatialBatchNorm, NotebookTraining) {
  RandomState random(231);
  const auto x = random_tensor<double>({2, 3, 4, 5}, random, 4, 10);
  expect_each_near(mean_of(x), printed_values("spatial_batchnorm_forward.means"), 5.1e-9);
  expect_each_near(std_of(x), printed_values("spatial_batchnorm_forward.stds"), 5.1e-9);
  const Tensor<double> ones({3}, 1.0), zeros({3});
  const auto gamma = testing::tensor<double>({3}, {3, 4, 5}), beta = testing::tensor<double>({3}, {6, 7, 8});
  const auto check = [&](const auto& forward) {
    const Tensor<double> plain = forward(ones, zeros), scaled = forward(gamma, beta);
    EXPECT_EQ(plain.shape(), x.shape());
    expect_each_near(mean_of(plain), {0, 0, 0}, 1e-14);
    expect_each_near(std_of(plain), printed_values("spatial_batchnorm_forward.normalized_stds"), 5.1e-9);
    expect_each_near(mean_of(scaled), printed_values("spatial_batchnorm_forward.scaled_means"), 1e-13);
    expect_each_near(std_of(scaled), printed_values("spatial_batchnorm_forward.scaled_stds"), 5.1e-9);
  };
  check([&](V g, V b) {
    BatchNormParam<double> param;
    return naive::spatial_batchnorm_forward(x, g, b, param);
  });
  testing::for_each_target([&](int) {
    check([&](V g, V b) {
      BatchNormParam<double> param;
      return spatial_batchnorm_forward(x, g, b, param).first;
    });
  });
}

// By the running averages, as the notebook's text asks; what it printed came from the batch's own statistics.
TEST(SpatialBatchNorm, NotebookTestTime) {
  RandomState random(231);
  const Shape shape{10, 4, 11, 12};
  const Tensor<double> gamma({4}, 1.0), beta({4});
  BatchNormParam<double> param, naive_param;
  for (int t = 0; t < 50; ++t) {
    const auto x = random_tensor<double>(shape, random, 2.3, 13);
    spatial_batchnorm_forward(x, gamma, beta, param);
    naive::spatial_batchnorm_forward(x, gamma, beta, naive_param);
  }
  param.mode = naive_param.mode = Mode::test;
  const auto x = random_tensor<double>(shape, random, 2.3, 13);
  const Tensor<double> running_mean = param.running_mean;
  std::ifstream file(LAMINA_SOURCE_DIR "/tests/golden/spatial_batchnorm.json");
  const auto golden = nlohmann::json::parse(file);
  for (const Tensor<double>& out : {spatial_batchnorm_forward(x, gamma, beta, param).first,
                                    naive::spatial_batchnorm_forward(x, gamma, beta, naive_param)})
    for (Index c = 0; c < 4; ++c) {
      const auto k = static_cast<std::size_t>(c);
      EXPECT_NEAR(mean_of(out)[c], golden["means"][k].get<double>(), 1e-12);
      EXPECT_NEAR(std_of(out)[c], golden["stds"][k].get<double>(), 1e-12);
    }
  EXPECT_TRUE(close<double>(param.running_mean, running_mean, 0));  // test time leaves the averages alone
}

void check_gradients(const Shape& shape, Mode mode, double bound) {
  RandomState random(231);
  const auto x = random_tensor<double>(shape, random, 5, 12);
  const Tensor<double> gamma = random.randn({shape[1]}), beta = random.randn({shape[1]});
  const Tensor<double> dout = random.randn(shape);
  BatchNormParam<double> param;
  param.running_mean = Tensor<double>({shape[1]}, 11.0);
  param.running_var = Tensor<double>({shape[1]}, 20.0);
  param.mode = mode;
  const auto forward = [&](V x_, V gamma_, V beta_) {
    BatchNormParam<double> fresh = param;
    return naive::spatial_batchnorm_forward(x_, gamma_, beta_, fresh);
  };
  const auto g = naive::spatial_batchnorm_backward(dout, x, gamma, param);
  EXPECT_LT(rel_error(g.dx, eval_numerical_gradient_array([&](V v) { return forward(v, gamma, beta); }, x, dout)),
            bound);
  EXPECT_LT(rel_error(g.dgamma, eval_numerical_gradient_array([&](V v) { return forward(x, v, beta); }, gamma, dout)),
            bound);
  EXPECT_LT(rel_error(g.dbeta, eval_numerical_gradient_array([&](V v) { return forward(x, gamma, v); }, beta, dout)),
            bound);
}

TEST(SpatialBatchNorm, NumericalGradients) {
  check_gradients({2, 3, 4, 5}, Mode::train, 1e-6);  // the notebook's: "between 1e-12 and 1e-06"
  check_gradients({3, 4, 1, 6}, Mode::train, 1e-5);
  check_gradients({2, 3, 4, 5}, Mode::test, 1e-7);
}

// The largest |value| / sqrt(variance + eps) of the channels and the largest normalized value, which rounding
// errors grow with.
struct Conditions {
  double relative_size = 1, x_hat = 1, inv_std = 0;
};
Conditions conditions(V x, const BatchNormParam<double>& param) {
  Conditions result;
  for (Index c = 0; c < x.dim(1); ++c) {
    const auto [m, v] = param.mode == Mode::train ? naive::channel_statistics(x, c)
                                                  : std::pair(param.running_mean[c], param.running_var[c]);
    const double mean = m, inv_std = 1 / std::sqrt(v + param.eps);
    result.inv_std = std::max(result.inv_std, inv_std);
    for (Index n = 0; n < x.dim(0); ++n)
      for (Index i = 0; i < x.dim(2); ++i)
        for (Index j = 0; j < x.dim(3); ++j) {
          result.relative_size =
              std::max({result.relative_size, std::abs(x(n, c, i, j)) * inv_std, std::abs(mean) * inv_std});
          result.x_hat = std::max(result.x_hat, std::abs(x(n, c, i, j) - mean) * inv_std);
        }
  }
  return result;
}

template <class T>
void check_against_naive(const Shape& shape, Mode mode, RandomState& random) {
  SCOPED_TRACE("x " + shape.to_string() + (mode == Mode::train ? ", training" : ", test time"));
  const Index C = shape[1];
  const double offset = random.randint(2) ? 0 : 12;
  const auto x = random_tensor<T>(shape, random, 3, offset), dout = random_tensor<T>(shape, random);
  const auto gamma = random_tensor<T>({C}, random), beta = random_tensor<T>({C}, random);
  BatchNormParam<T> param;
  param.mode = mode;
  param.momentum = 0.75;
  param.running_mean = random_tensor<T>({C}, random, 1, offset);
  param.running_var = random_tensor<T>({C}, random, 0.3, 4);
  BatchNormParam<double> naive_param{.mode = mode,
                                     .momentum = 0.75,
                                     .running_mean = cast<double>(param.running_mean),
                                     .running_var = cast<double>(param.running_var)};
  const auto xd = cast<double>(x), gd = cast<double>(gamma), doutd = cast<double>(dout);
  const auto g = naive::spatial_batchnorm_backward(doutd, xd, gd, naive_param);
  const Conditions k = conditions(xd, naive_param);
  const auto out = naive::spatial_batchnorm_forward(xd, gd, cast<double>(beta), naive_param);
  const double error = k.relative_size * k.x_hat;  // of the normalized values, in epsilons
  const double rows = static_cast<double>(x.size() / C), d = max_abs(dout);
  const double sums = std::sqrt(rows) * d +
                      norm(dout) * std::sqrt(rows / static_cast<double>(C));  // what sums over a channel round with
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    const bool nhwc = layout == Layout::nhwc;
    SCOPED_TRACE(nhwc ? "nhwc" : "nchw");
    BatchNormParam<T> own = param;
    own.layout = layout;
    const auto in = nhwc ? naive::to_nhwc(x) : x, din = nhwc ? naive::to_nhwc(dout) : dout;
    auto got = poisoned<T>(shape), dx = poisoned<T>(shape);
    auto dgamma = poisoned<T>({C}), dbeta = poisoned<T>({C});
    BatchNormCache<T> cache;
    spatial_batchnorm_forward<T>(in, gamma, beta, own, got, cache);
    EXPECT_TRUE(close<T>(nhwc ? naive::to_nchw(got) : got, out, 4, error * max_abs(gamma) + max_abs(beta)));
    EXPECT_TRUE(close<T>(own.running_mean, naive_param.running_mean, 4, max_abs(x) + max_abs(param.running_mean)));
    EXPECT_TRUE(close<T>(own.running_var, naive_param.running_var, 4, max_abs(x) * max_abs(x)));
    spatial_batchnorm_backward<T>(din, cache, dx, dgamma, dbeta);
    EXPECT_TRUE(
        close<T>(nhwc ? naive::to_nchw(dx) : dx, g.dx, 4, max_abs(gamma) * k.inv_std * d * (1 + error * k.x_hat)));
    EXPECT_TRUE(close<T>(dgamma, g.dgamma, 4, sums * error));
    EXPECT_TRUE(close<T>(dbeta, g.dbeta, 4, sums));
    Tensor<T> in_place = din;  // dx may be the tensor that dout views
    spatial_batchnorm_backward<T>(in_place, cache, in_place, dgamma, dbeta);
    EXPECT_TRUE(close<T>(in_place, dx, 0));
  }
}

Shape random_shape(RandomState& random) {
  for (;;) {
    const Shape shape{1 + random.randint(5), testing::random_length(random, 40), testing::random_length(random, 12),
                      testing::random_length(random, 12)};
    if (shape.size() <= 20000) return shape;
  }
}

template <class T>
class SpatialBatchNormTyped : public ::testing::Test {};
TYPED_TEST_SUITE(SpatialBatchNormTyped, testing::Scalars);

TYPED_TEST(SpatialBatchNormTyped, RandomShapes) {
  RandomState random(1);
  testing::over_targets(240, [&](int i) {
    check_against_naive<TypeParam>(random_shape(random), i % 9 < 6 ? Mode::train : Mode::test, random);
  });
}

TYPED_TEST(SpatialBatchNormTyped, EveryRemainder) {
  RandomState random(2);
  testing::for_each_target([&](int) {
    for (Index c = 1; c <= 33 && !this->HasFailure(); ++c) {
      check_against_naive<TypeParam>({2, c, 2, 3}, Mode::train, random);
      check_against_naive<TypeParam>({1, c, 1, 1}, Mode::train, random);
    }
    check_against_naive<TypeParam>({4, 20, 32, 32}, Mode::train, random);
  });
}

TEST(SpatialBatchNorm, NoImages) {
  BatchNormParam<float> param;
  param.mode = Mode::test;
  const Tensor<float> gamma({3}, 1.0f), beta({3});
  const auto result = spatial_batchnorm_forward(Tensor<float>({0, 3, 4, 4}), gamma, beta, param);
  EXPECT_EQ(result.first.shape(), (Shape{0, 3, 4, 4}));
  const auto g = spatial_batchnorm_backward(result.first, result.second);
  EXPECT_EQ(max_abs(g.dgamma), 0);
  EXPECT_EQ(max_abs(g.dbeta), 0);
}

TEST(SpatialBatchNorm, Errors) {
  using D = Tensor<double>;
  BatchNormParam<double> param;
  const auto forward = [&](const Shape& x, const Shape& gamma, const Shape& beta) {
    return [=, &param] { spatial_batchnorm_forward(D(x), D(gamma), D(beta), param); };
  };
  const std::string at = "[spatial_batchnorm_forward] ";
  expect_error(forward({3, 4, 5}, {4}, {4}), at + "expected x of shape (N, C, H, W), got (3, 4, 5)");
  expect_error(forward({2, 3, 4, 5}, {4}, {3}), at + "expected gamma of shape (3,) to match x, got (4,)");
  expect_error(forward({2, 3, 4, 5}, {3}, {5}), at + "expected beta of shape (3,) to match x, got (5,)");
  expect_error(forward({2, 0, 4, 5}, {0}, {0}), at + "expected images of at least one channel, got x (2, 0, 4, 5)");
  expect_error(forward({0, 3, 4, 5}, {3}, {3}),
               at + "expected at least one position to take statistics of, got x (0, 3, 4, 5)");
  param.running_mean = D({7});
  expect_error(forward({2, 3, 4, 5}, {3}, {3}), at + "expected running_mean of shape (3,) to match x, got (7,)");
  param = {};
  const auto result = spatial_batchnorm_forward(D({2, 3, 4, 5}), D({3}), D({3}), param);
  D dx, dgamma({3}), dbeta({3});
  const std::string back = "[spatial_batchnorm_backward] ";
  expect_error(
      [&] {
        spatial_batchnorm_backward<double>(D({2, 3, 4}), result.second, dx, dgamma, dbeta);
      },
      back + "expected dout of shape (2, 3, 4, 5) to match x, got (2, 3, 4)");
  expect_error([&] { spatial_batchnorm_backward<double>(result.first, result.second, dx, D({2}), dbeta); },
               back + "expected dgamma of shape (3,) to match gamma, got (2,)");
}

}  // namespace
}  // namespace lamina
