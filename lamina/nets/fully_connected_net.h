// [affine - (batch or layer norm) - relu - (dropout)] x L - affine - softmax.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/random.h"
#include "lamina/sandwiches/affine_norm_relu_dropout.h"

namespace lamina {

struct FullyConnectedNetOptions {
  std::vector<Index> hidden_dims = {100};
  Index input_dim = 3 * 32 * 32;
  Index num_classes = 10;
  double dropout = 1;  ///< probability of keeping; 1: no dropout
  Normalization normalization = Normalization::none;
  double reg = 0;
  double weight_scale = 1e-2;
  std::optional<std::uint32_t> seed;      ///< of dropout: where given, every dropout layer re-seeds the run's stream
  Precision precision = Precision::full;  ///< of the products
};

/// Names and shapes of the parameters. Throws std::invalid_argument where the options are not those of a net.
ParameterLayout parameter_layout(const FullyConnectedNetOptions& options);

/// The notebooks' FullyConnectedNet: W1 b1 [gamma1 beta1] ... W{L+1} b{L+1}, W of shape (inputs, outputs). X has any
/// rank: (N, d_1, ..., d_k) with d_1 ... d_k = input_dim.
template <class T>
class FullyConnectedNet : public Net<T> {
 public:
  using Options = FullyConnectedNetOptions;

  /// Draws each weight matrix in layer order. `random` is kept for dropout's draws and must outlive the net. Errors
  /// as parameter_layout's.
  FullyConnectedNet(const Options& options, RandomState& random, Weights weights = Weights::drawn);

  using Net<T>::loss;
  const Tensor<T>& loss(const TensorView<T>& X) override;
  LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y) override;
  std::vector<NamedTensor<T>> buffers() override;  // running_mean1 running_var1 ...
  NetSummary summary() const override;
  Index check_batch() const override { return 250; }  // weights, the larger part, are read once for all of them
  std::vector<LayerView<T>> layers() const override;
  const Options& options() const { return options_; }
  /// Of hidden layer i, from 0 on: its running averages and momentum with batch normalization; eps of any of the two.
  /// Throws std::invalid_argument where there is no such layer.
  BatchNormParam<T>& bn_param(std::size_t i) {
    return detail::layer_at(hidden_, i, "FullyConnectedNet::bn_param").bn_param;
  }
  /// Of all hidden layers, from the options: p of 1 leaves dropout out. Its mode is not read.
  DropoutParam& dropout_param() { return dropout_param_; }

  /// The same parameters, running averages and random stream in another precision.
  template <class U>
  FullyConnectedNet<U> to() const;

 private:
  template <class U>
  friend class FullyConnectedNet;
  FullyConnectedNet() = default;

  struct HiddenLayer {
    std::string W, b, gamma, beta;  // names
    BatchNormParam<T> bn_param;
    AffineNormReluDropoutCache<T> cache;
    Tensor<T> out;
  };
  void make_layers();
  void forward(const TensorView<T>& X, Mode mode);

  Options options_;
  RandomState* random_ = nullptr;
  DropoutParam dropout_param_;
  std::vector<HiddenLayer> hidden_;
  std::string score_W_, score_b_;
  AffineCache<T> score_cache_;
  Tensor<T> scores_, dscores_;
  Tensor<T> dout_[2];  // of hidden layer i: dout_[i % 2]
};

}  // namespace lamina
