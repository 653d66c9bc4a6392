// Counts of summary() against numbers worked out by hand.

#include "lamina/nets/net_config.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

NetSummary summary_of(const NetConfig& config) {
  RandomState random(1);
  return make_net<float>(config, random)->summary();
}

TEST(NetSummary, TwoLayerNet) {
  NetConfig config;
  config.model = "two-layer";
  const NetSummary s = summary_of(config);
  EXPECT_EQ(s.title, "TwoLayerNet, float32");
  EXPECT_EQ(s.input, (Shape{3072}));
  ASSERT_EQ(s.layers.size(), 2u);
  EXPECT_EQ(s.layers[0].name, "affine - relu");
  EXPECT_EQ(s.layers[0].parameters, "W1 b1");
  EXPECT_EQ(s.layers[0].output, (Shape{100}));
  EXPECT_EQ(s.layers[0].parameter_count, 307300);  // 3072 * 100 + 100
  EXPECT_EQ(s.layers[0].flops, 1228800);           // x W and dW, no dx: 2 * 2 * 3072 * 100
  EXPECT_EQ(s.layers[0].activation_count, 100);
  EXPECT_EQ(s.layers[1].parameter_count, 1010);
  EXPECT_EQ(s.layers[1].flops, 6000);  // 3 * 2 * 100 * 10
  EXPECT_EQ(s.parameter_count(), 308310);
  EXPECT_EQ(s.flops(), 1234800);
  EXPECT_EQ(s.activation_count(), 110);
}

TEST(NetSummary, FullyConnectedNet) {
  NetConfig config;
  config.model = "fc";
  config.input_dim = {1, 4, 5};
  config.fc.hidden_dims = {7, 6};
  config.fc.normalization = Normalization::batchnorm;
  config.fc.dropout = 0.5;
  NetSummary s = summary_of(config);
  ASSERT_EQ(s.layers.size(), 3u);
  EXPECT_EQ(s.layers[0].name, "affine - batch norm - relu - dropout (keeps 0.5)");
  EXPECT_EQ(s.layers[1].parameters, "W2 b2 gamma2 beta2");
  EXPECT_EQ(s.layers[0].parameter_count, 161);  // 20 * 7 + 3 * 7
  EXPECT_EQ(s.layers[1].parameter_count, 60);   // 7 * 6 + 3 * 6
  EXPECT_EQ(s.layers[2].parameter_count, 70);   // 6 * 10 + 10
  EXPECT_EQ(s.layers[0].flops, 560);            // 4 * 140
  EXPECT_EQ(s.layers[1].flops, 252);            // 6 * 42
  EXPECT_EQ(s.layers[0].activation_count, 21);  // affine, relu, dropout: 3 * 7
  config.fc.normalization = Normalization::layernorm;
  config.fc.dropout = 1;
  s = summary_of(config);
  EXPECT_EQ(s.layers[0].name, "affine - layer norm - relu");
  EXPECT_EQ(s.layers[0].activation_count, 14);
}

