// conv - relu - 2x2 max pool - affine - relu - affine - softmax. blocks_of() in three_layer_conv_net.cc is the list of
// blocks.
#pragma once

#include "lamina/nets/net.h"
#include "lamina/options.h"

namespace lamina {

struct ThreeLayerConvNetOptions {
  Shape input_dim = {3, 32, 32};  ///< (C, H, W)
  Index num_filters = 32;
  Index filter_size = 7;  ///< odd; stride 1, pad (k - 1) / 2
  Index hidden_dim = 100;
  Index num_classes = 10;
  double weight_scale = 1e-3;
  double reg = 0;
  Precision precision = Precision::full;  ///< of the matrix products
  FirstWeights init = FirstWeights::normal;
};

/// Visits the options that this net has and others do not; NetConfig (net_config.h) has those of all nets.
void visit_options(ThreeLayerConvNetOptions& options, const VisitOption& visit);

/// The net as a list of blocks. Throws std::invalid_argument if the options do not describe a net.
Blocks blocks_of(const ThreeLayerConvNetOptions& options);
/// Names and shapes of the parameters. Throws as blocks_of() does.
ParameterLayout parameter_layout(const ThreeLayerConvNetOptions& options);

/// The notebooks' ThreeLayerConvNet: W1 (F, C, k, k), b1, W2 (F H/2 W/2, hidden), b2, W3 (hidden, classes), b3.
template <class T>
class ThreeLayerConvNet : public Net<T> {
 public:
  using Options = ThreeLayerConvNetOptions;
  using LossOf = ThreeLayerConvNet;

  /// Draws W1, W2, W3 in this order. Throws as blocks_of() does.
  ThreeLayerConvNet(const Options& options, RandomState& random, Weights weights = Weights::drawn);
  template <class U>
  explicit ThreeLayerConvNet(const ThreeLayerConvNet<U>& other) : Net<T>(other), options_(other.options()) {
    options_.precision = this->net_options().precision;
  }

  const Options& options() const { return options_; }
  /// The same parameters in another precision.
  template <class U>
  ThreeLayerConvNet<U> to() const {
    return ThreeLayerConvNet<U>(*this);
  }

 private:
  Options options_;
};

}  // namespace lamina
