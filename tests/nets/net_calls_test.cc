// What the nets promise about calls: parameters may be edited, errors are one line and change nothing, a test-time
// pass changes nothing, gradients are overwritten, and both precisions agree.

#include "lamina/nets/conv_net.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/nets/three_layer_conv_net.h"
#include "lamina/nets/two_layer_net.h"
#include "tests/message_of.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

using lamina::testing::Batch;
using lamina::testing::elements;
using lamina::testing::net_cases;
using lamina::testing::NetCase;
using lamina::testing::random_batch;

static_assert(Model<TwoLayerNet<float>> && Model<FullyConnectedNet<double>> && Model<ConvNet<float>> &&
              Model<ThreeLayerConvNet<double>> && Model<Net<float>>);

/// Runs body(net, batch, case) for each kind of net, made of seed 7.
template <class T, class Body>
void for_each_net(Body&& body) {
  for (const NetCase& c : net_cases(8)) {
    SCOPED_TRACE(c.name);
    RandomState random(7);
    const auto net = make_net<T>(c.config, random);
    const Batch<T> batch = random_batch<T>(6, 8, random);
    body(*net, batch, c);
  }
}

template <class T>
class NetCalls : public ::testing::Test {};
TYPED_TEST_SUITE(NetCalls, lamina::testing::Scalars);

TYPED_TEST(NetCalls, ParametersAreDrawnInLayerOrder) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>&, const NetCase& c) {
    RandomState random(7);
    for (const auto& [name, value] : net.params()) {
      const Tensor<double> draws = name[0] == 'W' ? random.randn(value.shape()) : Tensor<double>(value.shape());
      for (Index i = 0; i < value.size(); ++i) {
        T expected = static_cast<T>(name.starts_with("gamma") ? 1 : 0);
        if (name[0] == 'W' && c.config.init == FirstWeights::he) {
          const Index inputs = value.rank() == 4 ? value.size() / value.dim(0) : value.dim(0);
          const double scale = std::sqrt(2 / static_cast<double>(inputs));
          expected = static_cast<T>(scale * static_cast<double>(static_cast<T>(draws[i])));
        } else if (name[0] == 'W') {
          expected = static_cast<T>(*c.config.weight_scale * draws[i]);
        }
        ASSERT_EQ(value[i], expected) << name << " at " << i;
      }
    }
  });
}

TYPED_TEST(NetCalls, ScoresAndGradientsAreFiniteAndOfTheirShapes) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>& batch, const NetCase&) {
    const auto result = net.loss(batch.X, batch.y);
    EXPECT_TRUE(std::isfinite(result.loss));
    EXPECT_EQ(&result.grads, &net.grads());
    EXPECT_EQ(result.grads.layout(), net.params().layout());
    for (const T g : elements(result.grads)) ASSERT_TRUE(std::isfinite(g));
    const Tensor<T>& scores = net.loss(batch.X);
    EXPECT_EQ(scores.shape(), (Shape{6, 10}));
    for (const T s : scores) ASSERT_TRUE(std::isfinite(s));
  });
}

TYPED_TEST(NetCalls, GradientsAreOverwritten) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>& batch, const NetCase& c) {
    if (c.config.fc.dropout != 1) return;  // draws another mask in the second pass
    net.loss(batch.X, batch.y);
    const std::vector<T> first = elements(net.grads());
    for (auto& [name, value] : const_cast<Parameters<T>&>(net.grads())) value.fill(std::numeric_limits<T>::quiet_NaN());
    net.loss(batch.X, batch.y);
    EXPECT_EQ(elements(net.grads()), first);
  });
}

TYPED_TEST(NetCalls, TestTimeChangesNothing) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>& batch, const NetCase&) {
    net.loss(batch.X, batch.y);
    const std::vector<T> params = elements(net.params()), grads = elements(net.grads()),
                         averages = elements(net.buffers());
    const Tensor<T> scores(net.loss(batch.X));
    EXPECT_EQ(elements(net.params()), params);
    EXPECT_EQ(elements(net.grads()), grads);
    EXPECT_EQ(elements(net.buffers()), averages);
    const Tensor<T>& again = net.loss(batch.X);
    EXPECT_TRUE(std::equal(scores.begin(), scores.end(), again.begin()));
  });
}

