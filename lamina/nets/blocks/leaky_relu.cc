#include "lamina/nets/blocks/leaky_relu.h"

#include "lamina/layers/leaky_relu.h"

namespace lamina {
namespace {

template <class T>
class LeakyReluBlock : public Block<T> {
 public:
  explicit LeakyReluBlock(const LeakyRelu& options) : slope_(options.slope) {}

  Example declare(const Example& input, Declaration&) override {
    shape_ = input.shape;
    return input;
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>&) override {
    leaky_relu_forward(x, slope_, out_, cache_);
    return out_;
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) override {
    if (!dx) return {};
    leaky_relu_backward(dout, cache_, *dx);
    return *dx;
  }

  void describe(SummaryWriter& summary) const override { summary.elementwise("leaky relu", shape_, false); }

 private:
  double slope_;
  Shape shape_;
  LeakyReluCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace

void LeakyRelu::visit(BlockVisitor& v) { v.number("slope", slope, {}, 0.01); }

template <class T>
std::unique_ptr<Block<T>> LeakyRelu::make() const {
  return std::make_unique<LeakyReluBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> LeakyRelu::make() const;
template std::unique_ptr<Block<double>> LeakyRelu::make() const;

}  // namespace lamina
