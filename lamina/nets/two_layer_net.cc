#include "lamina/nets/two_layer_net.h"

#include "lamina/nets/blocks/affine.h"
#include "lamina/nets/blocks/relu.h"
#include "lamina/nets/net_parts.h"

namespace lamina {
namespace {

NetOptions two_layer_options(const TwoLayerNetOptions& options) {
  return {.reg = options.reg, .precision = options.precision, .name = "TwoLayerNet"};
}

}  // namespace

void visit_options(TwoLayerNetOptions& options, const VisitOption& visit) {
  visit({.name = "hidden", .help = "Size of the hidden layer", .range = {1, 1'000'000}}, &options.hidden_dim);
}

Blocks blocks_of(const TwoLayerNetOptions& options) {
  detail::check_size("TwoLayerNet", "input_dim", options.input_dim);
  detail::check_size("TwoLayerNet", "hidden_dim", options.hidden_dim);
  detail::check_common_options("TwoLayerNet", options);
  const Initial init = detail::initial_of(options);
  return {Affine{.outputs = options.hidden_dim, .init = init}, Relu{},
          Affine{.outputs = options.num_classes, .init = init}};
}

ParameterLayout parameter_layout(const TwoLayerNetOptions& options) {
  const Blocks blocks = blocks_of(options);
  return parameter_layout({options.input_dim}, blocks, two_layer_options(options));
}

template <class T>
TwoLayerNet<T>::TwoLayerNet(const Options& options, RandomState& random, Weights weights)
    : Net<T>({options.input_dim}, blocks_of(options), random, two_layer_options(options), weights), options_(options) {}

template class TwoLayerNet<float>;
template class TwoLayerNet<double>;

}  // namespace lamina