TYPED_TEST(NetCalls, TestTimeScoresOfAnExampleDoNotDependOnItsBatch) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>& batch, const NetCase&) {
    net.loss(batch.X, batch.y);
    const Tensor<T> all(net.loss(batch.X));
    for (Index n = 0; n < 6; ++n) {
      const Tensor<T>& one = net.loss(batch.X.rows(n, 1));
      EXPECT_TRUE(testing::close(one, all.rows(n, 1), 100, testing::max_abs(all)));
    }
  });
}

TYPED_TEST(NetCalls, EditedParametersAreSeen) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>& batch, const NetCase& c) {
    net.loss(batch.X, batch.y);
    for (auto& [name, value] : net.params()) {
      if (name[0] == 'b' && name.find("beta") != 0 && c.config.convnet.use_batch_norm && c.config.model == "convnet" &&
          name != "b_3")
        continue;  // batch norm takes it away again
      if (name[0] == 'b' && name.find("beta") != 0 && c.config.fc.normalization != Normalization::none) continue;
      const std::vector<T> before = elements(net.grads());
      value[0] += T{0.5};
      net.loss(batch.X, batch.y);
      EXPECT_NE(elements(net.grads()), before) << name;
    }
  });
}

TYPED_TEST(NetCalls, RegularizationIsOfTheWeightsAlone) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>& batch, const NetCase& c) {
    if (c.config.fc.dropout != 1) return;
    for (auto& [name, value] : net.params())
      if (name[0] == 'b') value.fill(T{1});
    double sum = 0;
    for (const auto& [name, value] : net.params())
      if (name[0] == 'W') sum += std::pow(testing::norm(value), 2);
    net.reg = 0;
    const double loss = net.loss(batch.X, batch.y).loss;
    const Parameters<T> plain = net.grads();
    net.reg = 0.3;
    EXPECT_NEAR(net.loss(batch.X, batch.y).loss, loss + 0.15 * sum, 1e-12 * (1 + sum));
    for (const auto& [name, value] : plain)
      for (Index i = 0; i < value.size(); ++i) {
        const T expected = name[0] == 'W' ? value[i] + T(0.3) * net.params()[name][i] : value[i];
        ASSERT_NEAR(net.grads()[name][i], expected, 4 * std::numeric_limits<T>::epsilon()) << name;
      }
  });
}

TYPED_TEST(NetCalls, BuffersAreCompleteFromTheStartAndMove) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>& batch, const NetCase& c) {
    const auto buffers = net.buffers();
    const bool fc = c.config.model == "fc" && c.config.fc.normalization == Normalization::batchnorm;
    const bool conv = c.config.model == "convnet" && c.config.convnet.use_batch_norm;
    const std::size_t layers = fc ? c.config.fc.hidden_dims.size() : conv ? c.config.convnet.num_filters.size() : 0;
    ASSERT_EQ(buffers.size(), 2 * layers);
    for (std::size_t i = 0; i < layers; ++i) {
      const std::string number = std::to_string(i + 1);
      EXPECT_EQ(buffers[2 * i].name, "running_mean" + number);
      EXPECT_EQ(buffers[2 * i + 1].name, "running_var" + number);
      EXPECT_EQ(buffers[2 * i].value.size(), (fc ? c.config.fc.hidden_dims : c.config.convnet.num_filters)[i]);
      EXPECT_EQ(testing::max_abs(buffers[2 * i].value), 0);
    }
    net.loss(batch.X, batch.y);
    for (const auto& [name, value] : buffers) EXPECT_GT(testing::max_abs(value), 0) << name;
    // Momentum 0.9: from zero, n passes over one batch leave 1 - 0.9^n of its statistics.
    if (layers == 0 || c.config.fc.dropout != 1) return;
    const std::vector<T> once = elements(buffers);
    net.loss(batch.X, batch.y);
    const std::vector<T> twice = elements(buffers);
    for (std::size_t i = 0; i < once.size(); ++i)
      ASSERT_NEAR(twice[i], once[i] * T(1.9), 20 * std::numeric_limits<T>::epsilon() * (1 + std::abs(once[i])));
  });
}

