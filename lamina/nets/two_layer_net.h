// affine - relu - affine - softmax.
#pragma once

#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/sandwiches/affine_relu.h"

namespace lamina {

struct TwoLayerNetOptions {
  Index input_dim = 3 * 32 * 32;
  Index hidden_dim = 100;
  Index num_classes = 10;
  double weight_scale = 1e-3;
  double reg = 0;
  Precision precision = Precision::full;  ///< of the products
};

/// Names and shapes of the parameters. Throws std::invalid_argument where the options are not those of a net.
ParameterLayout parameter_layout(const TwoLayerNetOptions& options);

/// The notebooks' TwoLayerNet: W1 (D, H), b1 (H,), W2 (H, C), b2 (C,).
template <class T>
class TwoLayerNet : public Net<T> {
 public:
  using Options = TwoLayerNetOptions;

  /// Draws W1, then W2, as weight_scale * randn(shape); biases are zero. Errors as parameter_layout's.
  TwoLayerNet(const Options& options, RandomState& random, Weights weights = Weights::drawn);

  using Net<T>::loss;
  const Tensor<T>& loss(const TensorView<T>& X) override;
  LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y) override;
  NetSummary summary() const override;
  Index check_batch() const override { return 250; }  // weights, the larger part, are read once for all of them
  std::vector<LayerView<T>> layers() const override;
  const Options& options() const { return options_; }

  /// The same parameters in another precision: what NumPy computes where the input is double and W float.
  template <class U>
  TwoLayerNet<U> to() const;

 private:
  template <class U>
  friend class TwoLayerNet;
  TwoLayerNet() = default;

  void forward(const TensorView<T>& X);

  Options options_;
  AffineReluCache<T> hidden_cache_;
  AffineCache<T> score_cache_;
  Tensor<T> hidden_, scores_, dscores_, dhidden_;
};

}  // namespace lamina
