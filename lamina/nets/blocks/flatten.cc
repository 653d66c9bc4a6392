#include "lamina/nets/blocks/flatten.h"

namespace lamina {
namespace {

template <class T>
class FlattenBlock : public Block<T> {
 public:
  Layout wants(Layout) const override { return Layout::nchw; }

  Example declare(const Example& input, Declaration&) override {
    size_ = input.shape.size();
    return {Shape{size_}};
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>&) override {
    x_shape_ = x.shape();
    return x.reshaped({x.dim(0), size_});
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>*) override {
    return dout.reshaped(x_shape_);
  }

  void describe(SummaryWriter& summary) const override { summary.line("flatten", Shape{size_}, 0); }

 private:
  Index size_ = 0;
  Shape x_shape_;
};

}  // namespace

template <class T>
std::unique_ptr<Block<T>> Flatten::make() const {
  return std::make_unique<FlattenBlock<T>>();
}
template std::unique_ptr<Block<float>> Flatten::make() const;
template std::unique_ptr<Block<double>> Flatten::make() const;

}  // namespace lamina
