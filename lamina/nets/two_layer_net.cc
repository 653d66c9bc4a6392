#include "lamina/nets/two_layer_net.h"

#include "lamina/layers/softmax_loss.h"
#include "lamina/nets/net_parts.h"

namespace lamina {

namespace {
constexpr const char* kWhere = "TwoLayerNet";
}

ParameterLayout parameter_layout(const TwoLayerNetOptions& options) {
  detail::check_size(kWhere, "input_dim", options.input_dim);
  detail::check_size(kWhere, "hidden_dim", options.hidden_dim);
  detail::check_common_options(kWhere, options.num_classes, options.weight_scale, options.reg);
  ParameterLayout layout;
  detail::add_weights(kWhere, layout, "W1", {options.input_dim, options.hidden_dim}, "b1", options.hidden_dim);
  detail::add_weights(kWhere, layout, "W2", {options.hidden_dim, options.num_classes}, "b2", options.num_classes);
  return layout;
}

template <class T>
TwoLayerNet<T>::TwoLayerNet(const Options& options, RandomState& random, Weights weights) : options_(options) {
  check_precision<T>(kWhere, options.precision);
  this->make_parameters(parameter_layout(options));
  this->reg = options.reg;
  if (weights == Weights::zero) return;
  this->draw_weights("W1", options.weight_scale, random);
  this->draw_weights("W2", options.weight_scale, random);
}

template <class T>
void TwoLayerNet<T>::forward(const TensorView<T>& X) {
  this->check_parameters(kWhere);
  const auto& params = this->params_;
  affine_relu_forward(X, params["W1"], params["b1"], hidden_, hidden_cache_, options_.precision);
  affine_forward<T>(hidden_, params["W2"], params["b2"], scores_, score_cache_, options_.precision);
}

template <class T>
const Tensor<T>& TwoLayerNet<T>::loss(const TensorView<T>& X) {
  detail::check_examples(kWhere, X, options_.input_dim);
  forward(X);
  return scores_;
}

template <class T>
LossAndGradients<T> TwoLayerNet<T>::loss(const TensorView<T>& X, std::span<const Label> y) {
  detail::check_examples(kWhere, X, options_.input_dim);
  this->check_labels(kWhere, X, y, options_.num_classes);
  forward(X);
  auto& grads = this->grads_;
  const double data_loss = softmax_loss<T>(scores_, y, &dscores_, this->label_smoothing);
  affine_backward<T>(dscores_, score_cache_, &dhidden_, grads["W2"], grads["b2"]);
  affine_relu_backward<T>(dhidden_, hidden_cache_, nullptr, grads["W1"], grads["b1"]);
  return {data_loss + this->add_regularization(), grads};
}

template <class T>
NetSummary TwoLayerNet<T>::summary() const {
  const Index D = options_.input_dim, H = options_.hidden_dim, C = options_.num_classes;
  return {detail::title<T>(kWhere, options_.precision),
          Shape{D},
          {detail::affine_summary("affine - relu", "W1 b1", D, H, true),
           detail::affine_summary("affine - softmax", "W2 b2", H, C, false)},
          sizeof(T)};
}

template <class T>
std::vector<LayerView<T>> TwoLayerNet<T>::layers() const {
  return {{"affine 1", "W1", "b1", true, hidden_}, {"affine 2", "W2", "b2", false, scores_}};
}

template <class T>
template <class U>
TwoLayerNet<U> TwoLayerNet<T>::to() const {
  TwoLayerNet<U> net;
  net.options_ = options_;
  net.options_.precision = detail::precision_in<U>(options_.precision);
  net.assign(*this);
  return net;
}

template class TwoLayerNet<float>;
template class TwoLayerNet<double>;
template TwoLayerNet<float> TwoLayerNet<float>::to() const;
template TwoLayerNet<double> TwoLayerNet<float>::to() const;
template TwoLayerNet<float> TwoLayerNet<double>::to() const;
template TwoLayerNet<double> TwoLayerNet<double>::to() const;

}  // namespace lamina
