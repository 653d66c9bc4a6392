#include "lamina/nets/blocks/affine.h"

#include "lamina/nets/blocks/initial_weights.h"

namespace lamina {

void Affine::visit(BlockVisitor& v) {
  v.number("outputs", outputs);
  v.flag("no_bias", no_bias);
  v.initial(init, Initial::Kind::he);
  v.update_factors(update);
}

template <class T>
std::unique_ptr<Block<T>> Affine::make() const {
  return std::make_unique<AffineBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> Affine::make() const;
template std::unique_ptr<Block<double>> Affine::make() const;

template <class T>
Example AffineBlock<T>::declare(const Example& input, Declaration& declaration) {
  inputs_ = input.shape.size();
  precision_ = declaration.precision();
  std::tie(W_, b_) =
      declaration.add_weights({inputs_, options_.outputs}, options_.outputs, options_.update, !options_.no_bias);
  return {Shape{options_.outputs}};
}

template <class T>
void AffineBlock<T>::draw(Parameters<T>& params, RandomState& random) const {
  draw_weights<T>(params[W_], options_.init, inputs_, options_.outputs, random);
}

template <class T>
TensorView<T> AffineBlock<T>::forward(const TensorView<T>& x, const Pass<T>& pass) {
  affine_forward(x, pass.params[W_], pass.param(b_), out_, cache_, precision_);
  return out_;
}

template <class T>
TensorView<T> AffineBlock<T>::backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) {
  affine_backward<T>(dout, cache_, dx, pass.grads[W_], pass.grad(b_));
  return dx ? *dx : TensorView<T>();
}

template <class T>
void AffineBlock<T>::describe(SummaryWriter& summary) const {
  const Index M = options_.outputs;
  summary.product("affine", b_.empty() ? W_ : W_ + " " + b_, inputs_ * M + (b_.empty() ? 0 : M), {M},
                  2.0 * static_cast<double>(inputs_) * static_cast<double>(M));
}

template <class T>
void AffineBlock<T>::view(std::vector<LayerView<T>>& views, bool) const {
  views.push_back({"affine " + std::to_string(views.size() + 1), W_, b_, false, out_});
}

template class AffineBlock<float>;
template class AffineBlock<double>;

}  // namespace lamina
