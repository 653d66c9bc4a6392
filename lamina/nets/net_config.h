// A net described by values: what the command line, a run's files and a model file say, made into a net.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "lamina/nets/conv_net.h"
#include "lamina/nets/fully_connected_net.h"
#include "lamina/nets/loss.h"
#include "lamina/nets/net.h"
#include "lamina/nets/three_layer_conv_net.h"
#include "lamina/nets/two_layer_net.h"
#include "lamina/options.h"
#include "lamina/random.h"

namespace lamina {

/// The model of a net that is a list of blocks, given as text.
inline constexpr const char* kNetOfBlocks = "net";

/// All options of all nets, by the command line's names. A net is either the text of a list of blocks or one of the
/// course's models. Of the options of a model only those that it has for itself are read: visit_options() of its header
/// lists them. What all nets have stands right here.
struct NetConfig {
  std::string model = "convnet";  ///< two-layer, fc, convnet or three-layer-convnet; or kNetOfBlocks
  /// The text of the net (block_text.h); empty: the model's own. Its parameters have the names of the model's, and
  /// examples of shape (D, 1, 1) are vectors.
  std::string net;
  Shape input_dim = {3, 32, 32};  ///< (C, H, W)
  Index num_classes = 10;         ///< scores: classes, labels, or numbers to predict
  FirstWeights init = FirstWeights::normal;
  std::optional<double> weight_scale = {};  ///< none: the model's default
  LossOptions loss;
  double label_smoothing = 0;  ///< of the softmax loss in training
  double reg = 0;
  Precision precision = Precision::full;  ///< bf16: only with T = float
  TwoLayerNetOptions two_layer;
  FullyConnectedNetOptions fc;
  ConvNetOptions convnet;
  ThreeLayerConvNetOptions three_layer_convnet;
};

/// The options that a net of config.model has.
void visit_options(NetConfig& config, const VisitOption& visit);
/// Those of all models; each says in Option::model whose it is.
void visit_all_options(NetConfig& config, const VisitOption& visit);
/// Whether to_json(), now or in an earlier version, writes an option of that name.
bool is_net_option(std::string_view name);

/// The net that `config` describes, its weights drawn from `random` or zero; `random` must outlive it. Throws
/// std::invalid_argument where the configuration is not one of a net.
template <class T>
std::unique_ptr<Net<T>> make_net(const NetConfig& config, RandomState& random, Weights weights = Weights::drawn);

/// Names and shapes of that net's parameters, without making it. Errors as make_net's.
ParameterLayout parameter_layout(const NetConfig& config);
/// The size of each of the net's normalizations, in order: that of its gamma, or of its running mean without a scale.
std::vector<Index> normalization_sizes(const NetConfig& config);
/// How the update of each of the net's parameters differs from that of the others, in their order.
std::vector<UpdateFactors> update_factors(const NetConfig& config);

/// That net's blocks. Errors as make_net's.
Blocks blocks_of(const NetConfig& config);
/// The options that make a net with such blocks, for a net of any kind: what a model file of it stores. Examples that
/// are vectors (D) count as images (D, 1, 1).
template <class T>
NetConfig config_of(const Net<T>& net);
/// What the net is called in summaries and errors: "ConvNet"; "Net" for a list of blocks of one's own.
std::string title_of(const NetConfig& config);

/// The options of the net's model as one JSON object, on one line: what model files and checkpoints store.
std::string to_json(const NetConfig& config);
/// The options that to_json wrote, now or in an earlier version. Throws std::invalid_argument with one line where the
/// text is not JSON, an option is missing, unknown or of a wrong type, or the model's name is unknown.
NetConfig net_config_from_json(const std::string& text);

}  // namespace lamina
