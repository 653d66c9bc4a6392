// `batchnorm [momentum X] [eps X] [no_scale] [init zeros]`: batch normalization of vectors, or of each channel of
// images.
#pragma once

#include "lamina/layers/batchnorm.h"
#include "lamina/nets/block.h"

namespace lamina {

struct BatchNorm {
  static constexpr std::string_view kName = "batchnorm";
  double momentum = 0.9;  ///< weight of the old running average
  double eps = 1e-5;
  bool init_zeros = false;  ///< gamma is 0 at first, as in the last normalization of a residual block
  bool no_scale = false;    ///< no gamma and no beta: out = x^
  UpdateFactors update = {};

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

template <class T>
class BatchNormBlock : public Block<T> {
 public:
  explicit BatchNormBlock(const BatchNorm& options);

  Layout wants(Layout) const override { return Layout::nhwc; }
  Example declare(const Example& input, Declaration& declaration) override;
  void draw(Parameters<T>& params, RandomState& random) const override;
  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override;
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override;
  bool learns() const override { return !options_.no_scale; }
  void describe(SummaryWriter& summary) const override;
  void view(std::vector<LayerView<T>>& views, bool follows) const override;
  void buffers(std::vector<NamedTensor<T>>& buffers) override;
  void normalizations(std::vector<BatchNormParam<T>*>& params) override { params.push_back(&param_); }

  /// The names of its parameters; empty without a scale.
  const std::string& gamma() const { return gamma_; }
  const std::string& beta() const { return beta_; }
  /// The values for its layer, and where it may write their gradients. Without a scale, they are not in the pass.
  TensorView<T> gamma(const Pass<T>& pass) { return options_.no_scale ? ones_ : pass.param(gamma_); }
  TensorView<T> beta(const Pass<T>& pass) { return options_.no_scale ? zeros_ : pass.param(beta_); }
  TensorView<T> dgamma(const Pass<T>& pass) { return options_.no_scale ? unused_[0] : pass.grad(gamma_); }
  TensorView<T> dbeta(const Pass<T>& pass) { return options_.no_scale ? unused_[1] : pass.grad(beta_); }
  BatchNormParam<T>& param() { return param_; }

 private:
  BatchNorm options_;
  std::string number_, gamma_, beta_;
  Shape shape_;
  BatchNormParam<T> param_;
  BatchNormCache<T> cache_;
  Tensor<T> out_;
  Tensor<T> ones_, zeros_, unused_[2];  // (C,), without a scale
};

}  // namespace lamina
