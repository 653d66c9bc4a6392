#include "lamina/nets/net.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <type_traits>
#include <utility>

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/layers/absolute_loss.h"
#include "lamina/layers/huber_loss.h"
#include "lamina/layers/sigmoid_loss.h"
#include "lamina/layers/softmax_loss.h"
#include "lamina/layers/squared_loss.h"
#include "lamina/layers/svm_loss.h"
#include "lamina/nets/blocks/affine.h"
#include "lamina/nets/sequential.h"

namespace lamina {
namespace {

// Declares the blocks and returns the number of classes.
template <class T>
Index declare_all(Block<T>& blocks, const Shape& input, Declaration& declaration) {
  if (input.size() == 0 || (input.rank() != 1 && input.rank() != 3))
    fail(declaration.where(), "expected examples of shape (D) or (C, H, W), each at least 1, got ", input);
  const Shape scores = blocks.declare({input}, declaration).shape;
  if (scores.rank() != 1)
    fail(declaration.where(), "expected a last block that gives scores (C), such as affine, got one that gives ",
         scores);
  return scores[0];
}

void check_loss(const std::string& where, const LossOptions& loss, double label_smoothing) {
  if (!(label_smoothing >= 0 && label_smoothing < 1))
    fail(where, "expected label_smoothing of at least 0 and below 1, got ", label_smoothing);
  if (label_smoothing > 0 && loss.loss != Loss::softmax)
    fail(where, "expected no label_smoothing with the ", name_of(loss.loss), " loss, got ", label_smoothing);
  if (!(loss.huber_delta > 0)) fail(where, "expected huber_delta above 0, got ", loss.huber_delta);
}

void check_options(const NetOptions& options) {
  if (!std::isfinite(options.reg) || options.reg < 0)
    fail(options.name, "expected a finite reg of at least 0, got ", options.reg);
  check_loss(options.name, options.loss, options.label_smoothing);
}

}  // namespace

Index score_count(const Shape& input, const Blocks& blocks) {
  Declaration declaration(NetOptions{}.name, Precision::full);
  Sequential<float> root(blocks);
  return declare_all(root, input, declaration);
}

ParameterLayout parameter_layout(const Shape& input, const Blocks& blocks, const NetOptions& options) {
  check_options(options);
  Declaration declaration(options.name, options.precision, options.separator);
  Sequential<float> root(blocks);
  declare_all(root, input, declaration);
  return declaration.layout();
}

std::vector<Index> normalization_sizes(const Shape& input, const Blocks& blocks) {
  Declaration declaration(NetOptions{}.name, Precision::full);
  Sequential<float> root(blocks);
  declare_all(root, input, declaration);
  return declaration.normalizations();
}

std::vector<UpdateFactors> update_factors(const Shape& input, const Blocks& blocks) {
  Declaration declaration(NetOptions{}.name, Precision::full);
  Sequential<float> root(blocks);
  declare_all(root, input, declaration);
  return declaration.factors();
}

template <class T>
Net<T>::Net(const Shape& input, Blocks blocks, RandomState& random, NetOptions options, Weights weights)
    : reg(options.reg),
      label_smoothing(options.label_smoothing),
      input_(input),
      blocks_(std::move(blocks)),
      options_(std::move(options)),
      random_(&random) {
  check_options(options_);
  check_precision<T>(options_.name, options_.precision);
  build();
  if (weights == Weights::drawn) root_->draw(params_, random);
}

template <class T>
template <class U>
Net<T>::Net(const Net<U>& other)
    : input_(other.input_), blocks_(other.blocks_), options_(other.options_), random_(other.random_) {
  if (!std::is_same_v<T, float>) options_.precision = Precision::full;
  build();
  assign(other);
}

template <class T>
Net<T>::Net(const Net& other)
    : input_(other.input_), blocks_(other.blocks_), options_(other.options_), random_(other.random_) {
  build();
  assign(other);
}

template <class T>
Net<T>& Net<T>::operator=(const Net& other) {
  if (this != &other) *this = Net(other);
  return *this;
}

// Makes the blocks, and the parameters: gammas are 1, all others 0.
template <class T>
void Net<T>::build() {
  static std::atomic<std::uint64_t> nets{0};
  made_ = ++nets;
  Declaration declaration(options_.name, options_.precision, options_.separator);
  root_ = std::make_unique<Sequential<T>>(blocks_);
  num_classes_ = declare_all(*root_, input_, declaration);
  update_factors_ = declaration.factors();
  params_ = Parameters<T>(declaration.layout());
  grads_ = Parameters<T>(declaration.layout());
  for (auto& [name, value] : params_)
    if (name.starts_with("gamma")) value.fill(T{1});
}

// Copies parameters, running averages and settings from a net with the same blocks.
template <class T>
template <class U>
void Net<T>::assign(const Net<U>& other) {
  auto to = params_.begin();
  for (const auto& from : other.params_) {
    std::transform(from.value.begin(), from.value.end(), to->value.begin(), [](U x) { return static_cast<T>(x); });
    ++to;
  }
  assign_settings(other);
}

template <class T>
template <class U>
void Net<T>::assign_settings(const Net<U>& other) {
  const auto cast = [](U x) { return static_cast<T>(x); };
  reg = other.reg;
  label_smoothing = other.label_smoothing;
  std::vector<BatchNormParam<U>*> from;
  other.root_->normalizations(from);
  for (std::size_t i = 0; BatchNormParam<T> * param : normalizations()) {
    const BatchNormParam<U>& source = *from[i++];
    const auto take_over = [cast](const Tensor<U>& x, Tensor<T>& y) {
      y.resize(x.shape());
      std::transform(x.begin(), x.end(), y.begin(), cast);
    };
    take_over(source.running_mean, param->running_mean);
    take_over(source.running_var, param->running_var);
    param->momentum = source.momentum;
    param->eps = source.eps;
  }
  std::vector<DropoutParam*> dropouts;
  other.root_->dropouts(dropouts);
  for (std::size_t i = 0; DropoutParam * param : this->dropouts()) *param = *dropouts[i++];
}

template <class T>
void Net<T>::check_parameters() const {
  const std::string_view where = options_.name;
  if (params_.size() != grads_.size())
    fail(where, "expected ", grads_.size(), " parameters as when the net was made, got ", params_.size());
  auto made = grads_.begin();
  for (const auto& entry : params_) {
    if (entry.name != made->name) fail(where, "expected the parameter ", made->name, ", got ", entry.name);
    check_shape(where, entry.name, entry.value.shape(), made->value.shape(), "the net");
    ++made;
  }
}

template <class T>
void Net<T>::check_input(const TensorView<T>& X) const {
  const std::string_view where = options_.name;
  if (input_.rank() == 3) {
    if (X.rank() != 4 || !std::equal(input_.begin(), input_.end(), X.shape().begin() + 1))
      fail(where, "expected X of shape (N, ", input_[0], ", ", input_[1], ", ", input_[2], "), got ", X.shape());
    return;
  }
  double values = 1;  // double, as the product may overflow Index if another axis has length 0
  for (int axis = 1; axis < X.rank(); ++axis) values *= static_cast<double>(X.dim(axis));
  if (X.rank() == 0 || values != static_cast<double>(input_.size()))
    fail(where, "expected X of shape (N, ...) with ", input_.size(), " values an example, got ", X.shape());
}

template <class T>
void Net<T>::check_labels(const TensorView<T>& X, std::span<const Label> y) const {
  const std::string_view where = options_.name;
  const Index N = X.dim(0);
  if (N == 0) fail(where, "expected X with at least one example, got ", X.shape());
  if (static_cast<Index>(y.size()) != N)
    fail(where, "expected one label y for each of the ", N, " examples of X ", X.shape(), ", got ", y.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i] < 0 || y[i] >= num_classes_)
      fail(where, "expected labels y of 0 to ", num_classes_ - 1, ", got ", y[i], " at position ", i);
}

