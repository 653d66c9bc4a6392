// [conv - (batch norm) - relu] x M - 2x2 max pool - affine - softmax.
#pragma once

#include <string>
#include <vector>

#include "lamina/layers/affine.h"
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
  ConvNet(const Options& options, RandomState& random);

  using Net<T>::loss;
  const Tensor<T>& loss(const TensorView<T>& X) override;
  LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y) override;
  std::vector<NamedTensor<T>> buffers() override;  // running_mean1 running_var1 ...
  NetSummary summary() const override;
  const Options& options() const { return options_; }

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
    Tensor<T> out;
  };
  void make_layers();
  void forward(const TensorView<T>& X, Mode mode);

  Options options_;
  Tensor<T> input_nhwc_;
  std::vector<ConvLayer> conv_;
  PoolCache<T> pool_cache_;
  Tensor<T> pooled_, dpooled_, pooled_nchw_, dpooled_nchw_;
  std::string score_W_, score_b_;
  AffineCache<T> score_cache_;
  Tensor<T> scores_, dscores_;
  Tensor<T> dout_[2];  // of convolution i: dout_[i % 2]
};

}  // namespace lamina
