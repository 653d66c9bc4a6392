// [conv - (batch norm) - relu - (max pool)] x M - (global average pool) - affine - softmax; by default with a single
// 2x2 max pool, after the last convolution. blocks_of() in conv_net.cc is the list of blocks.
#pragma once

#include <vector>

#include "lamina/nets/net.h"
#include "lamina/options.h"

namespace lamina {

struct ConvNetOptions {
  Shape input_dim = {3, 32, 32};  ///< (C, H, W)
  std::vector<Index> num_filters = {32, 32};
  std::vector<Index> filter_sizes = {7, 3};  ///< odd; pad is (k - 1) / 2
  Index num_classes = 10;
  double weight_scale = 1e-3;
  double reg = 0;
  bool use_batch_norm = true;
  std::vector<Index> conv_strides = {1};  ///< one for all convolutions, or one each
  Precision precision = Precision::full;  ///< of the matrix products
  /// Side and stride of the max pooling after each convolution's relu, 1 for none; if empty, 2 after the last relu
  /// only.
  std::vector<Index> pools = {};
  bool global_average = false;  ///< the affine layer takes each channel's mean instead of all pixels
  FirstWeights init = FirstWeights::normal;
};

/// Visits the options that this net has and others do not; NetConfig (net_config.h) has those of all nets.
void visit_options(ConvNetOptions& options, const VisitOption& visit);

/// The net as a list of blocks. Throws std::invalid_argument if the options do not describe a net.
Blocks blocks_of(const ConvNetOptions& options);
/// Names and shapes of the parameters. Throws as blocks_of() does.
ParameterLayout parameter_layout(const ConvNetOptions& options);

/// The notebooks' ConvNet: W_1 b_1 [gamma1 beta1] ... W_{M+1} b_{M+1}. The affine layer sees the pooled images in
/// (C, H, W) order; inside, activations are channels last.
template <class T>
class ConvNet : public Net<T> {
 public:
  using Options = ConvNetOptions;
  using LossOf = ConvNet;

  /// Draws each filter bank in layer order, then the affine layer's matrix. Throws as blocks_of() does.
  ConvNet(const Options& options, RandomState& random, Weights weights = Weights::drawn);
  template <class U>
  explicit ConvNet(const ConvNet<U>& other) : Net<T>(other), options_(other.options()) {
    options_.precision = this->net_options().precision;
  }

  const Options& options() const { return options_; }
  /// The same parameters and running averages in another precision.
  template <class U>
  ConvNet<U> to() const {
    return ConvNet<U>(*this);
  }

 private:
  Options options_;
};

}  // namespace lamina
