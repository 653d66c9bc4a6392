#include "lamina/nets/fused.h"

#include "lamina/nets/blocks/affine.h"
#include "lamina/nets/blocks/batchnorm.h"
#include "lamina/nets/blocks/conv.h"
#include "lamina/nets/blocks/dropout.h"
#include "lamina/nets/blocks/layernorm.h"
#include "lamina/nets/blocks/relu.h"
#include "lamina/sandwiches/affine_norm_relu_dropout.h"
#include "lamina/sandwiches/conv_bn_relu.h"
#include "lamina/sandwiches/conv_relu.h"

namespace lamina {
namespace {

// A step made of several blocks.
template <class T>
class Fused : public Step<T> {
 public:
  explicit Fused(std::vector<const Step<T>*> parts) : parts_(std::move(parts)) {}

  bool learns() const override { return true; }
  void describe(SummaryWriter& summary) const override {
    for (const Step<T>* part : parts_) part->describe(summary);
  }
  // Every sandwich here applies a ReLU, whose output is `out`.
  void view_as(std::vector<LayerView<T>>& views, const std::string& shift, const TensorView<T>& out) const {
    parts_.front()->view(views, false);
    views.back().shift = shift;
    views.back().relu = true;
    views.back().output = out;
  }

 private:
  std::vector<const Step<T>*> parts_;
};

template <class T>
class FusedConvRelu : public Fused<T> {
 public:
  FusedConvRelu(const ConvBlock<T>& conv, const ReluBlock<T>& relu) : Fused<T>({&conv, &relu}), conv_(conv) {}

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override {
    conv_relu_forward(x, pass.params[conv_.W()], pass.param(conv_.b()), conv_.param(), out_, cache_);
    return out_;
  }
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override {
    conv_relu_backward<T>(dout, cache_, dx, pass.grads[conv_.W()], pass.grad(conv_.b()));
    return dx ? *dx : TensorView<T>();
  }
  void view(std::vector<LayerView<T>>& views, bool) const override { this->view_as(views, conv_.b(), out_); }

 private:
  const ConvBlock<T>& conv_;
  ConvReluCache<T> cache_;
  Tensor<T> out_;
};

template <class T>
class FusedConvBnRelu : public Fused<T> {
 public:
  FusedConvBnRelu(const ConvBlock<T>& conv, BatchNormBlock<T>& norm, const ReluBlock<T>& relu)
      : Fused<T>({&conv, &norm, &relu}), conv_(conv), norm_(norm) {}

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override {
    norm_.param().mode = pass.mode;
    conv_bn_relu_forward(x, pass.params[conv_.W()], pass.param(conv_.b()), norm_.gamma(pass), norm_.beta(pass),
                         conv_.param(), norm_.param(), out_, cache_);
    return out_;
  }
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override {
    conv_bn_relu_backward<T>(dout, cache_, dx, pass.grads[conv_.W()], pass.grad(conv_.b()), norm_.dgamma(pass),
                             norm_.dbeta(pass));
    return dx ? *dx : TensorView<T>();
  }
  void view(std::vector<LayerView<T>>& views, bool) const override { this->view_as(views, norm_.beta(), out_); }

 private:
  const ConvBlock<T>& conv_;
  BatchNormBlock<T>& norm_;
  ConvBnReluCache<T> cache_;
  Tensor<T> out_;
};

// The blocks of a fully connected net's hidden layer; null if the layer does not have them.
template <class T>
struct HiddenBlocks {
  const AffineBlock<T>* affine = nullptr;
  BatchNormBlock<T>* batchnorm = nullptr;
  LayerNormBlock<T>* layernorm = nullptr;
  const ReluBlock<T>* relu = nullptr;
  DropoutBlock<T>* dropout = nullptr;

  std::vector<const Step<T>*> parts() const {
    std::vector<const Step<T>*> parts{affine};
    for (const Step<T>* part : std::initializer_list<const Step<T>*>{batchnorm, layernorm, relu, dropout})
      if (part) parts.push_back(part);
    return parts;
  }
};

template <class T>
class FusedHidden : public Fused<T> {
 public:
  explicit FusedHidden(const HiddenBlocks<T>& blocks) : Fused<T>(blocks.parts()), blocks_(blocks) {
    param_.precision = blocks.affine->precision();
    shift_ = blocks.affine->b();
    if (blocks.batchnorm) {
      param_.normalization = Normalization::batchnorm;
      param_.batchnorm = &blocks.batchnorm->param();
      shift_ = blocks.batchnorm->beta();
    } else if (blocks.layernorm) {
      param_.normalization = Normalization::layernorm;
      shift_ = blocks.layernorm->beta();
    }
  }

  TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) override {
    if (param_.batchnorm) param_.batchnorm->mode = pass.mode;
    if (blocks_.layernorm) param_.layernorm.eps = blocks_.layernorm->param().eps;
    if (blocks_.dropout) dropout_ = blocks_.dropout->param(pass);
    const bool drops = blocks_.dropout && dropout_.p != 1 && pass.mode == Mode::train;
    param_.dropout = drops ? &dropout_ : nullptr;
    if (drops) param_.random = blocks_.dropout->stream(pass);
    TensorView<T> gamma, beta;
    if (blocks_.batchnorm) gamma = blocks_.batchnorm->gamma(pass), beta = blocks_.batchnorm->beta(pass);
    if (blocks_.layernorm) gamma = pass.param(blocks_.layernorm->gamma()), beta = pass.param(blocks_.layernorm->beta());
    affine_norm_relu_dropout_forward(x, pass.params[blocks_.affine->W()], pass.param(blocks_.affine->b()), gamma, beta,
                                     param_, out_, cache_);
    return out_;
  }
  TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) override {
    TensorView<T> dgamma, dbeta;
    if (blocks_.batchnorm) dgamma = blocks_.batchnorm->dgamma(pass), dbeta = blocks_.batchnorm->dbeta(pass);
    if (blocks_.layernorm) dgamma = pass.grad(blocks_.layernorm->gamma()), dbeta = pass.grad(blocks_.layernorm->beta());
    affine_norm_relu_dropout_backward<T>(dout, cache_, dx, pass.grads[blocks_.affine->W()],
                                         pass.grad(blocks_.affine->b()), dgamma, dbeta);
    return dx ? *dx : TensorView<T>();
  }
  void view(std::vector<LayerView<T>>& views, bool) const override { this->view_as(views, shift_, cache_.relu.out); }

 private:
  HiddenBlocks<T> blocks_;
  AffineNormReluDropoutParam<T> param_;
  DropoutParam dropout_;
  std::string shift_;
  AffineNormReluDropoutCache<T> cache_;
  Tensor<T> out_;
};

// Walks through the steps from a given index, one expected kind of block at a time.
template <class T>
class Neighbours {
 public:
  Neighbours(const std::vector<Step<T>*>& steps, std::size_t at) : steps_(steps), at_(at) {}

  // If the next step is of this kind, returns it and moves past it; otherwise returns null.
  template <class Kind>
  Kind* next() {
    Kind* block = at_ < steps_.size() ? dynamic_cast<Kind*>(steps_[at_]) : nullptr;
    if (block) ++at_;
    return block;
  }
  std::size_t at() const { return at_; }

 private:
  const std::vector<Step<T>*>& steps_;
  std::size_t at_;
};

// The sandwich that begins at steps[at], or null if there is none; `end` is the index of the step after it.
template <class T>
std::unique_ptr<Step<T>> sandwich_at(const std::vector<Step<T>*>& steps, std::size_t at, std::size_t& end) {
  Neighbours<T> from(steps, at);
  std::unique_ptr<Step<T>> made;
  if (const auto* conv = from.template next<ConvBlock<T>>()) {
    auto* norm = from.template next<BatchNormBlock<T>>();
    if (const auto* relu = from.template next<ReluBlock<T>>()) {
      if (norm)
        made = std::make_unique<FusedConvBnRelu<T>>(*conv, *norm, *relu);
      else
        made = std::make_unique<FusedConvRelu<T>>(*conv, *relu);
    }
  } else if (HiddenBlocks<T> hidden; (hidden.affine = from.template next<AffineBlock<T>>())) {
    hidden.batchnorm = from.template next<BatchNormBlock<T>>();
    if (!hidden.batchnorm) hidden.layernorm = from.template next<LayerNormBlock<T>>();
    hidden.relu = from.template next<ReluBlock<T>>();
    if (hidden.relu) {
      hidden.dropout = from.template next<DropoutBlock<T>>();
      made = std::make_unique<FusedHidden<T>>(hidden);
    }
  }
  end = from.at();
  return made;
}

}  // namespace

template <class T>
void fuse_neighbours(std::vector<Step<T>*>& steps, std::vector<std::unique_ptr<Step<T>>>& made) {
  std::vector<Step<T>*> fused;
  for (std::size_t at = 0; at < steps.size();) {
    std::size_t end = at;
    std::unique_ptr<Step<T>> sandwich = sandwich_at(steps, at, end);
    fused.push_back(sandwich ? sandwich.get() : steps[at]);
    at = sandwich ? end : at + 1;
    if (sandwich) made.push_back(std::move(sandwich));
  }
  steps = std::move(fused);
}

template void fuse_neighbours(std::vector<Step<float>*>&, std::vector<std::unique_ptr<Step<float>>>&);
template void fuse_neighbours(std::vector<Step<double>*>&, std::vector<std::unique_ptr<Step<double>>>&);

}  // namespace lamina
