// The numbers that the notebooks print for nets, from the notebooks' own draws.

#include "lamina/nets/conv_net.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/nets/two_layer_net.h"
#include "notebooks/printed_values.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

using lamina::testing::linspace;

std::vector<Label> random_labels(Index N, Index classes, RandomState& random) {
  std::vector<Label> y;
  for (Index i = 0; i < N; ++i) y.push_back(static_cast<Label>(random.randint(classes)));
  return y;
}

double spread(const TensorView<double>& x) {
  double mean = 0, square = 0;
  for (const double value : x) mean += value / static_cast<double>(x.size());
  for (const double value : x) square += (value - mean) * (value - mean) / static_cast<double>(x.size());
  return std::sqrt(square);
}

TEST(NotebookLosses, TwoLayerNet) {
  RandomState random(231);
  constexpr Index N = 3, D = 5, H = 50, C = 7;
  random.randn(Shape{N, D});
  random_labels(N, C, random);
  TwoLayerNetOptions options;
  options.input_dim = D;
  options.hidden_dim = H;
  options.num_classes = C;
  options.weight_scale = 1e-3;
  TwoLayerNet<double> net(options, random);
  EXPECT_LT(std::abs(spread(net.params()["W1"]) - 1e-3), 1e-4);
  EXPECT_LT(std::abs(spread(net.params()["W2"]) - 1e-3), 1e-4);
  EXPECT_EQ(testing::max_abs(net.params()["b1"]), 0);
  EXPECT_EQ(testing::max_abs(net.params()["b2"]), 0);

  const auto set = [&](const char* name, double first, double last) {
    TensorView<double>& value = net.params()[name];
    const Tensor<double> values = linspace<double>(first, last, value.shape());
    std::copy(values.begin(), values.end(), value.begin());
  };
  set("W1", -0.7, 0.3);
  set("b1", -0.1, 0.9);
  set("W2", -0.3, 0.4);
  set("b2", -0.9, 0.1);
  const Tensor<double> transposed = linspace<double>(-5.5, 4.5, {D, N});
  Tensor<double> X(Shape{N, D});
  for (Index n = 0; n < N; ++n)
    for (Index d = 0; d < D; ++d) X(n, d) = transposed(d, n);

  // The notebook's text cuts off the seventh column.
  const std::vector<double>& printed = printed_values("two_layer_net.scores");
  const Tensor<double>& scores = net.loss(X);
  ASSERT_EQ(scores.shape(), (Shape{N, C}));
  double difference = 0;
  for (Index n = 0; n < N; ++n)
    for (Index c = 0; c < 6; ++c) difference += std::abs(scores(n, c) - printed[static_cast<std::size_t>(n * 6 + c)]);
  EXPECT_LT(difference, 1e-6);

  const std::vector<Label> y = {0, 5, 1};
  EXPECT_NEAR(net.loss(X, y).loss, printed_value("two_layer_net.loss"), 1e-10);
  net.reg = 1.0;
  EXPECT_NEAR(net.loss(X, y).loss, printed_value("two_layer_net.loss_reg_1"), 1e-10);
}

/// The notebooks' N, D, H1, H2, C = 2, 15, 20, 30, 10 from seed 231, and one net after the other from there on.
struct FullyConnectedCell {
  RandomState random{231};
  Tensor<double> X = random.randn(Shape{2, 15});
  std::vector<Label> y = random_labels(2, 10, random);
  FullyConnectedNetOptions options;

  FullyConnectedCell() {
    options.hidden_dims = {20, 30};
    options.input_dim = 15;
    options.weight_scale = 5e-2;
  }
  double loss() {
    FullyConnectedNet<double> net(options, random);
    return net.loss(X, y).loss;
  }
};

TEST(NotebookLosses, FullyConnectedNet) {
  FullyConnectedCell cell;
  EXPECT_NEAR(cell.loss(), printed_value("fully_connected_net.loss"), 1e-12);
  cell.options.reg = 3.14;
  EXPECT_NEAR(cell.loss(), printed_value("fully_connected_net.loss_reg_3.14"), 1e-12);
}

TEST(NotebookLosses, FullyConnectedNetWithBatchnorm) {
  FullyConnectedCell cell;
  cell.options.normalization = Normalization::batchnorm;
  EXPECT_NEAR(cell.loss(), printed_value("batchnorm_net.loss"), 1e-12);
  cell.options.reg = 3.14;
  EXPECT_NEAR(cell.loss(), printed_value("batchnorm_net.loss_reg_3.14"), 1e-12);
}

// Dropout's seed starts the run's one stream anew in each layer, and the next net's weights are drawn from there.
TEST(NotebookLosses, FullyConnectedNetWithDropout) {
  FullyConnectedCell cell;
  cell.options.seed = 123;
  cell.options.dropout = 1;
  EXPECT_NEAR(cell.loss(), printed_value("fully_connected_net.loss"), 1e-12);
  cell.options.dropout = 0.75;
  EXPECT_NEAR(cell.loss(), printed_value("dropout_net.loss_0.75"), 1e-12);
  cell.options.dropout = 0.5;
  EXPECT_NEAR(cell.loss(), printed_value("dropout_net.loss_0.5"), 1e-12);
}

// Cells 12 and 13 in order: the draws of the first come before the net's. Weights are float32, X double.
TEST(NotebookLosses, ConvNet) {
  RandomState random(231);
  random.randn(Shape{2, 6, 4, 5});
  random.randn(Shape{1, 6, 1, 1});
  random.randn(Shape{1, 6, 1, 1});
  random.randn(Shape{2, 6, 4, 5});
  const ConvNet<float> made({}, random);
  const Tensor<double> X = random.randn(Shape{50, 3, 32, 32});
  const std::vector<Label> y = random_labels(50, 10, random);
  ConvNet<double> net = made.to<double>();
  EXPECT_NEAR(net.loss(X, y).loss, printed_value("conv_net.loss"), 1e-12);
  net.reg = 0.5;
  EXPECT_NEAR(net.loss(X, y).loss, printed_value("conv_net.loss_reg_0.5"),
              1e-9);  // NumPy sums the squares of float32 in float32
}

}  // namespace
}  // namespace lamina
