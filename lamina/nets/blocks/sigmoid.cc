#include "lamina/nets/blocks/sigmoid.h"

#include "lamina/layers/sigmoid.h"

namespace lamina {
namespace {

template <class T>
class SigmoidBlock : public Block<T> {
 public:
  Example declare(const Example& input, Declaration&) override {
    shape_ = input.shape;
    return input;
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>&) override {
    sigmoid_forward(x, out_, cache_);
    return out_;
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) override {
    if (!dx) return {};
    sigmoid_backward(dout, cache_, *dx);
    return *dx;
  }

  void describe(SummaryWriter& summary) const override { summary.elementwise("sigmoid", shape_, false); }

 private:
  Shape shape_;
  SigmoidCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace

template <class T>
std::unique_ptr<Block<T>> Sigmoid::make() const {
  return std::make_unique<SigmoidBlock<T>>();
}
template std::unique_ptr<Block<float>> Sigmoid::make() const;
template std::unique_ptr<Block<double>> Sigmoid::make() const;

}  // namespace lamina
