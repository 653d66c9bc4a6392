// `conv F KxL [stride S] [pad P] [dilation D] [groups G] [no_bias]`: convolution of images with F filters of K x L. S,
// P and D are one number, or one for the height and one for the width, such as 2x1. The defaults are stride 1 and pad
// (K - 1) / 2 x (L - 1) / 2, which keep the images' size if K and L are odd and the dilation is 1.
#pragma once

#include "lamina/layers/conv.h"
#include "lamina/nets/block.h"

namespace lamina {

struct Conv {
  static constexpr std::string_view kName = "conv";
  Index filters = 0;                   ///< F
  Sides size = 3;                      ///< K x L
  std::optional<Sides> stride = {};    ///< S; 1 by default
  std::optional<Sides> pad = {};       ///< P; (K - 1) / 2 x (L - 1) / 2 by default
  std::optional<Sides> dilation = {};  ///< D; 1 by default
  std::optional<Index> groups = {};    ///< G; 1 by default
  bool no_bias = false;                ///< whether there is no b
  Initial init = {};
  UpdateFactors update = {};

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

template <class T>
class ConvBlock : public Block<T> {
 public:
  explicit ConvBlock(const Conv& options) : options_(options) {}

  Layout wants(Layout) const override { return Layout::nhwc; }
  Example declare(const Example& input, Declaration& declaration) override;
  void draw(Parameters<T>& params, RandomState& random) const override;
  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override;
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override;
  bool learns() const override { return true; }
  void describe(SummaryWriter& summary) const override;
  void view(std::vector<LayerView<T>>& views, bool follows) const override;

  const std::string& W() const { return W_; }
  const std::string& b() const { return b_; }  ///< empty without a bias
  const ConvParam& param() const { return param_; }

 private:
  Conv options_;
  std::string W_, b_;
  ConvParam param_;
  Shape filter_bank_, output_;  // (F, C / G, K, L) and (F, OH, OW)
  ConvCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace lamina
