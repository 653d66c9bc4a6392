// Numerical gradient checks of every parameter of every net, in double. The loss's rounding, 2e-16, over a step of
// 1e-5 makes errors of about 1e-11, so the relative error of gradients of 1e-7 comes near 1e-4; batch norm over two
// rows has yet smaller ones.

#include "lamina/gradient_check.h"
#include "lamina/nets/conv_net.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/nets/three_layer_conv_net.h"
#include "lamina/nets/two_layer_net.h"
#include "notebooks/printed_values.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

/// What a numerical check found of one parameter: the worst relative error where |g| > 1e-6 max |g| of the net, the
/// worst absolute error elsewhere.
struct Errors {
  double relative = 0, absolute = 0;
};

double largest_gradient(const Parameters<double>& grads) {
  double largest = 0;
  for (const auto& [name, value] : grads) largest = std::max(largest, testing::max_abs(value));
  return largest;
}

/// Checks every `stride`-th element of the parameter.
template <class N>
Errors check(N& net, const std::string& name, const TensorView<double>& X, std::span<const Label> y, double h,
             Index stride = 1) {
  net.loss(X, y);
  const Tensor<double> analytic(net.grads()[name]);
  const double limit = 1e-6 * largest_gradient(net.grads());
  TensorView<double>& parameter = net.params()[name];
  Errors worst;
  for (Index i = 0; i < parameter.size(); i += stride) {
    const auto loss = [&](const TensorView<double>&) { return net.loss(X, y).loss; };
    const double numeric = eval_numerical_gradient(loss, TensorView<double>(&parameter[i], Shape{1}), h)[0];
    const double error = std::abs(numeric - analytic[i]);
    if (std::abs(analytic[i]) > limit)
      worst.relative = std::max(worst.relative, error / std::max(1e-8, std::abs(numeric) + std::abs(analytic[i])));
    else
      worst.absolute = std::max(worst.absolute, error);
    if (std::isnan(error)) worst = {error, error};
  }
  return worst;
}

template <class N>
void check_all(N& net, const TensorView<double>& X, std::span<const Label> y, double h, double bound) {
  for (const auto& [name, shape] : net.params().layout()) {
    const Errors errors = check(net, name, X, y, h);
    EXPECT_LT(errors.relative, bound) << name;
    EXPECT_LT(errors.absolute, 1e-9) << name;
  }
}

std::vector<Label> random_labels(Index N, RandomState& random) {
  std::vector<Label> y;
  for (Index i = 0; i < N; ++i) y.push_back(static_cast<Label>(random.randint(10)));
  return y;
}

TEST(NetGradients, TwoLayerNet) {
  for (const double reg : {0.0, 0.7}) {
    RandomState random(231);
    const Tensor<double> X = random.randn(Shape{3, 5});
    const std::vector<Label> y = random_labels(3, random);
    TwoLayerNet<double> net({5, 50, 10, 1e-1, reg}, random);
    SCOPED_TRACE(reg);
    check_all(net, X, y, 1e-5, 1e-5);
  }
}

class FullyConnectedGradients : public ::testing::Test {
 protected:
  void run(double bound) {
    for (const double reg : {0.0, 3.14}) {
      RandomState random(231);
      const Tensor<double> X = random.randn(Shape{2, 15});
      const std::vector<Label> y = random_labels(2, random);
      options.input_dim = 15;
      options.weight_scale = 5e-2;
      options.reg = reg;
      FullyConnectedNet<double> net(options, random);
      SCOPED_TRACE(reg);
      check_all(net, X, y, 1e-5, bound);
    }
  }
  FullyConnectedNetOptions options;
};

TEST_F(FullyConnectedGradients, Plain) {
  options.hidden_dims = {20, 30};
  run(1e-4);
}

TEST_F(FullyConnectedGradients, NoHiddenLayer) {
  options.hidden_dims = {};
  run(1e-8);
}

TEST_F(FullyConnectedGradients, Batchnorm) {
  options.hidden_dims = {20, 30};
  options.normalization = Normalization::batchnorm;
  run(4e-4);
}

TEST_F(FullyConnectedGradients, Layernorm) {
  options.hidden_dims = {20, 30};
  options.normalization = Normalization::layernorm;
  run(4e-5);
}

TEST_F(FullyConnectedGradients, Dropout) {
  options.hidden_dims = {20, 30};
  options.dropout = 0.75;
  options.seed = 123;
  run(4e-6);
}

