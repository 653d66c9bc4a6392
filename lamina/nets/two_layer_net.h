// affine - relu - affine - softmax. blocks_of() in two_layer_net.cc is the list of blocks.
#pragma once

#include "lamina/nets/net.h"
#include "lamina/options.h"

namespace lamina {

struct TwoLayerNetOptions {
  Index input_dim = 3 * 32 * 32;
  Index hidden_dim = 100;
  Index num_classes = 10;
  double weight_scale = 1e-3;
  double reg = 0;
  Precision precision = Precision::full;  ///< of the matrix products
  FirstWeights init = FirstWeights::normal;
};

/// Visits the options that this net has and others do not; NetConfig (net_config.h) has those of all nets.
void visit_options(TwoLayerNetOptions& options, const VisitOption& visit);

/// The net as a list of blocks. Throws std::invalid_argument if the options do not describe a net.
Blocks blocks_of(const TwoLayerNetOptions& options);
/// Names and shapes of the parameters. Throws as blocks_of() does.
ParameterLayout parameter_layout(const TwoLayerNetOptions& options);

/// The notebooks' TwoLayerNet: W1 (D, H), b1 (H,), W2 (H, C), b2 (C,).
template <class T>
class TwoLayerNet : public Net<T> {
 public:
  using Options = TwoLayerNetOptions;
  using LossOf = TwoLayerNet;

  /// Draws W1, then W2, as weight_scale * randn(shape); biases are zero. Throws as blocks_of() does.
  TwoLayerNet(const Options& options, RandomState& random, Weights weights = Weights::drawn);
  template <class U>
  explicit TwoLayerNet(const TwoLayerNet<U>& other) : Net<T>(other), options_(other.options()) {
    options_.precision = this->net_options().precision;
  }

  const Options& options() const { return options_; }
  /// The same parameters in another precision. `to<double>()` computes what NumPy does if the input is double and W
  /// float.
  template <class U>
  TwoLayerNet<U> to() const {
    return TwoLayerNet<U>(*this);
  }

 private:
  Options options_;
};

}  // namespace lamina
