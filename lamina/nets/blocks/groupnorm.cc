#include "lamina/nets/blocks/groupnorm.h"

#include "lamina/check.h"
#include "lamina/layers/groupnorm.h"

namespace lamina {
namespace {

template <class T>
class GroupNormBlock : public Block<T> {
 public:
  explicit GroupNormBlock(const GroupNorm& options) : options_(options) { param_.eps = options.eps; }

  Layout wants(Layout) const override { return Layout::nchw; }

  Example declare(const Example& input, Declaration& declaration) override {
    if (!input.is_image() || input.shape[0] % options_.groups != 0)
      fail(declaration.where(), "expected images (C, H, W) with a multiple of ", options_.groups, " channels before '",
           to_text({options_}), "', got examples of shape ", input.shape);
    shape_ = input.shape;
    const std::string number = declaration.add_normalization(Shape{input.shape[0]}, options_.update);
    gamma_ = "gamma" + number;
    beta_ = "beta" + number;
    return input;
  }

  void draw(Parameters<T>& params, RandomState&) const override {
    if (options_.init_zeros) params[gamma_].fill(T{0});
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override {
    spatial_groupnorm_forward(x, pass.params[gamma_], pass.params[beta_], options_.groups, {param_.eps}, out_, cache_);
    return out_;
  }

  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override {
    Tensor<T>& to = dx ? *dx : out_;
    spatial_groupnorm_backward<T>(dout, cache_, to, pass.grads[gamma_], pass.grads[beta_]);
    return to;
  }

  bool learns() const override { return true; }

  void describe(SummaryWriter& summary) const override {
    summary.normalization("group norm (" + std::to_string(options_.groups) + " groups)", gamma_ + " " + beta_,
                          2 * shape_[0], shape_);
  }

  void normalizations(std::vector<BatchNormParam<T>*>& params) override { params.push_back(&param_); }

 private:
  GroupNorm options_;
  BatchNormParam<T> param_;  // the type that normalizations() lists; only its eps is used
  std::string gamma_, beta_;
  Shape shape_;
  GroupNormCache<T> cache_;
  Tensor<T> out_;
};

}  // namespace

void GroupNorm::visit(BlockVisitor& v) {
  v.number("groups", groups);
  v.option("eps", eps, {.open_least = true}, 1e-5);
  v.initial_zeros(init_zeros);
  v.update_factors(update);
}

template <class T>
std::unique_ptr<Block<T>> GroupNorm::make() const {
  return std::make_unique<GroupNormBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> GroupNorm::make() const;
template std::unique_ptr<Block<double>> GroupNorm::make() const;

}  // namespace lamina
