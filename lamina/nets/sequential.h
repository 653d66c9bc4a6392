// A list of blocks, one after the other, which is a block itself.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "lamina/nets/block.h"

namespace lamina {

/// Runs its blocks in order. Between blocks that take images in different layouts it inserts a change of layout.
/// Adjacent blocks for which there is a sandwich run as one step, with bit-identical results (fused.h).
template <class T>
class Sequential : public Block<T> {
 public:
  explicit Sequential(const Blocks& blocks);

  Example declare(const Example& input, Declaration& declaration) override;
  /// Makes its output images have this layout, by a change of layout at the end if needed. To be called after
  /// declare().
  void end_in(Layout layout);

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override;
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override;

  // These call the same function of each block in turn.
  void draw(Parameters<T>& params, RandomState& random) const override;
  void draw_slots(std::span<const Index> starts, RandomState& random) override;
  bool learns() const override;
  void describe(SummaryWriter& summary) const override;
  void view(std::vector<LayerView<T>>& views, bool follows) const override;
  void buffers(std::vector<NamedTensor<T>>& buffers) override;
  void normalizations(std::vector<BatchNormParam<T>*>& params) override;
  void dropouts(std::vector<DropoutParam*>& params) override;

 private:
  void add(const Blocks& list);
  void add_layout_change(const Shape& images, Layout to);

  std::vector<std::unique_ptr<Block<T>>> blocks_;   // in the order of the list; repeat is unrolled
  std::vector<std::optional<std::size_t>> places_;  // of each, in the net's text
  std::vector<std::unique_ptr<Step<T>>> between_;   // sandwiches and changes of layout
  std::vector<Step<T>*> steps_;                     // the steps of a pass, owned by the two vectors above
  Example output_;
  std::size_t first_learning_ = 0;  // the first step that has parameters; steps_.size() if there is none
  Tensor<T> gradients_[2];          // of a step's input and output, which swap roles at each step
};

}  // namespace lamina
