#include "lamina/nets/conv_net.h"

#include "lamina/nets/blocks/affine.h"
#include "lamina/nets/blocks/batchnorm.h"
#include "lamina/nets/blocks/conv.h"
#include "lamina/nets/blocks/global_average_pool.h"
#include "lamina/nets/blocks/max_pool.h"
#include "lamina/nets/blocks/relu.h"
#include "lamina/nets/net_parts.h"

namespace lamina {
namespace {

constexpr const char* kWhere = "ConvNet";

Index stride_of(const ConvNetOptions& options, std::size_t i) {
  return options.conv_strides.size() == 1 ? options.conv_strides[0] : options.conv_strides[i];
}

Index pool_of(const ConvNetOptions& options, std::size_t i) {
  if (options.pools.empty()) return i + 1 == options.num_filters.size() ? 2 : 1;
  return options.pools[i];
}

// `otherwise` is how many values stand for something else than one for each convolution.
void check_each(const char* name, const std::vector<Index>& values, std::size_t M, std::size_t otherwise) {
  if (values.size() != M && values.size() != otherwise)
    fail(kWhere, "expected as many ", name, " as num_filters, ", M, ", or ", otherwise == 0 ? "none" : "one", ", got ",
         values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    detail::check_size(kWhere, name + ("[" + std::to_string(i) + "]"), values[i]);
}

// Throws if an image becomes smaller than its pooling window. With a pad of (k - 1) / 2, stride s turns a height of H
// into 1 + floor((H - 1) / s).
void check_pools(const ConvNetOptions& options) {
  Index H = options.input_dim[1], W = options.input_dim[2];
  for (std::size_t i = 0; i < options.num_filters.size(); ++i) {
    const Index stride = stride_of(options, i), pool = pool_of(options, i), k = options.filter_sizes[i];
    H = 1 + (H - 1) / stride;
    W = 1 + (W - 1) / stride;
    if (H < pool || W < pool)
      fail(kWhere, "expected images of at least ", pool, " x ", pool, " before the ", pool, "x", pool,
           " max pool, got ", H, " x ", W, " after convolution ", i + 1, " (", k, "x", k, ", stride ", stride,
           ") on input_dim ", options.input_dim);
    H /= pool;
    W /= pool;
  }
}

void check_conv_net_options(const ConvNetOptions& options) {
  detail::check_image_dims(kWhere, options.input_dim);
  detail::check_common_options(kWhere, options);
  const std::size_t M = options.num_filters.size();
  if (M == 0 || options.filter_sizes.size() != M)
    fail(kWhere, "expected as many filter_sizes as num_filters, at least one, got ", options.filter_sizes.size(),
         " and ", M);
  for (std::size_t i = 0; i < M; ++i) {
    const std::string at = "[" + std::to_string(i) + "]";
    detail::check_size(kWhere, "num_filters" + at, options.num_filters[i]);
    detail::check_filter_size(kWhere, "filter_sizes" + at, options.filter_sizes[i]);
  }
  check_each("conv_strides", options.conv_strides, M, 1);
  check_each("pools", options.pools, M, 0);
  check_pools(options);
}

NetOptions conv_net_options(const ConvNetOptions& options) {
  return {.reg = options.reg, .precision = options.precision, .name = kWhere, .separator = "_"};
}

}  // namespace

void visit_options(ConvNetOptions& options, const VisitOption& visit) {
  visit({.name = "num_filters", .help = "Filters of each convolution, comma-separated", .range = {1, 100'000}},
        &options.num_filters);
  visit({.name = "filter_sizes",
         .help = "Side of each convolution's filters in pixels, odd, as many as --num-filters",
         .range = {1, 1023}},
        &options.filter_sizes);
  visit({.name = "conv_strides",
         .help = "Step of the convolutions in pixels, one for all or one each",
         .range = {1, 1024},
         .flag = "conv-stride",
         .newer = true},
        &options.conv_strides);
  visit({.name = "pools",
         .help = "Side and step of the max pooling after each convolution, 1 for none [2 after the last one]",
         .range = {1, 1024},
         .flag = "pool",
         .newer = true},
        &options.pools);
  visit({.name = "global_average",
         .help = "The affine layer takes the mean of each channel instead of all its pixels",
         .newer = true},
        &options.global_average);
  visit({.name = "use_batch_norm", .help = "No batch normalization after the convolutions", .flag = "no-batch-norm"},
        &options.use_batch_norm);
}

Blocks blocks_of(const ConvNetOptions& options) {
  check_conv_net_options(options);
  const Initial init = detail::initial_of(options);
  Blocks blocks;
  for (std::size_t i = 0; i < options.num_filters.size(); ++i) {
    Conv conv{.filters = options.num_filters[i], .size = options.filter_sizes[i], .init = init};
    if (const Index stride = stride_of(options, i); stride != 1) conv.stride = stride;
    blocks.emplace_back(conv);
    if (options.use_batch_norm) blocks.emplace_back(BatchNorm{});
    blocks.emplace_back(Relu{});
    if (const Index pool = pool_of(options, i); pool > 1) blocks.emplace_back(MaxPool{.size = pool});
  }
  if (options.global_average) blocks.emplace_back(GlobalAveragePool{});
  blocks.emplace_back(Affine{.outputs = options.num_classes, .init = init});
  return blocks;
}

ParameterLayout parameter_layout(const ConvNetOptions& options) {
  const Blocks blocks = blocks_of(options);
  return parameter_layout(options.input_dim, blocks, conv_net_options(options));
}

template <class T>
ConvNet<T>::ConvNet(const Options& options, RandomState& random, Weights weights)
    : Net<T>(options.input_dim, blocks_of(options), random, conv_net_options(options), weights), options_(options) {}

template class ConvNet<float>;
template class ConvNet<double>;

}  // namespace lamina
