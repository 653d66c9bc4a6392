#include "lamina/nets/blocks/conv.h"

#include "lamina/check.h"
#include "lamina/nets/blocks/initial_weights.h"

namespace lamina {

void Conv::visit(BlockVisitor& v) {
  v.number("filters", filters);
  v.filter_size(size);
  v.option("stride", stride, 1);
  v.option("pad", pad, 0);
  v.initial(init, Initial::Kind::he);
  v.update_factors(update);
}

template <class T>
std::unique_ptr<Block<T>> Conv::make() const {
  return std::make_unique<ConvBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> Conv::make() const;
template std::unique_ptr<Block<double>> Conv::make() const;

template <class T>
Example ConvBlock<T>::declare(const Example& input, Declaration& declaration) {
  const std::string text = to_text({options_});
  if (!input.is_image())
    fail(declaration.where(), "expected images (C, H, W) before '", text, "', got examples of shape ", input.shape);
  const Index F = options_.filters, k = options_.size, C = input.shape[0];
  param_ = {options_.stride.value_or(1), options_.pad.value_or((k - 1) / 2), Layout::nhwc, declaration.precision()};
  constexpr Index kMostPad = Index{1} << 20;
  if (param_.pad.h > kMostPad) fail(declaration.where(), "expected a pad of at most ", kMostPad, ", got '", text, "'");
  const Index H = input.shape[1] + 2 * param_.pad.h, W = input.shape[2] + 2 * param_.pad.w;
  if (H < k || W < k)
    fail(declaration.where(), "expected images of at least ", k, " x ", k, ", padding included, before '", text,
         "', got ", H, " x ", W);
  filter_bank_ = {F, C, k, k};
  output_ = {F, 1 + (H - k) / param_.stride.h, 1 + (W - k) / param_.stride.w};
  std::tie(W_, b_) = declaration.add_weights(filter_bank_, F, options_.update);
  return {output_, Layout::nhwc};
}

template <class T>
void ConvBlock<T>::draw(Parameters<T>& params, RandomState& random) const {
  const Index window = options_.size * options_.size;
  draw_weights<T>(params[W_], options_.init, filter_bank_[1] * window, filter_bank_[0] * window, random);
}

template <class T>
TensorView<T> ConvBlock<T>::forward(const TensorView<T>& x, const Pass<T>& pass) {
  conv_forward(x, pass.params[W_], pass.params[b_], param_, out_, cache_);
  return out_;
}

template <class T>
TensorView<T> ConvBlock<T>::backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) {
  conv_backward<T>(dout, cache_, dx, pass.grads[W_], pass.grads[b_]);
  return dx ? *dx : TensorView<T>();
}

template <class T>
void ConvBlock<T>::describe(SummaryWriter& summary) const {
  const Index F = options_.filters;
  const std::string side = std::to_string(options_.size);
  const std::string name = "conv " + side + "x" + side + ", " + std::to_string(F) + (F == 1 ? " filter" : " filters") +
                           ", stride " + param_.stride.to_string();
  const double window = static_cast<double>(filter_bank_.size()) / static_cast<double>(F);
  summary.product(name, W_ + " " + b_, filter_bank_.size() + F, output_,
                  2.0 * static_cast<double>(output_.size()) * window);
}

template <class T>
void ConvBlock<T>::view(std::vector<LayerView<T>>& views, bool) const {
  views.push_back({"conv " + std::to_string(views.size() + 1), W_, b_, false, out_});
}

template class ConvBlock<float>;
template class ConvBlock<double>;

}  // namespace lamina
