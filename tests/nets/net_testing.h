// What the tests of nets share: one small net of each kind, images and labels for it, a step of training.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/nets/net_config.h"
#include "tests/layers/layer_testing.h"

namespace lamina::testing {

struct NetCase {
  std::string name;
  NetConfig config;
};

/// A net of each kind, with each of its options in use at least once, for images (3, size, size).
inline std::vector<NetCase> net_cases(Index size) {
  NetConfig base;
  base.input_dim = {3, size, size};
  base.reg = 0.1;
  base.weight_scale = 5e-2;
  base.fc.hidden_dims = {30, 20};
  base.convnet.num_filters = {6, 5};
  base.convnet.filter_sizes = {5, 3};
  std::vector<NetCase> cases;
  const auto add = [&](const std::string& name, const std::string& model, auto change) {
    NetConfig config = base;
    config.model = model;
    change(config);
    cases.push_back({name, config});
  };
  add("two-layer", "two-layer", [](NetConfig& c) { c.two_layer.hidden_dim = 20; });
  add("softmax alone", "fc", [](NetConfig& c) { c.fc.hidden_dims = {}; });
  add("fc", "fc", [](NetConfig&) {});
  add("fc, batchnorm", "fc", [](NetConfig& c) { c.fc.normalization = Normalization::batchnorm; });
  add("fc, layernorm", "fc", [](NetConfig& c) { c.fc.normalization = Normalization::layernorm; });
  add("fc, dropout", "fc", [](NetConfig& c) { c.fc.dropout = 0.6; });
  add("fc, batchnorm and dropout, three deep", "fc", [](NetConfig& c) {
    c.fc.normalization = Normalization::batchnorm;
    c.fc.dropout = 0.8;
    c.fc.hidden_dims = {20, 15, 10};
  });
  add("convnet", "convnet", [](NetConfig&) {});
  add("convnet, stride 2", "convnet", [](NetConfig& c) { c.convnet.conv_strides = {2}; });
  add("convnet, no batch norm, three deep", "convnet", [](NetConfig& c) {
    c.convnet.use_batch_norm = false;
    c.convnet.num_filters = {4, 6, 5};
    c.convnet.filter_sizes = {3, 1, 5};
  });
  add("convnet, strides and pools of their own, smoothed labels", "convnet", [](NetConfig& c) {
    c.convnet.filter_sizes = {3, 5};
    c.convnet.conv_strides = {1, 2};
    c.convnet.pools = {2, 1};
    c.label_smoothing = 0.2;
  });
  add("convnet, the mean of each channel", "convnet", [](NetConfig& c) {
    c.convnet.global_average = true;
    c.convnet.pools = {2, 1};
    c.init = FirstWeights::he;
  });
  add("convnet, means after a pooling, no batch norm", "convnet", [](NetConfig& c) {
    c.convnet.global_average = true;
    c.convnet.use_batch_norm = false;
  });
  add("fc, He's weights", "fc", [](NetConfig& c) {
    c.init = FirstWeights::he;
    c.label_smoothing = 0.1;
  });
  add("three-layer-convnet", "three-layer-convnet", [](NetConfig& c) {
    c.three_layer_convnet.hidden_dim = 15;
    c.three_layer_convnet.num_filters = 6;
    c.three_layer_convnet.filter_size = 5;
  });
  return cases;
}

/// Nets given as text, in which each block stands at least once, for images (3, size, size).
inline std::vector<NetCase> block_cases(Index size) {
  const char* texts[] = {
      "conv 4 3x3 | batchnorm | relu | repeat 2 ( residual ( conv 4 3x3 | batchnorm | relu | conv 4 3x3 | batchnorm ) "
      "| "
      "relu ) | max_pool 2 | global_average_pool | affine 10",
      "residual ( conv 6 3x3 stride 2 | groupnorm 2 ) shortcut ( conv 6 1x1 stride 2 pad 0 | batchnorm momentum 0.8 ) "
      "| "
      "leaky_relu 0.1 | flatten | layernorm | affine 10 init xavier",
      "conv 5 3x3 pad 0 | relu | concat ( conv 2 1x1 | sigmoid ) ( layernorm eps 0.001 | conv 3 3x3 ) ( max_pool 3 "
      "stride 1 | "
      "conv 4 3x3 pad 2 ) | dropout 0.7 | max_pool 2 | affine 10",
      "affine 12 | batchnorm | concat ( affine 5 | relu | dropout 0.6 ) ( relu ) | residual ( relu | affine 17 init "
      "scale "
      "0.1 | layernorm | relu ) | relu | batchnorm | affine 10",
      "relu | flatten | batchnorm | sigmoid | affine 10",
      "conv 4 3x3 | batchnorm | tanh | concat ( silu ) ( conv 3 3x3 | elu alpha 0.5 ) | elu | gelu | "
      "residual ( gelu tanh ) | affine 10",
      "conv 4 3x3 | average_pool 3 stride 2 pad 1 exclude_pad | batchnorm | relu | average_pool 2 stride 1 pad 1 | "
      "average_pool 2 "
      "| affine 10",
      "conv 4 3x3 | batchnorm no_scale | relu | batchnorm | residual ( conv 4 3x3 | tanh | groupnorm 2 init zeros ) | "
      "residual ( conv 4 3x3 | batchnorm init zeros ) | tanh | affine 12 no_bias | batchnorm momentum 0.8 no_scale | "
      "relu | dropout 0.7 | affine 9 no_bias | tanh | batchnorm no_scale | affine 9 no_bias | relu | "
      "residual ( affine 9 no_bias | layernorm init zeros ) | affine 10 no_bias",
      "conv 6 3x5 stride 2x1 pad 1x2 no_bias | relu | conv 6 3x3 groups 6 | batchnorm | relu | conv 8 1x1 no_bias | "
      "batchnorm | relu | conv 4 2x3 pad 2 dilation 1x2 groups 2 no_bias | affine 10",
  };
  std::vector<NetCase> cases;
  for (const char* text : texts) {
    NetConfig config;
    config.model = kNetOfBlocks;
    config.net = text;
    config.input_dim = {3, size, size};
    config.reg = 0.1;
    cases.push_back({text, config});
  }
  return cases;
}

template <class T>
struct Batch {
  Tensor<T> X;
  std::vector<Label> y;
};

/// N random images (3, size, size) with labels 0 .. 9.
template <class T>
Batch<T> random_batch(Index N, Index size, RandomState& random) {
  Batch<T> batch{random_tensor<T>({N, 3, size, size}, random), {}};
  for (Index i = 0; i < N; ++i) batch.y.push_back(static_cast<Label>(random.randint(10)));
  return batch;
}

/// One step of plain gradient descent; the loss before it.
template <class T>
double step(Net<T>& net, const Batch<T>& batch, T learning_rate) {
  const double loss = net.loss(batch.X, batch.y).loss;
  auto gradient = net.grads().begin();
  for (auto& [name, value] : net.params()) {
    for (Index i = 0; i < value.size(); ++i) value[i] -= learning_rate * gradient->value[i];
    ++gradient;
  }
  return loss;
}

/// All elements of parameters or gradients, in their order.
template <class T>
std::vector<T> elements(const Parameters<T>& parameters) {
  std::vector<T> all;
  for (const auto& [name, value] : parameters) all.insert(all.end(), value.begin(), value.end());
  return all;
}

template <class T>
std::vector<T> elements(const std::vector<NamedTensor<T>>& tensors) {
  std::vector<T> all;
  for (const auto& [name, value] : tensors) all.insert(all.end(), value.begin(), value.end());
  return all;
}

}  // namespace lamina::testing