template <class T>
void Net<T>::check_targets(const TensorView<T>& X, const BatchTargets<T>& targets) const {
  if (takes_labels(options_.loss.loss)) return check_labels(X, targets.labels);
  const Shape expected{X.dim(0), num_classes_};
  if (targets.numbers.shape() != expected)
    fail(options_.name, "expected numbers of shape ", expected, " as targets of the ", name_of(options_.loss.loss),
         " loss, got ", targets.labels.empty() ? targets.numbers.shape().to_string() : "labels");
}

template <class T>
void Net<T>::set_loss(const LossOptions& loss, double smoothing) {
  check_loss(options_.name, loss, smoothing);
  options_.loss = loss;
  label_smoothing = smoothing;
}

template <class T>
TensorView<T> Net<T>::forward(const TensorView<T>& X, Mode mode, std::optional<std::size_t> slot) {
  check_parameters();
  const TensorView<T> x = input_.rank() == 1 ? X.reshaped({X.dim(0), input_.size()}) : X;
  return root_->forward(x, {mode, params_, grads_, random_, slot});
}

template <class T>
const Tensor<T>& Net<T>::loss(const TensorView<T>& X) {
  check_input(X);
  scores_.assign(forward(X, Mode::test));
  return scores_;
}

template <class T>
LossAndGradients<T> Net<T>::loss(const TensorView<T>& X, std::span<const Label> y) {
  return loss(X, BatchTargets<T>{.labels = y});
}

template <class T>
LossAndGradients<T> Net<T>::loss(const TensorView<T>& X, const BatchTargets<T>& targets) {
  const double of_data = data_pass(X, targets, {});
  return {of_data + add_regularization(), grads_};
}

