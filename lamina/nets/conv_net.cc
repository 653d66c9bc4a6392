#include "lamina/nets/conv_net.h"

#include "lamina/layers/layout.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/nets/net_parts.h"

namespace lamina {

namespace {

constexpr const char* kWhere = "ConvNet";

Index stride_of(const ConvNetOptions& options, std::size_t i) {
  return options.conv_strides.empty() ? options.conv_stride : options.conv_strides[i];
}

Index pool_of(const ConvNetOptions& options, std::size_t i) {
  if (options.pools.empty()) return i + 1 == options.num_filters.size() ? 2 : 1;
  return options.pools[i];
}

Shape pooled(const Shape& images, Index pool) { return {images[0], images[1] / pool, images[2] / pool}; }

/// (F, H, W) after each convolution. A pad of (k - 1) / 2 with stride s makes 1 + floor((H - 1) / s) of H.
std::vector<Shape> conv_outputs(const ConvNetOptions& options) {
  std::vector<Shape> outputs;
  Shape input = options.input_dim;
  for (std::size_t i = 0; i < options.num_filters.size(); ++i) {
    const Index stride = stride_of(options, i), pool = pool_of(options, i);
    outputs.push_back({options.num_filters[i], 1 + (input[1] - 1) / stride, 1 + (input[2] - 1) / stride});
    const Shape& output = outputs.back();
    if (output[1] < pool || output[2] < pool)
      fail(kWhere, "expected images of at least ", pool, " x ", pool, " before the ", pool, "x", pool,
           " max pool, got ", output[1], " x ", output[2], " after convolution ", i + 1, " (", options.filter_sizes[i],
           "x", options.filter_sizes[i], ", stride ", stride, ") on input_dim ", options.input_dim);
    input = pooled(output, pool);
  }
  return outputs;
}

/// What the affine layer sees of one image.
Shape score_inputs(const ConvNetOptions& options, const Shape& last_output) {
  if (options.global_average) return {options.num_filters.back()};
  return pooled(last_output, pool_of(options, options.num_filters.size() - 1));
}

void check_each(const char* name, const std::vector<Index>& values, std::size_t M) {
  if (values.empty()) return;
  if (values.size() != M)
    fail(kWhere, "expected as many ", name, " as num_filters, ", M, ", or none, got ", values.size());
  for (std::size_t i = 0; i < M; ++i) detail::check_size(kWhere, name + ("[" + std::to_string(i) + "]"), values[i]);
}

}  // namespace

ParameterLayout parameter_layout(const ConvNetOptions& options) {
  detail::check_image_dims(kWhere, options.input_dim);
  detail::check_common_options(kWhere, options.num_classes, options.weight_scale, options.reg);
  detail::check_size(kWhere, "conv_stride", options.conv_stride);
  const std::size_t M = options.num_filters.size();
  if (M == 0 || options.filter_sizes.size() != M)
    fail(kWhere, "expected as many filter_sizes as num_filters, at least one, got ", options.filter_sizes.size(),
         " and ", M);
  for (std::size_t i = 0; i < M; ++i) {
    const std::string at = "[" + std::to_string(i) + "]";
    detail::check_size(kWhere, "num_filters" + at, options.num_filters[i]);
    detail::check_filter_size(kWhere, "filter_sizes" + at, options.filter_sizes[i]);
  }

  check_each("conv_strides", options.conv_strides, M);
  check_each("pools", options.pools, M);

  const std::vector<Shape> outputs = conv_outputs(options);
  ParameterLayout layout;
  Index C = options.input_dim[0];
  for (std::size_t i = 0; i < M; ++i) {
    const std::string number = std::to_string(i + 1);
    const Index F = options.num_filters[i], k = options.filter_sizes[i];
    detail::add_weights(kWhere, layout, "W_" + number, {F, C, k, k}, "b_" + number, F);
    if (options.use_batch_norm) {
      layout.emplace_back("gamma" + number, Shape{F});
      layout.emplace_back("beta" + number, Shape{F});
    }
    C = F;
  }
  const Shape last = score_inputs(options, outputs.back());
  const std::string number = std::to_string(M + 1);
  detail::add_weights(kWhere, layout, "W_" + number, {last.size(), options.num_classes}, "b_" + number,
                      options.num_classes);
  return layout;
}

template <class T>
ConvNet<T>::ConvNet(const Options& options, RandomState& random, Weights weights) : options_(options) {
  check_precision<T>(kWhere, options.precision);
  this->make_parameters(parameter_layout(options));
  this->reg = options.reg;
  make_layers();
  if (weights == Weights::zero) return;
  for (const ConvLayer& layer : conv_) this->draw_weights(layer.W, options.weight_scale, random);
  this->draw_weights(score_W_, options.weight_scale, random);
}

template <class T>
void ConvNet<T>::make_layers() {
  conv_.resize(options_.num_filters.size());
  for (std::size_t i = 0; i < conv_.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    ConvLayer& layer = conv_[i];
    layer.pool = pool_of(options_, i);
    layer.conv_param = {stride_of(options_, i), (options_.filter_sizes[i] - 1) / 2, Layout::nhwc, options_.precision};
    layer.W = "W_" + number;
    layer.b = "b_" + number;
    if (!options_.use_batch_norm) continue;
    layer.gamma = "gamma" + number;
    layer.beta = "beta" + number;
    layer.bn_param.layout = Layout::nhwc;
    layer.bn_param.running_mean = Tensor<T>(Shape{options_.num_filters[i]});
    layer.bn_param.running_var = Tensor<T>(Shape{options_.num_filters[i]});
  }
  const std::string number = std::to_string(conv_.size() + 1);
  score_W_ = "W_" + number;
  score_b_ = "b_" + number;
}

template <class T>
void ConvNet<T>::forward(const TensorView<T>& X, Mode mode) {
  this->check_parameters(kWhere);
  const auto& params = this->params_;
  to_nhwc(X, input_nhwc_);
  TensorView<T> x = input_nhwc_;
  for (ConvLayer& layer : conv_) {
    if (options_.use_batch_norm) {
      layer.bn_param.mode = mode;
      conv_bn_relu_forward(x, params[layer.W], params[layer.b], params[layer.gamma], params[layer.beta],
                           layer.conv_param, layer.bn_param, layer.out, layer.bn_cache);
    } else {
      conv_relu_forward(x, params[layer.W], params[layer.b], layer.conv_param, layer.out, layer.cache);
    }
    if (layer.pool > 1)
      max_pool_forward<T>(layer.out, {layer.pool, layer.pool, layer.pool, Layout::nhwc}, layer.pooled,
                          layer.pool_cache);
    x = layer.result();
  }
  if (options_.global_average)
    global_average_pool_forward<T>(conv_.back().result(), Layout::nhwc, features_, average_cache_);
  else
    to_nchw<T>(conv_.back().result(), features_);
  affine_forward<T>(features_, params[score_W_], params[score_b_], scores_, score_cache_, options_.precision);
}

template <class T>
const Tensor<T>& ConvNet<T>::loss(const TensorView<T>& X) {
  detail::check_images(kWhere, X, options_.input_dim);
  forward(X, Mode::test);
  return scores_;
}

template <class T>
LossAndGradients<T> ConvNet<T>::loss(const TensorView<T>& X, std::span<const Label> y) {
  detail::check_images(kWhere, X, options_.input_dim);
  this->check_labels(kWhere, X, y, options_.num_classes);
  forward(X, Mode::train);
  auto& grads = this->grads_;
  const double data_loss = softmax_loss<T>(scores_, y, &dscores_, this->label_smoothing);
  affine_backward<T>(dscores_, score_cache_, &dfeatures_, grads[score_W_], grads[score_b_]);
  if (options_.global_average)
    global_average_pool_backward<T>(dfeatures_, average_cache_, dlast_);
  else
    to_nhwc<T>(dfeatures_, dlast_);
  for (std::size_t i = conv_.size(); i-- > 0;) {
    const ConvLayer& layer = conv_[i];
    const bool last = i + 1 == conv_.size();
    const Tensor<T>& dresult = last ? dlast_ : dout_[i % 2];
    Tensor<T>& before_pool = last ? dout_[i % 2] : unpooled_;
    if (layer.pool > 1) max_pool_backward<T>(dresult, layer.pool_cache, before_pool);
    const Tensor<T>& dout = layer.pool > 1 ? before_pool : dresult;
    Tensor<T>* dx = i > 0 ? &dout_[(i - 1) % 2] : nullptr;
    if (options_.use_batch_norm)
      conv_bn_relu_backward<T>(dout, layer.bn_cache, dx, grads[layer.W], grads[layer.b], grads[layer.gamma],
                               grads[layer.beta]);
    else
      conv_relu_backward<T>(dout, layer.cache, dx, grads[layer.W], grads[layer.b]);
  }
  return {data_loss + this->add_regularization(), grads};
}

template <class T>
std::vector<NamedTensor<T>> ConvNet<T>::buffers() {
  std::vector<NamedTensor<T>> result;
  if (!options_.use_batch_norm) return result;
  for (std::size_t i = 0; i < conv_.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    result.push_back({"running_mean" + number, conv_[i].bn_param.running_mean});
    result.push_back({"running_var" + number, conv_[i].bn_param.running_var});
  }
  return result;
}

template <class T>
NetSummary ConvNet<T>::summary() const {
  NetSummary result{detail::title<T>(kWhere, options_.precision), options_.input_dim, {}, sizeof(T)};
  const std::vector<Shape> outputs = conv_outputs(options_);
  Index C = options_.input_dim[0];
  for (std::size_t i = 0; i < conv_.size(); ++i) {
    const Index F = options_.num_filters[i];
    std::string name = detail::conv_name(F, options_.filter_sizes[i], stride_of(options_, i));
    std::string parameters = conv_[i].W + " " + conv_[i].b;
    if (options_.use_batch_norm) {
      name += " - batch norm";
      parameters += " " + conv_[i].gamma + " " + conv_[i].beta;
    }
    LayerSummary layer =
        detail::conv_summary(name + " - relu", parameters, C, options_.filter_sizes[i], outputs[i], i == 0);
    if (options_.use_batch_norm) {
      layer.parameter_count += 2 * F;
      layer.activation_count *= 2;  // the convolution's output, and relu's
    }
    if (i == 0) layer.activation_count += options_.input_dim.size();  // the images, channels last
    const bool last = i + 1 == conv_.size();
    const Index k = conv_[i].pool;
    const Shape output = pooled(outputs[i], k);
    const Index first_too =
        last && !options_.global_average ? output.size() : 0;  // channels first, for the affine layer
    if (k == 1) layer.activation_count += first_too;
    result.layers.push_back(std::move(layer));
    C = F;
    // The pooled images and the places of the maxima.
    const std::string side = std::to_string(k);
    if (k > 1)
      result.layers.push_back({std::string(side).append("x").append(side).append(" max pool, stride ").append(side), "",
                               output, 0, 0, 2 * output.size() + first_too});
  }
  const Shape inputs = score_inputs(options_, outputs.back());
  if (options_.global_average) result.layers.push_back({"global average pool", "", inputs, 0, 0, inputs.size()});
  result.layers.push_back(detail::affine_summary("affine - softmax", score_W_ + " " + score_b_, inputs.size(),
                                                 options_.num_classes, false));
  return result;
}

template <class T>
std::vector<LayerView<T>> ConvNet<T>::layers() const {
  std::vector<LayerView<T>> result;
  for (const ConvLayer& layer : conv_)
    result.push_back({"conv " + std::to_string(result.size() + 1), layer.W, layer.beta.empty() ? layer.b : layer.beta,
                      true, layer.out});
  result.push_back({"affine " + std::to_string(result.size() + 1), score_W_, score_b_, false, scores_});
  return result;
}

template <class T>
template <class U>
ConvNet<U> ConvNet<T>::to() const {
  ConvNet<U> net;
  net.options_ = options_;
  net.options_.precision = detail::precision_in<U>(options_.precision);
  net.assign(*this);
  net.make_layers();
  for (std::size_t i = 0; i < conv_.size(); ++i) detail::copy_bn_param(conv_[i].bn_param, net.conv_[i].bn_param);
  return net;
}

template class ConvNet<float>;
template class ConvNet<double>;
template ConvNet<float> ConvNet<float>::to() const;
template ConvNet<double> ConvNet<float>::to() const;
template ConvNet<float> ConvNet<double>::to() const;
template ConvNet<double> ConvNet<double>::to() const;

}  // namespace lamina
