// [conv - (batch norm) - relu - (max pool)] x M - (global average pool) - affine - softmax; by default one 2x2 max
// pool, after the last convolution.
#pragma once

#include <string>
#include <vector>

#include "lamina/layers/affine.h"
#include "lamina/layers/global_average_pool.h"
#include "lamina/layers/max_pool.h"
#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/sandwiches/conv_bn_relu.h"
#include "lamina/sandwiches/conv_relu.h"

namespace lamina {

struct ConvNetOptions {
  Shape input_dim = {3, 32, 32};  ///< (C, H, W)
  std::vector<Index> num_filters = {32, 32};
  std::vector<Index> filter_sizes = {7, 3};  ///< odd; pad is (k - 1) / 2
  Index num_classes = 10;
  double weight_scale = 1e-3;
  double reg = 0;
  bool use_batch_norm = true;
  Index conv_stride = 1;                  ///< of every convolution
  Precision precision = Precision::full;  ///< of the products
  std::vector<Index> conv_strides = {};   ///< one a convolution; empty: conv_stride
  /// Side and stride of the max pooling after each convolution's relu, 1 for none; empty: 2 after the last one alone.
  std::vector<Index> pools = {};
  bool global_average = false;  ///< the affine layer takes each channel's mean instead of all pixels
};

/// Names and shapes of the parameters. Throws std::invalid_argument where the options are not those of a net.
ParameterLayout parameter_layout(const ConvNetOptions& options);

/// The notebooks' ConvNet: W_1 b_1 [gamma1 beta1] ... W_{M+1} b_{M+1}. The affine layer sees the pooled images in
/// (C, H, W) order; inside, activations are channels last.
template <class T>
class ConvNet : public Net<T> {
 public:
  using Options = ConvNetOptions;

  /// Draws each filter bank in layer order, then the affine layer's matrix. Errors as parameter_layout's.
  ConvNet(const Options& options, RandomState& random, Weights weights = Weights::drawn);

  using Net<T>::loss;
  const Tensor<T>& loss(const TensorView<T>& X) override;
  LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y) override;
  std::vector<NamedTensor<T>> buffers() override;  // running_mean1 running_var1 ...
  NetSummary summary() const override;
  std::vector<LayerView<T>> layers() const override;
  const Options& options() const { return options_; }
  /// Of convolution i, from 0 on: its running averages, momentum and eps. Throws std::invalid_argument where there is
  /// no such convolution.
  BatchNormParam<T>& bn_param(std::size_t i) { return detail::layer_at(conv_, i, "ConvNet::bn_param").bn_param; }

  /// The same parameters and running averages in another precision.
  template <class U>
  ConvNet<U> to() const;

 private:
  template <class U>
  friend class ConvNet;
  ConvNet() = default;

  struct ConvLayer {
    std::string W, b, gamma, beta;  // names
    ConvParam conv_param;
    BatchNormParam<T> bn_param;
    ConvBnReluCache<T> bn_cache;  // one of the two is used
    ConvReluCache<T> cache;
    Tensor<T> out, pooled;
    Index pool = 1;
    PoolCache<T> pool_cache;
    const Tensor<T>& result() const { return pool > 1 ? pooled : out; }
  };
  void make_layers();
  void forward(const TensorView<T>& X, Mode mode);

  Options options_;
  Tensor<T> input_nhwc_;
  std::vector<ConvLayer> conv_;
  Tensor<T> features_, dfeatures_;  // what the affine layer sees, channels first
  Tensor<T> dlast_;                 // of the last convolution, pooled
  GlobalAveragePoolCache average_cache_;
  std::string score_W_, score_b_;
  AffineCache<T> score_cache_;
  Tensor<T> scores_, dscores_;
  Tensor<T> dout_[2];   // of convolution i, pooled: dout_[i % 2]; of the last one before its pooling
  Tensor<T> unpooled_;  // the gradient before a pooling
};

}  // namespace lamina
