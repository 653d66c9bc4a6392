// A net described by values: what the command line, a run's files and a model file say, made into a net.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/sandwiches/affine_norm_relu_dropout.h"

namespace lamina {

/// The model of a net that is a list of blocks, given as text.
inline constexpr const char* kNetOfBlocks = "net";

/// All options of all nets, by the command line's names. A net is either the text of a list of blocks or one of the
/// course's models. Options that a model does not have are not read. two-layer and three-layer-convnet take one hidden
/// size; three-layer-convnet takes one of num_filters and of filter_sizes, and reads their two-layer defaults below as
/// 32 and 7.
struct NetConfig {
  std::string model = "convnet";  ///< two-layer, fc, convnet or three-layer-convnet; or kNetOfBlocks
  /// The text of the net (block_text.h); empty: the model's own. Its parameters have the names of the model's, and
  /// examples of shape (D, 1, 1) are vectors.
  std::string net;
  Shape input_dim = {3, 32, 32};  ///< (C, H, W)
  Index num_classes = 10;
  std::vector<Index> hidden = {100};
  Normalization normalization = Normalization::none;
  double dropout = 1;
  std::vector<Index> num_filters = {32, 32};
  std::vector<Index> filter_sizes = {7, 3};
  Index conv_stride = 1;
  bool use_batch_norm = true;
  double weight_scale = 0;  ///< 0: the model's default, 1e-2 for fc, else 1e-3
  double reg = 0;
  bool he_init = false;                   ///< weights begin as He et al. propose; weight_scale is not read
  double label_smoothing = 0;             ///< of the training loss
  std::vector<Index> conv_strides;        ///< convnet: one a convolution; empty: conv_stride for all
  std::vector<Index> pools;               ///< convnet: ConvNetOptions::pools
  bool global_average = false;            ///< convnet: ConvNetOptions::global_average
  Precision precision = Precision::full;  ///< bf16: only with T = float
};

/// The net that `config` describes, its weights drawn from `random` or zero; `random` must outlive it. Throws
/// std::invalid_argument where the configuration is not one of a net.
template <class T>
std::unique_ptr<Net<T>> make_net(const NetConfig& config, RandomState& random, Weights weights = Weights::drawn);

/// Names and shapes of that net's parameters, without making it. Errors as make_net's.
ParameterLayout parameter_layout(const NetConfig& config);

/// That net's blocks. Errors as make_net's.
Blocks blocks_of(const NetConfig& config);
/// The options that make a net with such blocks, for a net of any kind: what a model file of it stores. Examples that
/// are vectors (D) count as images (D, 1, 1).
template <class T>
NetConfig config_of(const Net<T>& net);
/// What the net is called in summaries and errors: "ConvNet"; "Net" for a list of blocks of one's own.
std::string title_of(const NetConfig& config);

/// All options as one JSON object with the names above, on one line: what model files and checkpoints store.
std::string to_json(const NetConfig& config);
/// The options that to_json wrote. Throws std::invalid_argument with one line where the text is not JSON, an option
/// is missing (precision apart: full), unknown or of a wrong type, or the model's name is unknown.
NetConfig net_config_from_json(const std::string& text);

}  // namespace lamina
