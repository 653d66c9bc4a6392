#include "lamina/nets/blocks/global_average_pool.h"

#include "lamina/check.h"
#include "lamina/layers/global_average_pool.h"

namespace lamina {
namespace {

template <class T>
class GlobalAveragePoolBlock : public Block<T> {
 public:
  Example declare(const Example& input, Declaration& declaration) override {
    if (!input.is_image())
      fail(declaration.where(), "expected images (C, H, W) before 'global_average_pool', got examples of shape ",
           input.shape);
    layout_ = input.layout;
    channels_ = input.shape[0];
    return {Shape{channels_}};
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>&) override {
    global_average_pool_forward(x, layout_, out_, cache_);
    return out_;
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>&, Tensor<T>* dx) override {
    if (!dx) return {};
    global_average_pool_backward(dout, cache_, *dx);
    return *dx;
  }

  void describe(SummaryWriter& summary) const override {
    summary.line("global average pool", Shape{channels_}, channels_);
  }

 private:
  Layout layout_ = Layout::nchw;
  Index channels_ = 0;
  GlobalAveragePoolCache cache_;
  Tensor<T> out_;
};

}  // namespace

template <class T>
std::unique_ptr<Block<T>> GlobalAveragePool::make() const {
  return std::make_unique<GlobalAveragePoolBlock<T>>();
}
template std::unique_ptr<Block<float>> GlobalAveragePool::make() const;
template std::unique_ptr<Block<double>> GlobalAveragePool::make() const;

}  // namespace lamina
