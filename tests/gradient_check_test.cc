#include "lamina/gradient_check.h"

#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using View = const TensorView<double>&;

TEST(GradientCheck, OfANumber) {
  RandomState random(1);
  const auto x = random.randn({3, 4});
  const Tensor<double> before = x;
  const auto grad = eval_numerical_gradient([](View v) { return v[0] * v[0] * v[0] + 2 * v[5]; }, x);
  EXPECT_EQ(grad.shape(), x.shape());
  EXPECT_NEAR(grad[0], 3 * x[0] * x[0], 1e-9);
  EXPECT_NEAR(grad[5], 2, 1e-9);
  EXPECT_EQ(grad[7], 0);
  EXPECT_TRUE(testing::close(x, before, 0));
}

TEST(GradientCheck, IsCentred) {  // the error of a cube's one-sided difference is of order h, of its centred one h^2
  Tensor<double> x({1}, 1.0);
  const auto cube = [](View v) { return v[0] * v[0] * v[0]; };
  EXPECT_NEAR(eval_numerical_gradient(cube, x, 1e-3)[0], 3 + 1e-6, 1e-11);
  EXPECT_NEAR(eval_numerical_gradient_array([&](View v) { return Tensor<double>({1}, cube(v)); }, x,
                                            Tensor<double>({1}, 2.0), 1e-3)[0],
              6 + 2e-6, 1e-11);
}

TEST(GradientCheck, OfATensorAlongADirection) {
  RandomState random(2);
  const auto x = random.randn({2, 3}), df = random.randn({2, 3});
  const Tensor<double> before = x;
  const auto square = [](View v) {
    Tensor<double> y(v.shape());
    for (Index i = 0; i < v.size(); ++i) y[i] = v[i] * v[i];
    return y;
  };
  const auto grad = eval_numerical_gradient_array(square, x, df);
  for (Index i = 0; i < 6; ++i) EXPECT_NEAR(grad[i], 2 * x[i] * df[i], 1e-9);
  EXPECT_TRUE(testing::close(x, before, 0));

  Tensor<double> kept;  // a function that answers with a view of the same memory each time
  const auto reused = [&](View v) -> View {
    kept = square(v);
    return kept;
  };
  EXPECT_TRUE(testing::close(eval_numerical_gradient_array(reused, x, df), grad, 0));
}

TEST(GradientCheck, RestoresExactlyWhereTheFunctionThrows) {
  Tensor<double> x({2}, 0.1);
  EXPECT_THROW(eval_numerical_gradient([](View) -> double { throw std::runtime_error("no"); }, x), std::runtime_error);
  EXPECT_EQ(x[0], 0.1);
}

TEST(GradientCheck, RelativeError) {
  const auto x = testing::tensor<double>({3}, {1, -2, 0}), y = testing::tensor<double>({3}, {1, -3, 0});
  EXPECT_DOUBLE_EQ(rel_error(x, y), 0.2);
  EXPECT_EQ(rel_error(x, x), 0);
  EXPECT_DOUBLE_EQ(rel_error(testing::tensor<double>({1}, {1e-9}), Tensor<double>({1})), 0.1);  // over 1e-8
  EXPECT_TRUE(std::isnan(rel_error(x, testing::poisoned<double>({3}))));
  EXPECT_TRUE(std::isnan(rel_error(testing::tensor<double>({3}, {NAN, -2, 0}), y)));
  EXPECT_EQ(rel_error(testing::cast<float>(x), x), 0);
  testing::expect_error(
      [&] {
        rel_error(x, Tensor<double>({1, 3}));
      },
      "[rel_error] expected two tensors of one shape, got (3,) and (1, 3)");
  testing::expect_error(
      [&] { eval_numerical_gradient_array([](View v) { return Tensor<double>(v); }, x, Tensor<double>({2})); },
      "[eval_numerical_gradient_array] expected f(x) of df's shape (2,), got (3,)");
}

}  // namespace
}  // namespace lamina
