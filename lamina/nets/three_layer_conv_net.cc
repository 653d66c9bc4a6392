#include "lamina/nets/three_layer_conv_net.h"

#include "lamina/layers/layout.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/nets/net_parts.h"

namespace lamina {

namespace {

constexpr const char* kWhere = "ThreeLayerConvNet";

Shape pooled(const ThreeLayerConvNetOptions& options) {
  return {options.num_filters, options.input_dim[1] / 2, options.input_dim[2] / 2};
}

}  // namespace

ParameterLayout parameter_layout(const ThreeLayerConvNetOptions& options) {
  detail::check_image_dims(kWhere, options.input_dim);
  detail::check_size(kWhere, "num_filters", options.num_filters);
  detail::check_filter_size(kWhere, "filter_size", options.filter_size);
  detail::check_size(kWhere, "hidden_dim", options.hidden_dim);
  detail::check_common_options(kWhere, options.num_classes, options.weight_scale, options.reg);
  if (options.input_dim[1] < 2 || options.input_dim[2] < 2)
    fail(kWhere, "expected images of at least 2 x 2 before the 2x2 max pool, got ", options.input_dim[1], " x ",
         options.input_dim[2], " after the convolution on input_dim ", options.input_dim);
  const Index k = options.filter_size, F = options.num_filters, H = options.hidden_dim;
  ParameterLayout layout;
  detail::add_weights(kWhere, layout, "W1", {F, options.input_dim[0], k, k}, "b1", F);
  detail::add_weights(kWhere, layout, "W2", {pooled(options).size(), H}, "b2", H);
  detail::add_weights(kWhere, layout, "W3", {H, options.num_classes}, "b3", options.num_classes);
  return layout;
}

template <class T>
ThreeLayerConvNet<T>::ThreeLayerConvNet(const Options& options, RandomState& random, Weights weights)
    : options_(options) {
  check_precision<T>(kWhere, options.precision);
  this->make_parameters(parameter_layout(options));
  this->reg = options.reg;
  if (weights == Weights::zero) return;
  for (const char* name : {"W1", "W2", "W3"}) this->draw_weights(name, options.weight_scale, random);
}

template <class T>
void ThreeLayerConvNet<T>::forward(const TensorView<T>& X) {
  this->check_parameters(kWhere);
  const auto& params = this->params_;
  const ConvParam conv_param{1, (options_.filter_size - 1) / 2, Layout::nhwc, options_.precision};
  to_nhwc(X, input_nhwc_);
  conv_relu_pool_forward<T>(input_nhwc_, params["W1"], params["b1"], conv_param, {2, 2, 2, Layout::nhwc}, pooled_,
                            conv_cache_);
  to_nchw<T>(pooled_, pooled_nchw_);
  affine_relu_forward<T>(pooled_nchw_, params["W2"], params["b2"], hidden_, hidden_cache_, options_.precision);
  affine_forward<T>(hidden_, params["W3"], params["b3"], scores_, score_cache_, options_.precision);
}

template <class T>
const Tensor<T>& ThreeLayerConvNet<T>::loss(const TensorView<T>& X) {
  detail::check_images(kWhere, X, options_.input_dim);
  forward(X);
  return scores_;
}

template <class T>
LossAndGradients<T> ThreeLayerConvNet<T>::loss(const TensorView<T>& X, std::span<const Label> y) {
  detail::check_images(kWhere, X, options_.input_dim);
  this->check_labels(kWhere, X, y, options_.num_classes);
  forward(X);
  auto& grads = this->grads_;
  const double data_loss = softmax_loss<T>(scores_, y, &dscores_, this->label_smoothing);
  affine_backward<T>(dscores_, score_cache_, &dhidden_, grads["W3"], grads["b3"]);
  affine_relu_backward<T>(dhidden_, hidden_cache_, &dpooled_nchw_, grads["W2"], grads["b2"]);
  to_nhwc<T>(dpooled_nchw_, dpooled_);
  conv_relu_pool_backward<T>(dpooled_, conv_cache_, nullptr, grads["W1"], grads["b1"]);
  return {data_loss + this->add_regularization(), grads};
}

template <class T>
NetSummary ThreeLayerConvNet<T>::summary() const {
  const Index C = options_.input_dim[0], F = options_.num_filters, k = options_.filter_size;
  const Shape output{F, options_.input_dim[1], options_.input_dim[2]}, pool = pooled(options_);
  LayerSummary conv = detail::conv_summary(detail::conv_name(F, k, 1) + " - relu", "W1 b1", C, k, output, true);
  conv.activation_count += options_.input_dim.size();  // the images, channels last
  return {detail::title<T>(kWhere, options_.precision),
          options_.input_dim,
          // The pooled images, channels last and first, and the places of the maxima.
          {conv, LayerSummary{"2x2 max pool, stride 2", "", pool, 0, 0, 3 * pool.size()},
           detail::affine_summary("affine - relu", "W2 b2", pool.size(), options_.hidden_dim, false),
           detail::affine_summary("affine - softmax", "W3 b3", options_.hidden_dim, options_.num_classes, false)},
          sizeof(T)};
}

template <class T>
std::vector<LayerView<T>> ThreeLayerConvNet<T>::layers() const {
  return {{"conv 1", "W1", "b1", true, conv_cache_.hidden},
          {"affine 2", "W2", "b2", true, hidden_},
          {"affine 3", "W3", "b3", false, scores_}};
}

template <class T>
template <class U>
ThreeLayerConvNet<U> ThreeLayerConvNet<T>::to() const {
  ThreeLayerConvNet<U> net;
  net.options_ = options_;
  net.options_.precision = detail::precision_in<U>(options_.precision);
  net.assign(*this);
  return net;
}

template class ThreeLayerConvNet<float>;
template class ThreeLayerConvNet<double>;
template ThreeLayerConvNet<float> ThreeLayerConvNet<float>::to() const;
template ThreeLayerConvNet<double> ThreeLayerConvNet<float>::to() const;
template ThreeLayerConvNet<float> ThreeLayerConvNet<double>::to() const;
template ThreeLayerConvNet<double> ThreeLayerConvNet<double>::to() const;

}  // namespace lamina
