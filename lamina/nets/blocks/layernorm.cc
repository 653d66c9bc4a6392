#include "lamina/nets/blocks/layernorm.h"

namespace lamina {

void LayerNorm::visit(BlockVisitor& v) {
  v.option("eps", eps, {.open_least = true}, 1e-5);
  v.initial_zeros(init_zeros);
  v.update_factors(update);
}

template <class T>
std::unique_ptr<Block<T>> LayerNorm::make() const {
  return std::make_unique<LayerNormBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> LayerNorm::make() const;
template std::unique_ptr<Block<double>> LayerNorm::make() const;

template <class T>
Example LayerNormBlock<T>::declare(const Example& input, Declaration& declaration) {
  shape_ = input.shape;
  const std::string number = declaration.add_normalization(Shape{input.shape.size()}, options_.update);
  gamma_ = "gamma" + number;
  beta_ = "beta" + number;
  return input;
}

template <class T>
void LayerNormBlock<T>::draw(Parameters<T>& params, RandomState&) const {
  if (options_.init_zeros) params[gamma_].fill(T{0});
}

template <class T>
TensorView<T> LayerNormBlock<T>::forward(const TensorView<T>& x, const Pass<T>& pass) {
  const LayerNormParam param{param_.eps};
  layernorm_forward(x.reshaped({x.dim(0), shape_.size()}), pass.params[gamma_], pass.params[beta_], param, out_,
                    cache_);
  return out_.reshaped(x.shape());
}

template <class T>
TensorView<T> LayerNormBlock<T>::backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) {
  Tensor<T>& to = dx ? *dx : out_;
  layernorm_backward<T>(dout.reshaped({dout.dim(0), shape_.size()}), cache_, to, pass.grads[gamma_], pass.grads[beta_]);
  return to.reshaped(dout.shape());
}

template <class T>
void LayerNormBlock<T>::describe(SummaryWriter& summary) const {
  summary.normalization("layer norm", gamma_ + " " + beta_, 2 * shape_.size(), shape_);
}

template <class T>
void LayerNormBlock<T>::view(std::vector<LayerView<T>>& views, bool follows) const {
  if (!follows || shape_.rank() == 3) return;
  views.back().shift = beta_;
  views.back().output = out_;
}

template class LayerNormBlock<float>;
template class LayerNormBlock<double>;

}  // namespace lamina
