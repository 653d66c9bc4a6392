// Nets of any blocks: gradients, draws, running averages, layouts, fused neighbours, summaries, and blocks that do not
// fit one another.
#include "lamina/nets/blocks/blocks.h"

#include <gmock/gmock.h>

#include "lamina/gradient_check.h"
#include "lamina/nets/conv_net.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/nets/two_layer_net.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

using testing::Batch;
using testing::block_cases;
using testing::elements;
using testing::NetCase;
using testing::random_batch;

class BlockNets : public ::testing::TestWithParam<NetCase> {
 protected:
  template <class T>
  std::unique_ptr<Net<T>> make(RandomState& random) const {
    return make_net<T>(GetParam().config, random);
  }
};
INSTANTIATE_TEST_SUITE_P(Texts, BlockNets, ::testing::ValuesIn(block_cases(8)),
                         [](const auto& made) { return "Net" + std::to_string(made.index); });

TEST_P(BlockNets, GradientsAreTheNumericalOnes) {
  RandomState random(3);
  const auto net = make<double>(random);
  const Batch<double> batch = random_batch<double>(4, 8, random);
  const RandomState::State start = random.state();
  const auto loss = [&](const TensorView<double>&) {
    random.set_state(start);  // the same masks
    return net->loss(batch.X, batch.y).loss;
  };
  loss({});
  const Parameters<double> grads = net->grads();
  double largest = 0;
  for (const auto& [name, g] : grads) largest = std::max(largest, testing::max_abs(g));
  for (auto& [name, w] : net->params()) {
    const Index step = std::max<Index>(1, w.size() / 25);
    for (Index i = 0; i < w.size(); i += step) {
      // Where a step crosses the kink of a ReLU or the edge of a maximum, a smaller one does not.
      double best = 1;
      for (const double h : {1e-5, 1e-6, 1e-7}) {
        const double numerical = eval_numerical_gradient(loss, TensorView<double>(&w[i], Shape{1}), h)[0];
        best = std::min(best, std::abs(numerical - grads[name][i]) / largest);
      }
      EXPECT_LT(best, 1e-6) << name << " at " << i;
    }
  }
}

TEST_P(BlockNets, DrawWeightsInTheirOrderAndThenWhatTheySay) {
  RandomState random(3), same(3);
  const auto net = make<float>(random);
  for (const auto& [name, w] : net->params())
    if (name[0] == 'W') same.randn(w.shape());
  EXPECT_EQ(random.state(), same.state());
  const Batch<float> batch = random_batch<float>(5, 8, random);
  RandomState before = random;
  net->loss(batch.X);
  EXPECT_EQ(random.state(), before.state());
  net->loss(batch.X, batch.y);
  const bool drops = GetParam().config.net.find("dropout") != std::string::npos;
  EXPECT_EQ(random.state() == before.state(), !drops);
}

TEST_P(BlockNets, TestTimeChangesNothingAndGradientsAreOverwritten) {
  RandomState random(3);
  const auto net = make<float>(random);
  const Batch<float> batch = random_batch<float>(5, 8, random);
  const RandomState::State start = random.state();
  net->loss(batch.X, batch.y);
  const std::vector<float> grads = elements(net->grads()), averages = elements(net->buffers());
  const Tensor<float> scores(net->loss(batch.X));
  const Tensor<float>& again = net->loss(batch.X);
  EXPECT_TRUE(std::equal(scores.begin(), scores.end(), again.begin()));
  EXPECT_EQ(elements(net->buffers()), averages);
  for (auto& [name, g] : net->grads()) g.fill(std::numeric_limits<float>::quiet_NaN());
  random.set_state(start);
  net->loss(batch.X, batch.y);
  EXPECT_EQ(elements(net->grads()), grads);
}

TEST_P(BlockNets, CopiesAndCopiesInDoubleAgree) {
  RandomState random(3);
  const auto net = make<float>(random);
  const Batch<float> batch = random_batch<float>(5, 8, random);
  net->loss(batch.X, batch.y);
  net->bn_param(0).eps = 1e-4;
  Net<float> copy = *net;
  EXPECT_EQ(elements(copy.buffers()), elements(net->buffers()));
  const Tensor<float> scores(net->loss(batch.X));
  const Tensor<float>& same = copy.loss(batch.X);
  EXPECT_TRUE(std::equal(scores.begin(), scores.end(), same.begin()));
  Net<double> wide(*net);
  EXPECT_EQ(wide.bn_param(0).eps, 1e-4);
  EXPECT_TRUE(testing::close(scores, wide.loss(testing::cast<double>(batch.X)), 1000));
}

