#include "lamina/nets/three_layer_conv_net.h"

#include "lamina/nets/blocks/affine.h"
#include "lamina/nets/blocks/conv.h"
#include "lamina/nets/blocks/max_pool.h"
#include "lamina/nets/blocks/relu.h"
#include "lamina/nets/net_parts.h"

namespace lamina {
namespace {

constexpr const char* kThreeLayer = "ThreeLayerConvNet";

NetOptions three_layer_options(const ThreeLayerConvNetOptions& options) {
  return {.reg = options.reg, .precision = options.precision, .name = kThreeLayer};
}

}  // namespace

void visit_options(ThreeLayerConvNetOptions& options, const VisitOption& visit) {
  visit({.name = "num_filters", .help = "Filters of the convolution", .range = {1, 100'000}}, &options.num_filters);
  visit({.name = "filter_sizes", .help = "Side of the convolution's filters in pixels, odd", .range = {1, 1023}},
        &options.filter_size);
  visit({.name = "hidden", .help = "Size of the hidden layer", .range = {1, 1'000'000}}, &options.hidden_dim);
}

Blocks blocks_of(const ThreeLayerConvNetOptions& options) {
  detail::check_image_dims(kThreeLayer, options.input_dim);
  detail::check_size(kThreeLayer, "num_filters", options.num_filters);
  detail::check_filter_size(kThreeLayer, "filter_size", options.filter_size);
  detail::check_size(kThreeLayer, "hidden_dim", options.hidden_dim);
  detail::check_common_options(kThreeLayer, options);
  if (options.input_dim[1] < 2 || options.input_dim[2] < 2)
    fail(kThreeLayer, "expected images of at least 2 x 2 before the 2x2 max pool, got ", options.input_dim[1], " x ",
         options.input_dim[2], " after the convolution on input_dim ", options.input_dim);
  const Initial init = detail::initial_of(options);
  return {Conv{.filters = options.num_filters, .size = options.filter_size, .init = init},
          Relu{},
          MaxPool{.size = 2},
          Affine{.outputs = options.hidden_dim, .init = init},
          Relu{},
          Affine{.outputs = options.num_classes, .init = init}};
}

ParameterLayout parameter_layout(const ThreeLayerConvNetOptions& options) {
  const Blocks blocks = blocks_of(options);
  return parameter_layout(options.input_dim, blocks, three_layer_options(options));
}

template <class T>
ThreeLayerConvNet<T>::ThreeLayerConvNet(const Options& options, RandomState& random, Weights weights)
    : Net<T>(options.input_dim, blocks_of(options), random, three_layer_options(options), weights), options_(options) {}

template class ThreeLayerConvNet<float>;
template class ThreeLayerConvNet<double>;

}  // namespace lamina
