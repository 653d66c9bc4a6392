// `batchnorm [momentum X] [eps X]`: batch normalization of vectors, or of each channel of images.
#pragma once

#include "lamina/layers/batchnorm.h"
#include "lamina/nets/block.h"

namespace lamina {

struct BatchNorm {
  static constexpr std::string_view kName = "batchnorm";
  double momentum = 0.9;  ///< weight of the old running average
  double eps = 1e-5;
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
  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override;
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override;
  bool learns() const override { return true; }
  void describe(SummaryWriter& summary) const override;
  void view(std::vector<LayerView<T>>& views, bool follows) const override;
  void buffers(std::vector<NamedTensor<T>>& buffers) override;
  void normalizations(std::vector<BatchNormParam<T>*>& params) override { params.push_back(&param_); }

  const std::string& gamma() const { return gamma_; }
  const std::string& beta() const { return beta_; }
  BatchNormParam<T>& param() { return param_; }

 private:
  UpdateFactors update_;
  std::string number_, gamma_, beta_;
  Shape shape_;
  BatchNormParam<T> param_;
  BatchNormCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace lamina
