#include "lamina/nets/fully_connected_net.h"

#include "lamina/nets/blocks/affine.h"
#include "lamina/nets/blocks/batchnorm.h"
#include "lamina/nets/blocks/dropout.h"
#include "lamina/nets/blocks/layernorm.h"
#include "lamina/nets/blocks/relu.h"
#include "lamina/nets/net_parts.h"

namespace lamina {
namespace {

constexpr const char* kFullyConnected = "FullyConnectedNet";
constexpr std::string_view kNormalizations[] = {"none", "batchnorm", "layernorm"};  // in the order of Normalization

NetOptions fully_connected_options(const FullyConnectedNetOptions& options) {
  return {.reg = options.reg, .precision = options.precision, .name = kFullyConnected};
}

}  // namespace

void visit_options(FullyConnectedNetOptions& options, const VisitOption& visit) {
  visit({.name = "hidden", .help = "Sizes of the hidden layers, comma-separated", .range = {1, 1'000'000}},
        &options.hidden_dims);
  visit_choice(visit, {.name = "normalization", .help = "none, batchnorm or layernorm after each hidden affine layer"},
               options.normalization, kNormalizations);
  visit({.name = "dropout",
         .help = "Probability of KEEPING a hidden activation; 1: no dropout",
         .range = {.least = 0, .most = 1, .open_least = true},
         .type = "KEEP"},
        &options.dropout);
}

Blocks blocks_of(const FullyConnectedNetOptions& options) {
  detail::check_size(kFullyConnected, "input_dim", options.input_dim);
  detail::check_common_options(kFullyConnected, options);
  if (!(options.dropout > 0 && options.dropout <= 1))
    fail(kFullyConnected, "expected dropout, the probability of keeping, above 0 and at most 1, got ", options.dropout);
  const Initial init = detail::initial_of(options);
  Blocks blocks;
  for (std::size_t i = 0; i < options.hidden_dims.size(); ++i) {
    detail::check_size(kFullyConnected, "hidden_dims[" + std::to_string(i) + "]", options.hidden_dims[i]);
    blocks.emplace_back(Affine{.outputs = options.hidden_dims[i], .init = init});
    if (options.normalization == Normalization::batchnorm) blocks.emplace_back(BatchNorm{});
    if (options.normalization == Normalization::layernorm) blocks.emplace_back(LayerNorm{});
    blocks.emplace_back(Relu{});
    if (options.dropout != 1) blocks.emplace_back(Dropout{.keep = options.dropout, .seed = options.seed});
  }
  blocks.emplace_back(Affine{.outputs = options.num_classes, .init = init});
  return blocks;
}

ParameterLayout parameter_layout(const FullyConnectedNetOptions& options) {
  const Blocks blocks = blocks_of(options);
  return parameter_layout({options.input_dim}, blocks, fully_connected_options(options));
}

template <class T>
FullyConnectedNet<T>::FullyConnectedNet(const Options& options, RandomState& random, Weights weights)
    : Net<T>({options.input_dim}, blocks_of(options), random, fully_connected_options(options), weights),
      options_(options) {}

template class FullyConnectedNet<float>;
template class FullyConnectedNet<double>;

}  // namespace lamina
