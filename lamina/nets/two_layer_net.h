// affine - relu - affine - softmax.
#pragma once

#include "lamina/nets/net.h"

namespace lamina {

struct TwoLayerNetOptions {
  Index input_dim = 3 * 32 * 32;
  Index hidden_dim = 100;
  Index num_classes = 10;
  double weight_scale = 1e-3;
  double reg = 0;
  Precision precision = Precision::full;  ///< of the products
  bool he_init = false;                   ///< weights begin as He et al. propose; weight_scale is not read
};

/// The net as a list of blocks. Throws std::invalid_argument where the options are not those of a net.
Blocks blocks_of(const TwoLayerNetOptions& options);
/// Names and shapes of the parameters. Errors as blocks_of's.
ParameterLayout parameter_layout(const TwoLayerNetOptions& options);

/// The notebooks' TwoLayerNet: W1 (D, H), b1 (H,), W2 (H, C), b2 (C,).
template <class T>
class TwoLayerNet : public Net<T> {
 public:
  using Options = TwoLayerNetOptions;

  /// Draws W1, then W2, as weight_scale * randn(shape); biases are zero. Errors as blocks_of's.
  TwoLayerNet(const Options& options, RandomState& random, Weights weights = Weights::drawn);
  template <class U>
  explicit TwoLayerNet(const TwoLayerNet<U>& other) : Net<T>(other), options_(other.options()) {
    options_.precision = this->net_options().precision;
  }

  const Options& options() const { return options_; }
  /// The same parameters in another precision: what NumPy computes where the input is double and W float.
  template <class U>
  TwoLayerNet<U> to() const {
    return TwoLayerNet<U>(*this);
  }

 private:
  Options options_;
};

}  // namespace lamina
