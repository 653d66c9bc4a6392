// Nets whose products have operands of bfloat16: near their float32 selves, and alike in all else.
#include "lamina/kernels/products/bf16.h"
#include "lamina/nets/conv_net.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

using testing::Batch;
using testing::NetCase;

NetConfig bf16(NetConfig config) {
  config.precision = Precision::bf16;
  return config;
}

// |a - b| / |b| over all elements.
double distance(const TensorView<float>& a, const TensorView<float>& b) {
  Tensor<float> difference(b.shape());
  for (Index i = 0; i < b.size(); ++i) difference[i] = a[i] - b[i];
  return testing::norm<float>(difference) / testing::norm(b);
}

// Rounding moves each operand by up to 2^-9 of itself. What that does to a gradient is more, since some values change
// sides of ReLU's kink and some maxima their place; a gradient without relation to the other is 1.4 away. Every
// weight's gradient is moved, so none was computed in float32 alone.
TEST(NetPrecision, GradientsAreNearThoseOfFloat32) {
  testing::for_each_target([](int) {
    for (const NetCase& c : testing::net_cases(12)) {
      SCOPED_TRACE(c.name);
      RandomState random(7), same(7);
      const auto net = make_net<float>(c.config, random), rounded = make_net<float>(bf16(c.config), same);
      net->reg = rounded->reg = 0;
      const Batch<float> batch = testing::random_batch<float>(40, 12, random);
      (void)testing::random_batch<float>(40, 12, same);
      const double loss = net->loss(batch.X, batch.y).loss, rounded_loss = rounded->loss(batch.X, batch.y).loss;
      EXPECT_NE(loss, rounded_loss);
      EXPECT_NEAR(rounded_loss, loss, 4e-3 * loss);
      auto expected = net->grads().begin();
      for (const auto& [name, gradient] : rounded->grads()) {
        if (name[0] == 'W') {
          const double moved = distance(gradient, expected->value);
          EXPECT_LT(moved, 0.2) << name;
          EXPECT_GT(moved, 1e-4) << name;
        }
        ++expected;
      }
    }
  });
}

// With all that the last layer sees set to one, the scores are the sums of its weights, rounded.
TEST(NetPrecision, TheScoresAreProductsToo) {
  for (const NetCase& c : testing::net_cases(12)) {
    SCOPED_TRACE(c.name);
    RandomState random(7);
    const auto net = make_net<float>(bf16(c.config), random);
    std::string last;
    for (const auto& [name, value] : net->params())
      if (name[0] == 'W') last = name;
    for (auto& [name, value] : net->params())
      if (name != last) value.fill(name[0] == 'b' ? 1.0f : 0.0f);  // biases and betas; weights and gammas
    TensorView<float>& w = net->params()[last];
    Tensor<float> X({2, 3, 12, 12});
    X.fill(1);
    const Tensor<float>& scores = net->loss(X);
    for (Index j = 0; j < w.dim(1); ++j) {
      double sum = 1, norm = 1;
      for (Index i = 0; i < w.dim(0); ++i) {
        sum += static_cast<double>(kernels::round_to_bf16(w(i, j)));
        norm += std::abs(static_cast<double>(w(i, j)));
      }
      EXPECT_NEAR(static_cast<double>(scores(1, j)), sum, 4 * norm * std::numeric_limits<float>::epsilon());
    }
  }
}

TEST(NetPrecision, WeightsStayInFloat32) {
  RandomState random(7);
  NetConfig config = testing::net_cases(12)[7].config;
  const auto net = make_net<float>(bf16(config), random);
  const Batch<float> batch = testing::random_batch<float>(10, 12, random);
  testing::step(*net, batch, 1e-6f);
  RandomState same(7);
  const auto start = make_net<float>(config, same);
  Index changed = 0, total = 0;
  auto before = start->params().begin();
  for (const auto& [name, value] : net->params()) {
    for (Index i = 0; name == "W_1" && i < value.size(); ++i, ++total) changed += value[i] != before->value[i];
    ++before;
  }
  EXPECT_GT(changed, total / 2);  // a step far below bfloat16's is not lost
}

TEST(NetPrecision, ACopyInDoubleIsFull) {
  RandomState random(7), same(7);
  ConvNetOptions options;
  options.input_dim = {3, 8, 8};
  options.num_filters = {4};
  options.filter_sizes = {3};
  const ConvNet<float> full(options, random);
  options.precision = Precision::bf16;
  const ConvNet<float> net(options, same);
  auto wide = net.to<double>(), expected = full.to<double>();
  EXPECT_EQ(wide.options().precision, Precision::full);
  EXPECT_EQ(net.to<float>().options().precision, Precision::bf16);
  const Batch<double> batch = testing::random_batch<double>(5, 8, random);
  EXPECT_EQ(wide.loss(batch.X, batch.y).loss, expected.loss(batch.X, batch.y).loss);
}

TEST(NetPrecision, TheSummaryNamesIt) {
  for (const NetCase& c : testing::net_cases(12)) {
    RandomState random(7);
    const std::string full = make_net<float>(c.config, random)->summary().title;
    EXPECT_EQ(make_net<float>(bf16(c.config), random)->summary().title, full + ", products in bf16");
  }
}

TEST(NetPrecision, IsForFloat32) {
  for (const NetCase& c : testing::net_cases(12)) {
    RandomState random(7);
    try {
      make_net<double>(bf16(c.config), random);
      ADD_FAILURE() << c.name;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("expected float32 for products of bfloat16, got float64"),
                std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace lamina