template <class T>
void Net<T>::draw_slots(std::span<const Index> starts, RandomState& random) {
  root_->draw_slots(starts, random);
}

template <class T>
std::unique_ptr<Net<T>> Net<T>::twin() const {
  auto twin = std::make_unique<Net<T>>(*this);
  std::vector<T*> memory;
  for (const auto& entry : params_) memory.push_back(const_cast<T*>(entry.value.data()));
  twin->params_ = Parameters<T>(params_, memory);
  twin->made_ = made_;
  return twin;
}

template <class T>
void Net<T>::follow(const Net& other) {
  options_.loss = other.options_.loss;
  assign_settings(other);
}

template <class T>
LossAndGradients<T> Net<T>::slot_loss(const TensorView<T>& X, const BatchTargets<T>& targets, std::size_t slot) {
  return {data_pass(X, targets, slot), grads_};
}

template <class T>
double Net<T>::data_pass(const TensorView<T>& X, const BatchTargets<T>& targets, std::optional<std::size_t> slot) {
  check_input(X);
  check_targets(X, targets);
  const double of_data = data_loss(forward(X, Mode::train, slot), targets);
  root_->backward(dscores_, {Mode::train, params_, grads_, random_, slot}, nullptr);
  return of_data;
}

// Also writes the gradient of the scores.
template <class T>
double Net<T>::data_loss(const TensorView<T>& scores, const BatchTargets<T>& targets) {
  switch (options_.loss.loss) {
    case Loss::svm:
      return svm_loss<T>(scores, targets.labels, &dscores_, targets.weights);
    case Loss::sigmoid:
      return sigmoid_loss<T>(scores, targets.numbers, &dscores_, targets.weights);
    case Loss::squared:
      return squared_loss<T>(scores, targets.numbers, &dscores_, targets.weights);
    case Loss::absolute:
      return absolute_loss<T>(scores, targets.numbers, &dscores_, targets.weights);
    case Loss::huber:
      return huber_loss<T>(scores, targets.numbers, &dscores_, options_.loss.huber_delta, targets.weights);
    default:
      return softmax_loss<T>(scores, targets.labels, &dscores_, label_smoothing, targets.weights);
  }
}

template <class T>
double Net<T>::add_regularization() {
  if (reg == 0) return 0;
  double sum = 0;
  auto gradient = grads_.begin();
  for (const auto& [name, W] : params_) {
    if (name.starts_with('W')) {
      sum += kernels::sum_of_squares(W.size(), W.data());
      kernels::axpy(W.size(), static_cast<T>(reg), W.data(), gradient->value.data());
    }
    ++gradient;
  }
  return 0.5 * reg * sum;
}

template <class T>
std::vector<NamedTensor<T>> Net<T>::buffers() {
  std::vector<NamedTensor<T>> buffers;
  list_buffers(buffers);
  return buffers;
}

template <class T>
void Net<T>::list_buffers(std::vector<NamedTensor<T>>& buffers) {
  buffers.clear();
  root_->buffers(buffers);
}

// A net that begins with an affine layer mostly reads weights, so it shares one read of them among more examples.
template <class T>
Index Net<T>::check_batch() const {
  return !blocks_.empty() && blocks_.front().name() == Affine::kName ? 250 : 100;
}

template <class T>
NetSummary Net<T>::summary() const {
  SummaryWriter writer;
  root_->describe(writer);
  writer.elementwise(std::string(name_of(options_.loss.loss)) + (options_.loss.loss == Loss::softmax ? "" : " loss"),
                     {}, true);
  std::string title = options_.name + (std::is_same_v<T, float> ? ", float32" : ", float64");
  if (options_.precision == Precision::bf16) title += ", products in bf16";
  return {std::move(title), input_, writer.take(), sizeof(T)};
}

template <class T>
std::vector<LayerView<T>> Net<T>::layers() const {
  std::vector<LayerView<T>> views;
  root_->view(views, false);
  return views;
}

template <class T>
std::vector<BatchNormParam<T>*> Net<T>::normalizations() {
  std::vector<BatchNormParam<T>*> params;
  root_->normalizations(params);
  return params;
}

template <class T>
std::vector<DropoutParam*> Net<T>::dropouts() {
  std::vector<DropoutParam*> params;
  root_->dropouts(params);
  return params;
}

template <class T>
BatchNormParam<T>& Net<T>::bn_param(std::size_t i) {
  const std::vector<BatchNormParam<T>*> params = normalizations();
  if (i >= params.size()) fail(options_.name, "expected a normalization of 0 to below ", params.size(), ", got ", i);
  return *params[i];
}

template class Net<float>;
template class Net<double>;
template Net<float>::Net(const Net<double>&);
template Net<double>::Net(const Net<float>&);

}  // namespace lamina
