// What the blocks of elementwise layers share. `relu` has a class of its own, by which sandwiches find it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "lamina/nets/block.h"

namespace lamina {

/// A block without parameters that computes each element of its output from the same element of its input.
template <class T, class Cache, class Forward, class Backward>
class ElementwiseBlock : public Block<T> {
 public:
  ElementwiseBlock(std::string_view name, Forward forward, Backward backward)
      : name_(name), forward_(std::move(forward)), backward_(std::move(backward)) {}

  Example declare(const Example& input, Declaration&) override {
    shape_ = input.shape;
    return input;
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>&) override {
    forward_(x, out_, cache_);
    return out_;
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) override {
    if (!dx) return {};
    backward_(dout, cache_, *dx);
    return *dx;
  }

  void describe(SummaryWriter& summary) const override { summary.elementwise(name_, shape_, false); }

 private:
  std::string name_;
  Forward forward_;
  Backward backward_;
  Shape shape_;
  Cache cache_;
  Tensor<T> out_;
};

/// The block of a layer whose passes are forward(x, out, cache) and backward(dout, cache, dx). `name` is what a summary
/// calls it.
template <class T, class Cache, class Forward, class Backward>
std::unique_ptr<Block<T>> elementwise_block(std::string_view name, Forward forward, Backward backward) {
  return std::make_unique<ElementwiseBlock<T, Cache, Forward, Backward>>(name, std::move(forward), std::move(backward));
}

}  // namespace lamina