TYPED_TEST(NetCalls, WrongInputsAreOneLineAndChangeNothing) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>& batch, const NetCase& c) {
    net.loss(batch.X, batch.y);
    const std::vector<T> grads = elements(net.grads()), averages = elements(net.buffers());
    const bool conv = c.config.model.find("convnet") != std::string::npos;
    const auto expect = [&](const Tensor<T>& X, std::vector<Label> y, const std::string& part) {
      EXPECT_THAT(message_of([&] { net.loss(X, y); }), ::testing::HasSubstr(part));
    };
    const std::string wanted = conv ? "expected X of shape (N, 3, 8, 8), got "
                                    : "expected X of shape (N, ...) with 192 values an example, got ";
    for (const Shape& shape : {Shape{6, 3, 8, 7}, Shape{6, 1, 8, 8}, Shape{6}, Shape{}, Shape{0, 5}}) {
      expect(Tensor<T>(shape), batch.y, wanted + shape.to_string());
      EXPECT_THAT(message_of([&] { net.loss(Tensor<T>(shape)); }), ::testing::HasSubstr(wanted + shape.to_string()));
    }
    if (conv) expect(Tensor<T>(Shape{6, 192}), batch.y, "expected X of shape (N, 3, 8, 8), got (6, 192)");
    expect(Tensor<T>(Shape{0, 3, 8, 8}), {}, "expected X with at least one example, got (0, 3, 8, 8)");
    expect(batch.X, {1, 2, 3}, "expected one label y for each of the 6 examples of X (6, 3, 8, 8), got 3");
    expect(batch.X, {1, 2, 3, 10, 0, 0}, "expected labels y of 0 to 9, got 10 at position 3");
    expect(batch.X, {1, -1, 3, 0, 0, 0}, "expected labels y of 0 to 9, got -1 at position 1");
    EXPECT_EQ(elements(net.grads()), grads);
    EXPECT_EQ(elements(net.buffers()), averages);
  });
}

TYPED_TEST(NetCalls, ReplacedParametersMustKeepTheirShapes) {
  using T = TypeParam;
  for_each_net<T>([](Net<T>& net, const Batch<T>& batch, const NetCase&) {
    ParameterLayout layout = net.params().layout();
    layout.back().second = Shape{11};
    const Parameters<T> right = net.params();
    net.params() = Parameters<T>(layout);
    EXPECT_THAT(message_of([&] { net.loss(batch.X, batch.y); }), ::testing::HasSubstr("to match the net, got (11,)"));
    EXPECT_NE(message_of([&] { net.loss(batch.X); }), "no error");
    net.params() = right;
    EXPECT_TRUE(std::isfinite(net.loss(batch.X, batch.y).loss));
  });
}

// The stream goes on the same in both precisions, so the same masks are drawn.
TEST(NetPrecisions, FloatGradientsAreThoseOfDouble) {
  std::vector<NetCase> cases = net_cases(8);
  for (const NetCase& c : lamina::testing::block_cases(8)) cases.push_back(c);
  for (const NetCase& c : cases) {
    SCOPED_TRACE(c.name);
    RandomState random_float(7), random_double(7);
    const auto single = make_net<float>(c.config, random_float);
    const auto twice = make_net<double>(c.config, random_double);
    const Batch<float> batch = random_batch<float>(6, 8, random_float);
    const Batch<double> wide = random_batch<double>(6, 8, random_double);
    const double a = single->loss(batch.X, batch.y).loss, b = twice->loss(wide.X, wide.y).loss;
    EXPECT_NEAR(a, b, 1e-5 * std::abs(b));
    double largest = 0;
    for (const auto& [name, value] : twice->grads()) largest = std::max(largest, testing::max_abs(value));
    for (const auto& [name, value] : twice->grads())
      EXPECT_TRUE(testing::close(single->grads()[name], value, 300, largest)) << name;
  }
}

