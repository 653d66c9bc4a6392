#include "lamina/nets/fully_connected_net.h"

#include "lamina/layers/softmax_loss.h"
#include "lamina/nets/net_parts.h"

namespace lamina {

namespace {
constexpr const char* kWhere = "FullyConnectedNet";
}  // namespace

ParameterLayout parameter_layout(const FullyConnectedNetOptions& options) {
  detail::check_size(kWhere, "input_dim", options.input_dim);
  detail::check_common_options(kWhere, options.num_classes, options.weight_scale, options.reg);
  if (!(options.dropout > 0 && options.dropout <= 1))
    fail(kWhere, "expected dropout, the probability of keeping, above 0 and at most 1, got ", options.dropout);
  ParameterLayout layout;
  Index inputs = options.input_dim;
  int i = 1;
  for (const Index outputs : options.hidden_dims) {
    const std::string number = std::to_string(i++);
    detail::check_size(kWhere, "hidden_dims[" + std::to_string(i - 2) + "]", outputs);
    detail::add_weights(kWhere, layout, "W" + number, {inputs, outputs}, "b" + number, outputs);
    if (options.normalization != Normalization::none) {
      layout.emplace_back("gamma" + number, Shape{outputs});
      layout.emplace_back("beta" + number, Shape{outputs});
    }
    inputs = outputs;
  }
  const std::string number = std::to_string(i);
  detail::add_weights(kWhere, layout, "W" + number, {inputs, options.num_classes}, "b" + number, options.num_classes);
  return layout;
}

template <class T>
FullyConnectedNet<T>::FullyConnectedNet(const Options& options, RandomState& random, Weights weights)
    : options_(options), random_(&random) {
  check_precision<T>(kWhere, options.precision);
  this->make_parameters(parameter_layout(options));
  this->reg = options.reg;
  make_layers();
  if (weights == Weights::zero) return;
  for (const HiddenLayer& layer : hidden_) this->draw_weights(layer.W, options.weight_scale, random);
  this->draw_weights(score_W_, options.weight_scale, random);
}

template <class T>
void FullyConnectedNet<T>::make_layers() {
  dropout_param_ = {options_.dropout, Mode::train, options_.seed};
  hidden_.resize(options_.hidden_dims.size());
  for (std::size_t i = 0; i < hidden_.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    HiddenLayer& layer = hidden_[i];
    layer.W = "W" + number;
    layer.b = "b" + number;
    if (options_.normalization == Normalization::none) continue;
    layer.gamma = "gamma" + number;
    layer.beta = "beta" + number;
    layer.bn_param.running_mean = Tensor<T>(Shape{options_.hidden_dims[i]});
    layer.bn_param.running_var = Tensor<T>(Shape{options_.hidden_dims[i]});
  }
  const std::string number = std::to_string(hidden_.size() + 1);
  score_W_ = "W" + number;
  score_b_ = "b" + number;
}

template <class T>
void FullyConnectedNet<T>::forward(const TensorView<T>& X, Mode mode) {
  this->check_parameters(kWhere);
  const auto& params = this->params_;
  AffineNormReluDropoutParam<T> param;
  param.normalization = options_.normalization;
  param.precision = options_.precision;
  if (dropout_param_.p != 1 && mode == Mode::train) {
    param.dropout = &dropout_param_;
    param.random = random_;
  }
  TensorView<T> x = X, gamma, beta;
  for (HiddenLayer& layer : hidden_) {
    layer.bn_param.mode = mode;
    param.batchnorm = &layer.bn_param;
    param.layernorm.eps = layer.bn_param.eps;
    if (!layer.gamma.empty()) gamma = params[layer.gamma], beta = params[layer.beta];
    affine_norm_relu_dropout_forward(x, params[layer.W], params[layer.b], gamma, beta, param, layer.out, layer.cache);
    x = layer.out;
  }
  affine_forward(x, params[score_W_], params[score_b_], scores_, score_cache_, options_.precision);
}

template <class T>
const Tensor<T>& FullyConnectedNet<T>::loss(const TensorView<T>& X) {
  detail::check_examples(kWhere, X, options_.input_dim);
  forward(X, Mode::test);
  return scores_;
}

template <class T>
LossAndGradients<T> FullyConnectedNet<T>::loss(const TensorView<T>& X, std::span<const Label> y) {
  detail::check_examples(kWhere, X, options_.input_dim);
  this->check_labels(kWhere, X, y, options_.num_classes);
  forward(X, Mode::train);
  auto& grads = this->grads_;
  const double data_loss = softmax_loss<T>(scores_, y, &dscores_, this->label_smoothing);
  std::size_t i = hidden_.size();
  affine_backward<T>(dscores_, score_cache_, i > 0 ? &dout_[(i - 1) % 2] : nullptr, grads[score_W_], grads[score_b_]);
  TensorView<T> dgamma, dbeta;
  while (i-- > 0) {
    const HiddenLayer& layer = hidden_[i];
    if (!layer.gamma.empty()) dgamma = grads[layer.gamma], dbeta = grads[layer.beta];
    affine_norm_relu_dropout_backward<T>(dout_[i % 2], layer.cache, i > 0 ? &dout_[(i - 1) % 2] : nullptr,
                                         grads[layer.W], grads[layer.b], dgamma, dbeta);
  }
  return {data_loss + this->add_regularization(), grads};
}

template <class T>
std::vector<NamedTensor<T>> FullyConnectedNet<T>::buffers() {
  std::vector<NamedTensor<T>> result;
  if (options_.normalization != Normalization::batchnorm) return result;
  for (std::size_t i = 0; i < hidden_.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    result.push_back({"running_mean" + number, hidden_[i].bn_param.running_mean});
    result.push_back({"running_var" + number, hidden_[i].bn_param.running_var});
  }
  return result;
}

template <class T>
NetSummary FullyConnectedNet<T>::summary() const {
  NetSummary result{detail::title<T>(kWhere, options_.precision), Shape{options_.input_dim}, {}, sizeof(T)};
  Index inputs = options_.input_dim;
  for (std::size_t i = 0; i < hidden_.size(); ++i) {
    const Index outputs = options_.hidden_dims[i];
    std::string name = "affine", parameters = hidden_[i].W + " " + hidden_[i].b;
    Index kept = outputs, extra = 0;
    if (options_.normalization != Normalization::none) {
      name += options_.normalization == Normalization::batchnorm ? " - batch norm" : " - layer norm";
      parameters += " " + hidden_[i].gamma + " " + hidden_[i].beta;
      extra = 2 * outputs;
      kept += outputs;  // the affine layer's output
    }
    name += " - relu";
    if (options_.dropout != 1) {
      name += " - dropout";
      kept += outputs;  // relu's output
    }
    LayerSummary layer = detail::affine_summary(name, parameters, inputs, outputs, i == 0);
    layer.parameter_count += extra;
    layer.activation_count = kept;
    result.layers.push_back(std::move(layer));
    inputs = outputs;
  }
  result.layers.push_back(detail::affine_summary("affine - softmax", score_W_ + " " + score_b_, inputs,
                                                 options_.num_classes, hidden_.empty()));
  return result;
}

template <class T>
std::vector<LayerView<T>> FullyConnectedNet<T>::layers() const {
  std::vector<LayerView<T>> result;
  for (const HiddenLayer& layer : hidden_)
    result.push_back({"affine " + std::to_string(result.size() + 1), layer.W, layer.beta.empty() ? layer.b : layer.beta,
                      true, layer.cache.relu.out});
  result.push_back({"affine " + std::to_string(result.size() + 1), score_W_, score_b_, false, scores_});
  return result;
}

template <class T>
template <class U>
FullyConnectedNet<U> FullyConnectedNet<T>::to() const {
  FullyConnectedNet<U> net;
  net.options_ = options_;
  net.options_.precision = detail::precision_in<U>(options_.precision);
  net.random_ = random_;
  net.assign(*this);
  net.make_layers();
  net.dropout_param_ = dropout_param_;
  for (std::size_t i = 0; i < hidden_.size(); ++i) detail::copy_bn_param(hidden_[i].bn_param, net.hidden_[i].bn_param);
  return net;
}

template class FullyConnectedNet<float>;
template class FullyConnectedNet<double>;
template FullyConnectedNet<float> FullyConnectedNet<float>::to() const;
template FullyConnectedNet<double> FullyConnectedNet<float>::to() const;
template FullyConnectedNet<float> FullyConnectedNet<double>::to() const;
template FullyConnectedNet<double> FullyConnectedNet<double>::to() const;

}  // namespace lamina
