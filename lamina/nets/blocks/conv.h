// `conv F KxK [stride S] [pad P]`: convolution of images with F filters. The defaults are stride 1 and pad (K - 1) / 2,
// which keep the images' size if K is odd.
#pragma once

#include "lamina/layers/conv.h"
#include "lamina/nets/block.h"

namespace lamina {

struct Conv {
  static constexpr std::string_view kName = "conv";
  Index filters = 0;                 ///< F
  Index size = 3;                    ///< K, the side of a filter
  std::optional<Index> stride = {};  ///< S; 1 by default
  std::optional<Index> pad = {};     ///< P; (K - 1) / 2 by default
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
  const std::string& b() const { return b_; }
  const ConvParam& param() const { return param_; }

 private:
  Conv options_;
  std::string W_, b_;
  ConvParam param_;
  Shape filter_bank_, output_;  // (F, C, K, K) and (F, OH, OW)
  ConvCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace lamina