TEST_F(FullyConnectedGradients, LayernormAndDropoutFourDeep) {
  options.hidden_dims = {12, 11, 10, 9};
  options.normalization = Normalization::layernorm;
  options.dropout = 0.5;
  options.seed = 123;
  run(2e-5);
}

void check_conv_net(ConvNetOptions options) {
  for (const double reg : {0.0, 0.7}) {
    RandomState random(231);
    options.input_dim = {2, 8, 6};
    options.weight_scale = 1e-1;
    options.reg = reg;
    const Tensor<double> X = random.randn(Shape{3, 2, 8, 6});
    const std::vector<Label> y = random_labels(3, random);
    ConvNet<double> net(options, random);
    if (!options.use_batch_norm)  // where all inputs of a filter are 0, a bias of 0 stands on ReLU's kink
      for (const char* name : {"b_1", "b_2", "b_3"})
        for (double& b : net.params()[name]) b = 0.1 * random.randn();
    SCOPED_TRACE(reg);
    check_all(net, X, y, 1e-6, 1e-4);
  }
}

TEST(NetGradients, ConvNet) {
  ConvNetOptions options;
  options.num_filters = {4, 3};
  options.filter_sizes = {5, 3};
  check_conv_net(options);
}

TEST(NetGradients, ConvNetOfStride2) {
  ConvNetOptions options;
  options.num_filters = {4, 3};
  options.filter_sizes = {5, 3};
  options.conv_strides = {2};
  RandomState random(231);
  options.input_dim = {2, 9, 7};
  options.weight_scale = 1e-1;
  const Tensor<double> X = random.randn(Shape{3, 2, 9, 7});
  const std::vector<Label> y = random_labels(3, random);
  ConvNet<double> net(options, random);
  check_all(net, X, y, 1e-6, 1e-4);
}

TEST(NetGradients, ConvNetWithoutBatchNorm) {
  ConvNetOptions options;
  options.num_filters = {4, 3, 5};
  options.filter_sizes = {3, 5, 1};
  options.use_batch_norm = false;
  check_conv_net(options);
}

TEST(NetGradients, ThreeLayerConvNet) {
  for (const double reg : {0.0, 0.7}) {
    RandomState random(231);
    const Tensor<double> X = random.randn(Shape{2, 3, 7, 8});
    const std::vector<Label> y = random_labels(2, random);
    ThreeLayerConvNet<double> net({{3, 7, 8}, 3, 3, 7, 10, 1e-1, reg}, random);
    SCOPED_TRACE(reg);
    check_all(net, X, y, 1e-6, 1e-4);
  }
}

// Every element; under a sanitizer, where that takes minutes, every seventh.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr Index kEvery = 7;
#else
constexpr Index kEvery = 1;
#endif

// The notebook's cell 14, with the step of 1e-6 that its printed errors show. Weights are of 1e-3, so for four elements
// of W_1 this step crosses a kink of ReLU or pooling; the worst is the printed error. A step of 1e-7 does not cross it.
TEST(NetGradients, ConvNetOfTheNotebook) {
  RandomState random(231);
  const Tensor<double> X = random.randn(Shape{2, 3, 8, 8});
  const std::vector<Label> y = random_labels(2, random);
  ConvNetOptions options;
  options.input_dim = {3, 8, 8};
  ConvNet<double> net(options, random);
  for (const auto& [name, shape] : net.params().layout()) {
    if (name == "W_1") continue;
    const Errors errors = check(net, name, X, y, 1e-6, kEvery);
    EXPECT_LT(errors.relative, 1e-4) << name;
    EXPECT_LT(errors.absolute, 1e-9) << name;
  }

  net.loss(X, y);
  Tensor<double> analytic(net.grads()["W_1"]);
  TensorView<double>& W = net.params()["W_1"];
  const auto error = [&](Index i, double h) {
    const auto loss = [&](const TensorView<double>&) { return net.loss(X, y).loss; };
    const TensorView<double> element(&W[i], Shape{1}), wanted(&analytic[i], Shape{1});
    return rel_error(eval_numerical_gradient(loss, element, h), wanted);
  };
  double worst = 0;
  int kinks = 0;
  for (Index i = 0; i < W.size(); ++i) {
    const double at_1e_6 = error(i, 1e-6);
    if (at_1e_6 < 1e-4) continue;
    worst = std::max(worst, at_1e_6);
    ++kinks;
    EXPECT_LT(error(i, 1e-7), 1e-4) << "element " << i;
  }
  EXPECT_EQ(kinks, 4);
  EXPECT_NEAR(worst, printed_value("conv_net.W_1_error"), 1e-6);
}

}  // namespace
}  // namespace lamina