TEST_P(BlockNets, SummaryCountsAllParametersInTheirOrder) {
  RandomState random(3);
  const auto net = make<double>(random);
  const NetSummary summary = net->summary();
  EXPECT_EQ(summary.parameter_count(), net->params().count());
  std::string found, expected;
  for (const auto& layer : summary.layers) found += layer.parameters.empty() ? "" : layer.parameters + " ";
  for (const auto& [name, value] : net->params()) expected += name + " ";
  EXPECT_EQ(found, expected);
  EXPECT_GT(summary.flops(), 0);
}

TEST_P(BlockNets, TheirLayersAreSeen) {
  RandomState random(3);
  const auto net = make<float>(random);
  const Batch<float> batch = random_batch<float>(5, 8, random);
  net->loss(batch.X, batch.y);
  std::size_t products = 0;
  for (const auto& [name, value] : net->params()) products += name[0] == 'W';
  const std::vector<LayerView<float>> layers = net->layers();
  ASSERT_EQ(layers.size(), products);
  for (const auto& layer : layers) {
    const Shape& W = net->params()[layer.weights].shape();
    EXPECT_EQ(layer.output.dim(layer.output.rank() - 1), W.rank() == 4 ? W[0] : W[1]) << layer.name;
    for (const float x : layer.output) ASSERT_TRUE(x >= 0 || !layer.relu) << layer.name;
  }
}

TEST_P(BlockNets, AreMadeAgainFromWhatAModelFileStores) {
  RandomState random(3), other(3);
  const auto net = make<float>(random);
  const NetConfig config = net_config_from_json(to_json(config_of(*net)));
  EXPECT_EQ(config.net, GetParam().config.net);
  const auto again = make_net<float>(config, other);
  EXPECT_EQ(elements(again->params()), elements(net->params()));
}

// Blocks that keep everything do nothing, but part neighbours that would be fused.
template <class T>
void expect_fused_is_apart(const std::string& text, const Shape& input) {
  SCOPED_TRACE(text);
  std::string apart = text;
  for (std::size_t at = 0; (at = apart.find(" | ", at)) != std::string::npos; at += 16)
    apart.replace(at, 3, " | dropout 1 | ");
  RandomState random(3), same(3);
  Net<T> fused(input, parse_net(text), random), single(input, parse_net(apart), same);
  const Tensor<T> X = testing::random_tensor<T>(
      input.rank() == 3 ? Shape{7, input[0], input[1], input[2]} : Shape{7, input[0]}, random);
  same = random;
  const std::vector<Label> y = {0, 1, 2, 0, 1, 2, 0};
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(fused.loss(X, y).loss, single.loss(X, y).loss);
    EXPECT_EQ(elements(fused.grads()), elements(single.grads()));
    EXPECT_EQ(elements(fused.buffers()), elements(single.buffers()));
  }
  const Tensor<T> scores(fused.loss(X));
  const Tensor<T>& other = single.loss(X);
  EXPECT_TRUE(std::equal(scores.begin(), scores.end(), other.begin()));
}

TEST(FusedNeighbours, GiveTheBitsOfTheirBlocks) {
  for (const char* text :
       {"conv 5 3x3 | relu | affine 3", "conv 5 3x3 | batchnorm | relu | conv 4 3x3 | batchnorm | affine 3"}) {
    expect_fused_is_apart<float>(text, {3, 9, 8});
    expect_fused_is_apart<double>(text, {3, 9, 8});
  }
  for (const char* text :
       {"affine 9 | relu | affine 3", "affine 9 | relu | dropout 0.5 | affine 3",
        "affine 9 | layernorm | relu | affine 3", "affine 9 | layernorm | relu | dropout 0.5 | affine 3",
        "affine 9 | batchnorm | relu | affine 3", "affine 9 | batchnorm | affine 3"}) {
    expect_fused_is_apart<float>(text, {20});
    expect_fused_is_apart<double>(text, {20});
  }
}

// The course's nets are lists of blocks: their text makes the same net.
template <class N>
void expect_text_makes(N& net, const std::string& text, const Shape& input) {
  EXPECT_EQ(to_text(net.blocks()), text);
  RandomState random(5);
  NetConfig config = config_of(net);
  config.input_dim = input;
  const auto made = make_net<float>(config, random);
  EXPECT_EQ(made->params().layout(), net.params().layout());
  EXPECT_EQ(elements(made->params()), elements(net.params()));
}