// X of any rank is read as (N, D); one net's input may be another's images.
TEST(NetCallsOfOneKind, FullyConnectedNetTakesAnyRank) {
  RandomState random(7);
  FullyConnectedNet<double> net({{5}, 24, 10, 1, Normalization::none, 0, 0.1, {}}, random);
  const Tensor<double> X = random.randn(Shape{4, 24});
  const Tensor<double> scores(net.loss(X));
  for (const Shape& shape : {Shape{4, 2, 12}, Shape{4, 2, 3, 4}, Shape{4, 1, 2, 3, 2, 2}}) {
    const Tensor<double>& other = net.loss(X.reshaped(shape));
    EXPECT_TRUE(std::equal(scores.begin(), scores.end(), other.begin()));
  }
}

TEST(NetCallsOfOneKind, DropoutDrawsOnceALayerInTrainingAlone) {
  RandomState random(7), expected(7);
  FullyConnectedNet<double> net({{5, 4}, 24, 10, 0.5, Normalization::none, 0, 0.1, {}}, random);
  for (const Shape& shape : {Shape{24, 5}, Shape{5, 4}, Shape{4, 10}}) expected.randn(shape);
  EXPECT_EQ(random.state(), expected.state());
  const Tensor<double> X(Shape{3, 24}, 1.0);
  net.loss(X);
  EXPECT_EQ(random.state(), expected.state());
  net.loss(X, std::vector<Label>{1, 2, 3});
  expected.rand(Shape{3, 5});
  expected.rand(Shape{3, 4});
  EXPECT_EQ(random.state(), expected.state());
}

template <class N>
void expect_double_copy_agrees(N& net, const Batch<float>& batch) {
  net.reg = 0.25;
  net.loss(batch.X, batch.y);
  auto copy = net.template to<double>();
  EXPECT_EQ(copy.reg, 0.25);
  EXPECT_EQ(copy.params().layout(), net.params().layout());
  const std::vector<float> params = elements(net.params()), averages = elements(net.buffers());
  EXPECT_EQ(elements(copy.params()), std::vector<double>(params.begin(), params.end()));
  EXPECT_EQ(elements(copy.buffers()), std::vector<double>(averages.begin(), averages.end()));
  const Tensor<double> X = testing::cast<double>(batch.X);
  EXPECT_TRUE(testing::close(net.loss(batch.X), copy.loss(X), 500));
  const auto back = copy.template to<float>();
  EXPECT_EQ(elements(back.params()), params);
  EXPECT_TRUE(std::isfinite(copy.loss(X, batch.y).loss));
}

TEST(NetPrecisions, CopiesInDouble) {
  RandomState random(7);
  const Batch<float> batch = random_batch<float>(6, 8, random);
  TwoLayerNet<float> two({192, 20, 10, 1e-2, 0}, random);
  expect_double_copy_agrees(two, batch);
  FullyConnectedNet<float> fc({{20, 10}, 192, 10, 0.5, Normalization::batchnorm, 0, 1e-1, {}}, random);
  expect_double_copy_agrees(fc, batch);
  ConvNet<float> conv({{3, 8, 8}, {4, 5}, {3, 5}, 10, 1e-1, 0, true, {1}}, random);
  expect_double_copy_agrees(conv, batch);
  ThreeLayerConvNet<float> three({{3, 8, 8}, 4, 3, 10, 10, 1e-1, 0}, random);
  expect_double_copy_agrees(three, batch);
}

TEST(NetCallsOfOneKind, CopiesStandAlone) {
  RandomState random(7);
  const Batch<double> batch = random_batch<double>(6, 8, random);
  ConvNet<double> net({{3, 8, 8}, {4}, {3}, 10, 1e-1, 0, true, {1}}, random);
  const double loss = net.loss(batch.X, batch.y).loss;
  ConvNet<double> copy = net;
  for (auto& [name, value] : net.params()) value.fill(0);
  EXPECT_EQ(copy.loss(batch.X, batch.y).loss, loss);
  const ConvNet<double> moved = std::move(copy);
  EXPECT_EQ(moved.params().size(), 6u);
}

}  // namespace
}  // namespace lamina
