// `relu`: max(0, x), elementwise.
#pragma once

#include "lamina/layers/relu.h"
#include "lamina/nets/block.h"

namespace lamina {

struct Relu {
  static constexpr std::string_view kName = "relu";

  void visit(BlockVisitor&) {}
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

template <class T>
class ReluBlock : public Block<T> {
 public:
  Example declare(const Example& input, Declaration&) override;
  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override;
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override;
  void describe(SummaryWriter& summary) const override { summary.relu(shape_); }

 private:
  Shape shape_;
  ReluCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace lamina
