// conv - relu - 2x2 max pool - affine - relu - affine - softmax.
#pragma once

#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/sandwiches/affine_relu.h"
#include "lamina/sandwiches/conv_relu_pool.h"

namespace lamina {

struct ThreeLayerConvNetOptions {
  Shape input_dim = {3, 32, 32};  ///< (C, H, W)
  Index num_filters = 32;
  Index filter_size = 7;  ///< odd; stride 1, pad (k - 1) / 2
  Index hidden_dim = 100;
  Index num_classes = 10;
  double weight_scale = 1e-3;
  double reg = 0;
  Precision precision = Precision::full;  ///< of the products
};

/// Names and shapes of the parameters. Throws std::invalid_argument where the options are not those of a net.
ParameterLayout parameter_layout(const ThreeLayerConvNetOptions& options);

/// The notebooks' ThreeLayerConvNet: W1 (F, C, k, k), b1, W2 (F H/2 W/2, hidden), b2, W3 (hidden, classes), b3.
template <class T>
class ThreeLayerConvNet : public Net<T> {
 public:
  using Options = ThreeLayerConvNetOptions;

  /// Draws W1, W2, W3 in this order. Errors as parameter_layout's.
  ThreeLayerConvNet(const Options& options, RandomState& random, Weights weights = Weights::drawn);

  using Net<T>::loss;
  const Tensor<T>& loss(const TensorView<T>& X) override;
  LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y) override;
  NetSummary summary() const override;
  std::vector<LayerView<T>> layers() const override;
  const Options& options() const { return options_; }

  /// The same parameters in another precision.
  template <class U>
  ThreeLayerConvNet<U> to() const;

 private:
  template <class U>
  friend class ThreeLayerConvNet;
  ThreeLayerConvNet() = default;

  void forward(const TensorView<T>& X);

  Options options_;
  Tensor<T> input_nhwc_;
  ConvReluPoolCache<T> conv_cache_;
  AffineReluCache<T> hidden_cache_;
  AffineCache<T> score_cache_;
  Tensor<T> pooled_, dpooled_, pooled_nchw_, dpooled_nchw_, hidden_, dhidden_, scores_, dscores_;
};

}  // namespace lamina
