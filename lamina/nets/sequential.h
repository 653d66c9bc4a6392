// A list of blocks, one after the other, which is a block itself.
#pragma once

#include <memory>
#include <vector>

#include "lamina/nets/block.h"

namespace lamina {

/// Runs its blocks in order. Between blocks that want images in different orders it puts a change of layout, and
/// neighbours that have a sandwich run as one step, to the same bits as one after the other (fused.h).
template <class T>
class Sequential : public Block<T> {
 public:
  explicit Sequential(const Blocks& blocks);

  Example declare(const Example& input, Declaration& declaration) override;
  /// Where images come out of it in another order than this, adds a change of layout. Comes after declare().
  void end_in(Layout layout);

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override;
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override;

  // What a net asks of its blocks, asked of each in turn.
  void draw(Parameters<T>& params, RandomState& random) const override;
  Index draws(Index N) const override;
  bool learns() const override;
  void describe(SummaryWriter& summary) const override;
  void view(std::vector<LayerView<T>>& views, bool follows) const override;
  void buffers(std::vector<NamedTensor<T>>& buffers) override;
  void normalizations(std::vector<BatchNormParam<T>*>& params) override;
  void dropouts(std::vector<DropoutParam*>& params) override;

 private:
  void add_layout_change(const Shape& images, Layout to);

  std::vector<std::unique_ptr<Block<T>>> blocks_;  // as they are written
  std::vector<std::unique_ptr<Step<T>>> between_;  // sandwiches and changes of layout
  std::vector<Step<T>*> steps_;                    // what a pass goes through
  Example output_;
  std::size_t first_learning_ = 0;  // the first step that has parameters; none: steps_.size()
  Tensor<T> gradients_[2];          // of a step's input and output, by turns
};

}  // namespace lamina
