#include "lamina/nets/blocks/conv.h"

#include <algorithm>

#include "lamina/check.h"
#include "lamina/nets/blocks/initial_weights.h"

namespace lamina {

void Conv::visit(BlockVisitor& v) {
  v.number("filters", filters);
  v.filter_size(size);
  v.option("stride", stride, 1);
  v.option("pad", pad, 0);
  v.option("dilation", dilation, 1);
  v.option("groups", groups, 1);
  v.flag("no_bias", no_bias);
  v.initial(init, Initial::Kind::he);
  v.update_factors(update);
}

template <class T>
std::unique_ptr<Block<T>> Conv::make() const {
  return std::make_unique<ConvBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> Conv::make() const;
template std::unique_ptr<Block<double>> Conv::make() const;

namespace {

// How many pixels `taps` taps span along one axis; at most 2^62.
Index span_of(Index taps, Index dilation) {
  constexpr Index kMost = Index{1} << 62;
  if (taps == 1) return 1;
  return dilation > kMost / taps ? kMost : (taps - 1) * dilation + 1;
}

}  // namespace

template <class T>
Example ConvBlock<T>::declare(const Example& input, Declaration& declaration) {
  const std::string text = to_text({options_});
  if (!input.is_image())
    fail(declaration.where(), "expected images (C, H, W) before '", text, "', got examples of shape ", input.shape);
  const Index F = options_.filters, C = input.shape[0];
  const Sides k = options_.size;
  param_.layout = Layout::nhwc;
  param_.precision = declaration.precision();
  param_.stride = options_.stride.value_or(1);
  param_.pad = options_.pad.value_or(Sides((k.h - 1) / 2, (k.w - 1) / 2));
  param_.dilation = options_.dilation.value_or(1);
  param_.groups = options_.groups.value_or(1);
  const Index groups = param_.groups;
  if (C % groups != 0 || F % groups != 0)
    fail(declaration.where(), "expected groups that divide ", C, " channels and ", F, " filters, got '", text, "'");
  constexpr Index kMostPad = Index{1} << 20;
  if (std::max(param_.pad.h, param_.pad.w) > kMostPad)
    fail(declaration.where(), "expected a pad of at most ", kMostPad, ", got '", text, "'");
  const Index H = input.shape[1] + 2 * param_.pad.h, W = input.shape[2] + 2 * param_.pad.w;
  const Index height = span_of(k.h, param_.dilation.h), width = span_of(k.w, param_.dilation.w);
  if (H < height || W < width)
    fail(declaration.where(), "expected images of at least ", height, " x ", width, ", padding included, before '",
         text, "', got ", H, " x ", W);
  filter_bank_ = {F, C / groups, k.h, k.w};
  output_ = {F, 1 + (H - height) / param_.stride.h, 1 + (W - width) / param_.stride.w};
  std::tie(W_, b_) = declaration.add_weights(filter_bank_, F, options_.update, !options_.no_bias);
  return {output_, Layout::nhwc};
}

template <class T>
void ConvBlock<T>::draw(Parameters<T>& params, RandomState& random) const {
  const Index window = options_.size.h * options_.size.w;
  draw_weights<T>(params[W_], options_.init, filter_bank_[1] * window, options_.filters / param_.groups * window,
                  random);
}

template <class T>
TensorView<T> ConvBlock<T>::forward(const TensorView<T>& x, const Pass<T>& pass) {
  conv_forward(x, pass.params[W_], pass.param(b_), param_, out_, cache_);
  return out_;
}

template <class T>
TensorView<T> ConvBlock<T>::backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) {
  conv_backward<T>(dout, cache_, dx, pass.grads[W_], pass.grad(b_));
  return dx ? *dx : TensorView<T>();
}

template <class T>
void ConvBlock<T>::describe(SummaryWriter& summary) const {
  const Index F = options_.filters;
  std::string name = "conv " + std::to_string(options_.size.h) + "x" + std::to_string(options_.size.w) + ", " +
                     std::to_string(F) + (F == 1 ? " filter" : " filters") + ", stride " + param_.stride.to_string();
  if (param_.dilation != 1) name += ", dilation " + param_.dilation.to_string();
  if (param_.groups != 1) name += ", groups " + std::to_string(param_.groups);
  const double window = static_cast<double>(filter_bank_.size()) / static_cast<double>(F);
  const Index parameters = filter_bank_.size() + (options_.no_bias ? 0 : F);
  summary.product(name, options_.no_bias ? W_ : W_ + " " + b_, parameters, output_,
                  2.0 * static_cast<double>(output_.size()) * window);
}

template <class T>
void ConvBlock<T>::view(std::vector<LayerView<T>>& views, bool) const {
  views.push_back({"conv " + std::to_string(views.size() + 1), W_, b_, false, out_});
}

template class ConvBlock<float>;
template class ConvBlock<double>;

}  // namespace lamina
