// `affine M [no_bias]`: out = x W + b, or x W without a bias. An image (C, H, W) is read as a vector of its C H W
// values, in that order. It also takes the options of initial weights and updates (block_text.h), as conv does.
#pragma once

#include "lamina/layers/affine.h"
#include "lamina/nets/block.h"

namespace lamina {

template <class T>
class AffineBlock;

struct Affine {
  static constexpr std::string_view kName = "affine";
  Index outputs = 0;     ///< M
  bool no_bias = false;  ///< there is no b
  Initial init = {};
  UpdateFactors update = {};

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

template <class T>
class AffineBlock : public Block<T> {
 public:
  explicit AffineBlock(const Affine& options) : options_(options) {}

  Layout wants(Layout) const override { return Layout::nchw; }
  Example declare(const Example& input, Declaration& declaration) override;
  void draw(Parameters<T>& params, RandomState& random) const override;
  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override;
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override;
  bool learns() const override { return true; }
  void describe(SummaryWriter& summary) const override;
  void view(std::vector<LayerView<T>>& views, bool follows) const override;

  const std::string& W() const { return W_; }
  const std::string& b() const { return b_; }
  Precision precision() const { return precision_; }

 private:
  Affine options_;
  std::string W_, b_;
  Index inputs_ = 0;
  Precision precision_ = Precision::full;
  AffineCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace lamina
