#include "lamina/nets/blocks/max_pool.h"

#include "lamina/check.h"
#include "lamina/layers/max_pool.h"

namespace lamina {
namespace {

template <class T>
class MaxPoolBlock : public Block<T> {
 public:
  explicit MaxPoolBlock(const MaxPool& options)
      : param_{options.size, options.size, options.stride.value_or(options.size), Layout::nhwc} {}

  Layout wants(Layout) const override { return Layout::nhwc; }

  Example declare(const Example& input, Declaration& declaration) override {
    const Index k = param_.pool_height;
    if (!input.is_image() || input.shape[1] < k || input.shape[2] < k)
      fail(declaration.where(), "expected images (C, H, W) of at least ", k, " x ", k, " before 'max_pool ", k,
           "', got examples of shape ", input.shape);
    output_ = {input.shape[0], 1 + (input.shape[1] - k) / param_.stride, 1 + (input.shape[2] - k) / param_.stride};
    return {output_, Layout::nhwc};
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>&) override {
    max_pool_forward(x, param_, out_, cache_);
    return out_;
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) override {
    if (!dx) return {};
    max_pool_backward(dout, cache_, *dx);
    return *dx;
  }

  void describe(SummaryWriter& summary) const override {
    const std::string side = std::to_string(param_.pool_height);
    summary.line(side + "x" + side + " max pool, stride " + std::to_string(param_.stride), output_,
                 2 * output_.size());  // the pooled images and the positions of the maxima
  }

 private:
  PoolParam param_;
  Shape output_;
  PoolCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace

void MaxPool::visit(BlockVisitor& v) {
  v.number("size", size);
  v.option("stride", stride, 1);
}

template <class T>
std::unique_ptr<Block<T>> MaxPool::make() const {
  return std::make_unique<MaxPoolBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> MaxPool::make() const;
template std::unique_ptr<Block<double>> MaxPool::make() const;

}  // namespace lamina
