#include "lamina/nets/blocks/batchnorm.h"

#include "lamina/layers/spatial_batchnorm.h"

namespace lamina {

void BatchNorm::visit(BlockVisitor& v) {
  v.option("momentum", momentum, {.most = 1}, 0.9);
  v.option("eps", eps, {.open_least = true}, 1e-5);
  v.flag("no_scale", no_scale);
  if (no_scale) return;
  v.initial_zeros(init_zeros);
  v.update_factors(update);
}

template <class T>
std::unique_ptr<Block<T>> BatchNorm::make() const {
  return std::make_unique<BatchNormBlock<T>>(*this);
}
template std::unique_ptr<Block<float>> BatchNorm::make() const;
template std::unique_ptr<Block<double>> BatchNorm::make() const;

template <class T>
BatchNormBlock<T>::BatchNormBlock(const BatchNorm& options) : options_(options) {
  param_.momentum = options.momentum;
  param_.eps = options.eps;
  param_.layout = Layout::nhwc;
}

template <class T>
Example BatchNormBlock<T>::declare(const Example& input, Declaration& declaration) {
  shape_ = input.shape;
  const Shape channels{input.is_image() ? input.shape[0] : input.shape.size()};
  number_ = declaration.add_normalization(channels, options_.update, !options_.no_scale);
  if (options_.no_scale) {
    for (Tensor<T>* tensor : {&ones_, &zeros_, &unused_[0], &unused_[1]}) *tensor = Tensor<T>(channels);
    ones_.fill(T{1});
  } else {
    gamma_ = "gamma" + number_;
    beta_ = "beta" + number_;
  }
  param_.running_mean = Tensor<T>(channels);
  param_.running_var = Tensor<T>(channels);
  return input;
}

template <class T>
void BatchNormBlock<T>::draw(Parameters<T>& params, RandomState&) const {
  if (options_.init_zeros) params[gamma_].fill(T{0});
}

template <class T>
TensorView<T> BatchNormBlock<T>::forward(const TensorView<T>& x, const Pass<T>& pass) {
  param_.mode = pass.mode;
  if (x.rank() == 4)
    spatial_batchnorm_forward(x, gamma(pass), beta(pass), param_, out_, cache_);
  else
    batchnorm_forward(x, gamma(pass), beta(pass), param_, out_, cache_);
  return out_;
}

template <class T>
TensorView<T> BatchNormBlock<T>::backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) {
  Tensor<T>& to = dx ? *dx : out_;
  if (dout.rank() == 4)
    spatial_batchnorm_backward<T>(dout, cache_, to, dgamma(pass), dbeta(pass));
  else
    batchnorm_backward<T>(dout, cache_, to, dgamma(pass), dbeta(pass));
  return to;
}

template <class T>
void BatchNormBlock<T>::describe(SummaryWriter& summary) const {
  if (options_.no_scale) return summary.normalization("batch norm", "", 0, shape_);
  const Index count = 2 * (shape_.rank() == 3 ? shape_[0] : shape_.size());
  summary.normalization("batch norm", gamma_ + " " + beta_, count, shape_);
}

template <class T>
void BatchNormBlock<T>::view(std::vector<LayerView<T>>& views, bool follows) const {
  if (!follows) return;
  views.back().shift = beta_;
  views.back().output = out_;
}

template <class T>
void BatchNormBlock<T>::buffers(std::vector<NamedTensor<T>>& buffers) {
  buffers.push_back({"running_mean" + number_, param_.running_mean});
  buffers.push_back({"running_var" + number_, param_.running_var});
}

template class BatchNormBlock<float>;
template class BatchNormBlock<double>;

}  // namespace lamina
