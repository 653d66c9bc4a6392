// `dropout KEEP [seed S]`: inverted dropout; KEEP is the probability of keeping a value.
#pragma once

#include <span>
#include <vector>

#include "lamina/layers/dropout.h"
#include "lamina/nets/block.h"

namespace lamina {

struct Dropout {
  static constexpr std::string_view kName = "dropout";
  double keep = 1;                 ///< above 0 and at most 1; 1: nothing is dropped
  std::optional<Index> seed = {};  ///< if given, every training pass first re-seeds the run's stream with it

  void visit(BlockVisitor& v);
  template <class T>
  std::unique_ptr<Block<T>> make() const;
};

template <class T>
class DropoutBlock : public Block<T> {
 public:
  explicit DropoutBlock(const Dropout& options);

  /// The mask is drawn in the order of the public layout, (N, C, H, W).
  Layout wants(Layout) const override { return Layout::nchw; }
  Example declare(const Example& input, Declaration& declaration) override;
  void draw_slots(std::span<const Index> starts, RandomState& random) override;
  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override;
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override;
  void describe(SummaryWriter& summary) const override;
  void dropouts(std::vector<DropoutParam*>& params) override { params.push_back(&param_); }

  /// How, and from which stream, this pass draws.
  DropoutParam param(const Pass<T>& pass) const;
  RandomState* stream(const Pass<T>& pass) { return pass.slot ? &slots_[*pass.slot] : pass.random; }

 private:
  DropoutParam param_;
  Shape shape_;
  bool dropped_ = false;  // in the last pass
  DropoutCache<T> cache_;
  Tensor<T> out_;
  std::vector<RandomState> slots_;  // of draw_slots(): each one's stream, before its first draw
};

}  // namespace lamina
