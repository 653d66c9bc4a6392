// `layernorm [eps X] [init zeros]`: layer normalization over all values of an example.
#pragma once

#include "lamina/layers/layernorm.h"
#include "lamina/nets/block.h"

namespace lamina {

struct LayerNorm {
  static constexpr std::string_view kName = "layernorm";
  double eps = 1e-5;
  bool init_zeros = false;  ///< gamma is 0 at first, as in the last normalization of a residual block
  UpdateFactors update = {};

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

template <class T>
class LayerNormBlock : public Block<T> {
 public:
  explicit LayerNormBlock(const LayerNorm& options) : options_(options) { param_.eps = options.eps; }

  Layout wants(Layout) const override { return Layout::nchw; }
  Example declare(const Example& input, Declaration& declaration) override;
  void draw(Parameters<T>& params, RandomState& random) const override;
  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override;
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override;
  bool learns() const override { return true; }
  void describe(SummaryWriter& summary) const override;
  void view(std::vector<LayerView<T>>& views, bool follows) const override;
  void normalizations(std::vector<BatchNormParam<T>*>& params) override { params.push_back(&param_); }

  const std::string& gamma() const { return gamma_; }
  const std::string& beta() const { return beta_; }
  BatchNormParam<T>& param() { return param_; }

 private:
  LayerNorm options_;
  std::string gamma_, beta_;
  Shape shape_;
  BatchNormParam<T> param_;  // the type that normalizations() lists; only its eps is used
  LayerNormCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace lamina
