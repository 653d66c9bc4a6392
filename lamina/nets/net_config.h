// A net described by values: what the command line, a run's files and a model file say, made into a net.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/sandwiches/affine_norm_relu_dropout.h"

namespace lamina {

/// All options of all nets, by the command line's names. Options that a model does not have are not read.
struct NetConfig {
  std::string model = "convnet";  ///< two-layer, fc, convnet or three-layer-convnet
  Shape input_dim = {3, 32, 32};  ///< (C, H, W)
  Index num_classes = 10;
  std::vector<Index> hidden = {100};
  Normalization normalization = Normalization::none;
  double dropout = 1;
  std::vector<Index> num_filters = {32, 32};
  std::vector<Index> filter_sizes = {7, 3};
  Index conv_stride = 1;
  bool use_batch_norm = true;
  double weight_scale = 0;  ///< 0: the model's default
  double reg = 0;
};

/// The net that `config` describes, its parameters drawn from `random`, which must outlive it. Throws
/// std::invalid_argument where the configuration is not one of a net.
template <class T>
std::unique_ptr<Net<T>> make_net(const NetConfig& config, RandomState& random);

}  // namespace lamina