TEST(CourseNets, HaveTheirTexts) {
  RandomState one(5), two(5), three(5);
  TwoLayerNet<float> two_layer({192, 20, 10, 1e-2, 0}, one);
  expect_text_makes(two_layer, "affine 20 init scale 0.01 | relu | affine 10 init scale 0.01", {3, 8, 8});
  FullyConnectedNet<float> fc({{20, 15}, 192, 10, 0.5, Normalization::layernorm, 0, 0.1, {}}, two);
  expect_text_makes(
      fc,
      "affine 20 init scale 0.1 | layernorm | relu | dropout 0.5 | affine 15 init scale 0.1 | layernorm | "
      "relu | dropout 0.5 | affine 10 init scale 0.1",
      {3, 8, 8});
  ConvNet<float> conv({{3, 8, 8}, {4, 5}, {3, 5}, 10, 0.1, 0, true, {2}}, three);
  expect_text_makes(conv,
                    "conv 4 3x3 stride 2 init scale 0.1 | batchnorm | relu | conv 5 5x5 stride 2 init scale 0.1 | "
                    "batchnorm | relu | max_pool 2 | affine 10 init scale 0.1",
                    {3, 8, 8});
}

std::string error_of(const std::string& text, const Shape& input = {3, 8, 8}) {
  RandomState random(1);
  try {
    Net<float>(input, parse_net(text), random);
  } catch (const std::invalid_argument& error) {
    const std::string line = error.what();
    EXPECT_EQ(line.find('\n'), std::string::npos);
    return line.substr(0, line.find(" (the block at "));  // net_text_errors_test.cc looks at the place
  }
  return "no error";
}

TEST(Blocks, WithoutBiasOrScaleLeaveTheirNumbersOut) {
  RandomState random(1);
  Net<float> net({3, 4, 4},
                 parse_net("affine 5 no_bias | batchnorm no_scale | relu | affine 4 | batchnorm init zeros | relu | "
                           "affine 3 no_bias"),
                 random);
  std::string names, buffers;
  for (const auto& [name, value] : net.params()) names += name + " ";
  for (const auto& [name, value] : net.buffers()) buffers += name + " ";
  EXPECT_EQ(names, "W1 W2 b2 gamma2 beta2 W3 ");
  EXPECT_EQ(buffers, "running_mean1 running_var1 running_mean2 running_var2 ");
  EXPECT_EQ(testing::max_abs(net.params()["gamma2"]), 0);
  EXPECT_EQ(net.summary().parameter_count(), 48 * 5 + 5 * 4 + 4 + 2 * 4 + 4 * 3);
  EXPECT_EQ(net.summary().layers[0].parameters, "W1");
  EXPECT_EQ(net.layers()[0].shift, "");
  EXPECT_EQ(net.layers()[1].shift, "beta2");
}

TEST(Blocks, WithoutBiasOrScaleEqualThoseWithZerosAndOnes) {
  for (const char* relu : {"relu", "leaky_relu"}) {  // fused and not
    const auto text = [&](const std::string& bias, const std::string& scale) {
      return "conv 4 3x3 | batchnorm" + scale + " | " + relu + " | affine 6" + bias + " | batchnorm" + scale + " | " +
             relu + " | affine 5" + bias + " | " + relu + " | affine 10" + bias;
    };
    RandomState random(7), same(7);
    Net<double> plain({3, 5, 5}, parse_net(text("", "")), random);
    Net<double> bare({3, 5, 5}, parse_net(text(" no_bias", " no_scale")), same);
    const Batch<double> batch = random_batch<double>(6, 5, random);
    EXPECT_EQ(plain.loss(batch.X, batch.y).loss, bare.loss(batch.X, batch.y).loss);
    for (const auto& [name, g] : bare.grads())
      EXPECT_TRUE(std::equal(g.begin(), g.end(), plain.grads()[name].begin())) << name;
    EXPECT_EQ(elements(plain.buffers()), elements(bare.buffers()));
    EXPECT_EQ(elements(Net<float>(bare).buffers()), elements(Net<float>(plain).buffers()));
  }
}