// The net of the task "Train a good CNN".
TEST(NetSummary, ConvNet) {
  NetConfig config;
  config.convnet.num_filters = {16, 32, 64};
  config.convnet.filter_sizes = {7, 7, 3};
  NetSummary s = summary_of(config);
  EXPECT_EQ(s.title, "ConvNet, float32");
  EXPECT_EQ(s.input, (Shape{3, 32, 32}));
  ASSERT_EQ(s.layers.size(), 5u);
  EXPECT_EQ(s.layers[0].name, "conv 7x7, 16 filters, stride 1 - batch norm - relu");
  EXPECT_EQ(s.layers[0].parameters, "W_1 b_1 gamma1 beta1");
  EXPECT_EQ(s.layers[0].output, (Shape{16, 32, 32}));
  EXPECT_EQ(s.layers[0].parameter_count, 2400);   // 16 * 3 * 49 + 3 * 16
  EXPECT_EQ(s.layers[1].parameter_count, 25184);  // 32 * 16 * 49 + 3 * 32
  EXPECT_EQ(s.layers[2].parameter_count, 18624);  // 64 * 32 * 9 + 3 * 64
  EXPECT_EQ(s.layers[3].name, "2x2 max pool, stride 2");
  EXPECT_EQ(s.layers[3].output, (Shape{64, 16, 16}));
  EXPECT_EQ(s.layers[4].parameter_count, 163850);  // 64 * 16 * 16 * 10 + 10
  EXPECT_EQ(s.layers[0].flops, 9633792);           // 2 * 2 * 1024 * 16 * 147
  EXPECT_EQ(s.layers[1].flops, 154140672);         // 3 * 2 * 1024 * 32 * 784
  EXPECT_EQ(s.layers[2].flops, 113246208);         // 3 * 2 * 1024 * 64 * 288
  EXPECT_EQ(s.layers[4].flops, 983040);            // 3 * 2 * 16384 * 10
  EXPECT_EQ(s.layers[0].activation_count, 35840);  // the images, conv and relu: 3072 + 2 * 16384
  EXPECT_EQ(s.layers[1].activation_count, 2 * 32768);
  EXPECT_EQ(s.layers[3].activation_count, 3 * 16384);
  EXPECT_EQ(s.parameter_count(), 210058);

  config.convnet.conv_strides = {2};
  config.convnet.use_batch_norm = false;
  s = summary_of(config);
  EXPECT_EQ(s.layers[0].name, "conv 7x7, 16 filters, stride 2 - relu");
  EXPECT_EQ(s.layers[0].output, (Shape{16, 16, 16}));
  EXPECT_EQ(s.layers[2].output, (Shape{64, 4, 4}));
  EXPECT_EQ(s.layers[3].output, (Shape{64, 2, 2}));
  EXPECT_EQ(s.layers[0].parameter_count, 2368);
  EXPECT_EQ(s.layers[0].activation_count, 3072 + 4096);
}

TEST(NetSummary, ConvNetWithPoolsAndMeans) {
  NetConfig config;
  config.convnet.num_filters = {16, 32};
  config.convnet.filter_sizes = {5, 3};
  config.convnet.conv_strides = {1, 2};
  config.convnet.pools = {2, 1};
  NetSummary s = summary_of(config);
  ASSERT_EQ(s.layers.size(), 4u);
  EXPECT_EQ(s.layers[1].name, "2x2 max pool, stride 2");
  EXPECT_EQ(s.layers[1].output, (Shape{16, 16, 16}));
  EXPECT_EQ(s.layers[1].activation_count, 2 * 4096);
  EXPECT_EQ(s.layers[2].name, "conv 3x3, 32 filters, stride 2 - batch norm - relu");
  EXPECT_EQ(s.layers[2].output, (Shape{32, 8, 8}));
  EXPECT_EQ(s.layers[2].activation_count, 3 * 2048);  // convolution, relu, and relu channels first
  EXPECT_EQ(s.layers[3].parameter_count, 20490);      // 32 * 8 * 8 * 10 + 10

  config.convnet.global_average = true;
  s = summary_of(config);
  ASSERT_EQ(s.layers.size(), 5u);
  EXPECT_EQ(s.layers[2].activation_count, 2 * 2048);
  EXPECT_EQ(s.layers[3].name, "global average pool");
  EXPECT_EQ(s.layers[3].output, (Shape{32}));
  EXPECT_EQ(s.layers[3].activation_count, 32);
  EXPECT_EQ(s.layers[4].parameter_count, 330);  // 32 * 10 + 10
}

TEST(NetSummary, ThreeLayerConvNet) {
  NetConfig config;
  config.model = "three-layer-convnet";
  const NetSummary s = summary_of(config);
  ASSERT_EQ(s.layers.size(), 4u);
  EXPECT_EQ(s.layers[0].parameter_count, 4736);    // 32 * 3 * 49 + 32
  EXPECT_EQ(s.layers[2].parameter_count, 819300);  // 32 * 16 * 16 * 100 + 100
  EXPECT_EQ(s.layers[3].parameter_count, 1010);
  EXPECT_EQ(s.layers[0].flops, 19267584);  // 2 * 2 * 1024 * 32 * 147
  EXPECT_EQ(s.layers[2].flops, 4915200);   // 3 * 2 * 8192 * 100
}

