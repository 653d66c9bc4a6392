#include "lamina/nets/blocks/average_pool.h"

#include <algorithm>
#include <string>

#include "lamina/check.h"
#include "lamina/layers/average_pool.h"

namespace lamina {
namespace {

template <class T>
class AveragePoolBlock : public Block<T> {
 public:
  explicit AveragePoolBlock(const AveragePool& options)
      : param_{.pool_height = options.size,
               .pool_width = options.size,
               .stride = options.stride.value_or(options.size),
               .pad = options.pad.value_or(0),
               .exclude_pad = options.exclude_pad,
               .layout = Layout::nhwc} {}

  Layout wants(Layout) const override { return Layout::nhwc; }

  Example declare(const Example& input, Declaration& declaration) override {
    const Index k = param_.pool_height, pad = param_.pad;
    if (pad > k / 2)
      fail(declaration.where(), "expected a pad of at most ", k / 2, " in 'average_pool ", k, "', got ", pad);
    const Index least = std::max<Index>(k - 2 * pad, 1);  // k <= H + 2 pad
    if (!input.is_image() || input.shape[1] < least || input.shape[2] < least)
      fail(declaration.where(), "expected images (C, H, W) of at least ", least, " x ", least, " before 'average_pool ",
           k, "', got examples of shape ", input.shape);
    const auto side = [&](Index length) { return 1 + (length - (k - 2 * pad)) / param_.stride; };
    output_ = {input.shape[0], side(input.shape[1]), side(input.shape[2])};
    return {output_, Layout::nhwc};
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>&) override {
    average_pool_forward(x, param_, out_, cache_);
    return out_;
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) override {
    if (!dx) return {};
    average_pool_backward(dout, cache_, *dx);
    return *dx;
  }

  void describe(SummaryWriter& summary) const override {
    const std::string side = std::to_string(param_.pool_height);
    std::string name = side + "x" + side + " average pool, stride " + std::to_string(param_.stride);
    if (param_.pad > 0) name += ", pad " + std::to_string(param_.pad);
    summary.line(name, output_, output_.size());
  }

 private:
  AveragePoolParam param_;
  Shape output_;
  AveragePoolCache cache_;
  Tensor<T> out_;
};

}  // namespace

void AveragePool::visit(BlockVisitor& v) {
  v.number("size", size);
  v.option("stride", stride, 1);
  v.option("pad", pad, 0);
  v.flag("exclude_pad", exclude_pad);
}

template <class T>
std::unique_ptr<Block<T>> AveragePool::make() const {
  return std::make_unique<AveragePoolBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> AveragePool::make() const;
template std::unique_ptr<Block<double>> AveragePool::make() const;

}  // namespace lamina