TEST(Blocks, ThatDoNotFitAreNamed) {
  EXPECT_EQ(error_of("affine 10 | conv 4 3x3"),
            "[Net] expected images (C, H, W) before 'conv 4 3x3', got examples of shape (10,)");
  EXPECT_EQ(error_of("conv 4 9x9 pad 0 | affine 10"),
            "[Net] expected images of at least 9 x 9, padding included, before 'conv 4 9x9 pad 0', got 8 x 8");
  EXPECT_EQ(
      error_of("conv 4 3x5 dilation 5x1 | affine 10"),
      "[Net] expected images of at least 11 x 5, padding included, before 'conv 4 3x5 dilation 5x1', got 10 x 12");
  EXPECT_EQ(error_of("conv 4 3x3 dilation 4294967295 | affine 10"),
            "[Net] expected images of at least 8589934591 x 8589934591, padding included, before "
            "'conv 4 3x3 dilation 4294967295', got 10 x 10");
  EXPECT_EQ(error_of("conv 4 3x3 groups 2 | affine 10"),
            "[Net] expected groups that divide 3 channels and 4 filters, got 'conv 4 3x3 groups 2'");
  EXPECT_EQ(error_of("max_pool 9 | affine 10"),
            "[Net] expected images (C, H, W) of at least 9 x 9 before 'max_pool 9', got examples of shape (3, 8, 8)");
  EXPECT_EQ(
      error_of("average_pool 11 pad 1 | affine 10"),
      "[Net] expected images (C, H, W) of at least 9 x 9 before 'average_pool 11', got examples of shape (3, 8, 8)");
  EXPECT_EQ(error_of("average_pool 3 pad 2 | affine 10"),
            "[Net] expected a pad of at most 1 in 'average_pool 3', got 2");
  EXPECT_EQ(error_of("groupnorm 2 | affine 10"),
            "[Net] expected images (C, H, W) with a multiple of 2 channels before 'groupnorm 2', got examples of shape "
            "(3, 8, 8)");
  EXPECT_EQ(error_of("global_average_pool | global_average_pool"),
            "[Net] expected images (C, H, W) before 'global_average_pool', got examples of shape (3,)");
  EXPECT_EQ(error_of("residual ( conv 4 3x3 ) | affine 10"),
            "[Net] expected both sides of a residual block to give one shape, got (4, 8, 8) from its blocks and "
            "(3, 8, 8) from its shortcut");
  EXPECT_EQ(
      error_of("concat ( relu ) ( max_pool 2 ) | affine 10"),
      "[Net] expected images of one height and width, or vectors, from all lists of a concat block, got (3, 8, 8) "
      "and (3, 4, 4)");
  EXPECT_EQ(error_of("conv 10 3x3"),
            "[Net] expected a last block that gives scores (C), such as affine, got one that gives (10, 8, 8)");
  EXPECT_EQ(error_of("affine 10", {8, 8}),
            "[Net] expected examples of shape (D) or (C, H, W), each at least 1, got (8, 8)");
}

// A block of a program's own stands in a list beside the others.
struct Square {
  static constexpr std::string_view kName = "square";
  void visit(BlockVisitor&) {}
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

template <class T>
class SquareBlock : public Block<T> {
 public:
  Example declare(const Example& input, Declaration&) override { return input; }
  TensorView<T> forward(const TensorView<T>& x, const Pass<T>&) override {
    x_ = x;
    out_.resize(x.shape());
    for (Index i = 0; i < x.size(); ++i) out_[i] = x[i] * x[i];
    return out_;
  }
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) override {
    if (!dx) return {};
    dx->resize(dout.shape());
    for (Index i = 0; i < dout.size(); ++i) (*dx)[i] = 2 * x_[i] * dout[i];
    return *dx;
  }
  void describe(SummaryWriter& summary) const override { summary.elementwise("square", {}, false); }

 private:
  TensorView<T> x_;
  Tensor<T> out_;
};

template <class T>
std::unique_ptr<Block<T>> Square::make() const {
  return std::make_unique<SquareBlock<T>>();
}

TEST(Blocks, OfAProgramsOwnJoinIn) {
  RandomState random(3);
  Net<double> net({6}, {Affine{.outputs = 5}, Square{}, Affine{.outputs = 3}}, random);
  const Tensor<double> X = random.randn(Shape{4, 6});
  const std::vector<Label> y = {0, 1, 2, 1};
  net.loss(X, y);
  const Tensor<double> analytic(net.grads()["W1"]);
  const auto loss = [&](const TensorView<double>&) { return net.loss(X, y).loss; };
  const Tensor<double> numerical = eval_numerical_gradient(loss, net.params()["W1"], 1e-5);
  EXPECT_LT(rel_error(analytic, numerical), 1e-6);
  EXPECT_EQ(to_text(net.blocks()), "affine 5 | square | affine 3");
}

}  // namespace
}  // namespace lamina