TEST(NetSummary, AnyConvolution) {
  NetConfig config;
  config.model = kNetOfBlocks;
  config.net = "conv 32 3x5 stride 2x1 | conv 64 3x3 dilation 2x1 groups 4 no_bias | affine 10";
  const NetSummary s = summary_of(config);
  ASSERT_EQ(s.layers.size(), 3u);
  EXPECT_EQ(s.layers[0].name, "conv 3x5, 32 filters, stride 2x1");
  EXPECT_EQ(s.layers[0].output, (Shape{32, 16, 32}));
  EXPECT_EQ(s.layers[1].name, "conv 3x3, 64 filters, stride 1, dilation 2x1, groups 4");
  EXPECT_EQ(s.layers[1].parameters, "W2");
  EXPECT_EQ(s.layers[1].parameter_count, 64 * 8 * 9);
  EXPECT_EQ(s.layers[1].output, (Shape{64, 14, 32}));
  EXPECT_EQ(s.layers[1].flops, 3.0 * 2 * 64 * 14 * 32 * 8 * 9);
}

TEST(NetSummary, AveragePools) {
  NetConfig config;
  config.model = kNetOfBlocks;
  config.net = "average_pool 3 stride 2 pad 1 | tanh | average_pool 4 | affine 10";
  const NetSummary s = summary_of(config);
  ASSERT_EQ(s.layers.size(), 3u);
  EXPECT_EQ(s.layers[0].name, "3x3 average pool, stride 2, pad 1 - tanh");
  EXPECT_EQ(s.layers[0].output, (Shape{3, 16, 16}));
  EXPECT_EQ(s.layers[1].name, "4x4 average pool, stride 4");
  EXPECT_EQ(s.layers[1].output, (Shape{3, 4, 4}));
}

TEST(NetSummary, CountsAreThoseOfTheNets) {
  for (const auto& c : testing::net_cases(9)) {
    SCOPED_TRACE(c.name);
    RandomState random(1);
    const auto net = make_net<double>(c.config, random);
    const NetSummary s = net->summary();
    EXPECT_EQ(s.parameter_count(), net->params().count());
    EXPECT_EQ(s.scalar_bytes, 8);
    EXPECT_THAT(s.title, ::testing::EndsWith(", float64"));
    std::string names, all;
    for (const auto& layer : s.layers) names += layer.parameters.empty() ? "" : layer.parameters + " ";
    for (const auto& [name, value] : net->params()) all += name + " ";
    EXPECT_EQ(names, all);
  }
}

TEST(NetSummary, AsText) {
  NetConfig config;
  config.model = "two-layer";
  EXPECT_EQ(
      summary_of(config).to_string(32),
      "TwoLayerNet, float32: examples of shape (3072,), batches of 32\n"
      "\n"
      "layer             output  parameters   number   arithmetic   memory\n"
      "-------------------------------------------------------------------\n"
      "affine - relu     (100,)  W1 b1       307,300   39.3 MFLOP  12.8 kB\n"
      "affine - softmax  (10,)   W2 b2         1,010  192.0 kFLOP   1.3 kB\n"
      "-------------------------------------------------------------------\n"
      "total                                 308,310   39.5 MFLOP  14.1 kB\n"
      "\n"
      "Arithmetic and memory are those of one training step of 32 examples: the matrix products of its forward and\n"
      "backward pass (a multiply-add is 2), and what the forward pass keeps for the backward pass. Parameters and\n"
      "their gradients take 2.5 MB more.\n");
  EXPECT_THROW(summary_of(config).to_string(0), std::invalid_argument);
}

}  // namespace
}  // namespace lamina
