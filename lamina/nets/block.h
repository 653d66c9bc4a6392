// Blocks: what a net is made of. A block holds its parameters' names, its caches and scratch memory, and calls one
// layer or sandwich (a fused layer of lamina/sandwiches/). lamina/nets/blocks/ has a file for each block; relu.h is the
// shortest. A net (net.h) is a list of blocks, which Sequential (sequential.h) runs in order.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/layers/batchnorm.h"
#include "lamina/layers/dropout.h"
#include "lamina/layers/mode.h"
#include "lamina/layers/precision.h"
#include "lamina/nets/block_text.h"
#include "lamina/nets/summary.h"
#include "lamina/parameters.h"
#include "lamina/random.h"
#include "lamina/tensor.h"

namespace lamina {

/// A named tensor that a net keeps but does not learn: a running average.
template <class T>
struct NamedTensor {
  std::string name;
  TensorView<T> value;
};

/// Names and shapes of a net's parameters, in order.
using ParameterLayout = std::vector<std::pair<std::string, Shape>>;

/// A layer with weights after the net's last pass, for whoever measures it (Probe in solver/diagnostics.h).
template <class T>
struct LayerView {
  std::string name;      ///< "conv 1", "affine 2": numbered among the layers with weights
  std::string weights;   ///< the name of its weight matrix or filters: "W_1"
  std::string shift;     ///< the name of its bias: "b_1", or "beta1" if a normalization cancels the effect of b; empty
                         ///< if there is none
  bool relu = false;     ///< whether a ReLU follows
  TensorView<T> output;  ///< (N, ..., units), after its ReLU, before dropout and pooling; valid until the next pass
};

/// Shape and layout of one example at some point of a net: its shape without the batch axis, and, for images (C, H, W),
/// their layout in memory.
struct Example {
  Shape shape;
  Layout layout = Layout::nchw;
  bool is_image() const { return shape.rank() == 3; }
};

/// The parameters that the blocks of a net declare, one block after another. Affine layers and convolutions are
/// numbered consecutively (W1, b1, W2, ...), and so are normalizations (gamma1, beta1, ...).
class Declaration {
 public:
  /// `where` names the net in errors. `separator` is put between W or b and its number.
  Declaration(std::string_view where, Precision precision, std::string separator = "")
      : where_(where), precision_(precision), separator_(std::move(separator)) {}

  /// Adds a weight matrix or filters and, if `bias`, a bias of shape (outputs,), which are updated by these factors.
  /// Returns their names; that of a missing bias is empty. Throws std::invalid_argument if the net then has more than
  /// 2^33 parameters, as add_normalization() does.
  std::pair<std::string, std::string> add_weights(const Shape& weights, Index outputs, const UpdateFactors& factors,
                                                  bool bias = true);
  /// Adds gamma<number> and beta<number>, both of `shape`, unless the normalization has no scale. Returns the number.
  std::string add_normalization(const Shape& shape, const UpdateFactors& factors, bool scale = true);

  std::string_view where() const { return where_; }
  Precision precision() const { return precision_; }
  const ParameterLayout& layout() const { return layout_; }
  /// One for each parameter.
  const std::vector<UpdateFactors>& factors() const { return factors_; }
  /// The number of gammas of each normalization, or of means for one without a scale.
  const std::vector<Index>& normalizations() const { return normalizations_; }

 private:
  void add(std::string name, const Shape& shape, const UpdateFactors& factors);

  std::string where_;
  Precision precision_;
  std::string separator_;
  ParameterLayout layout_;
  std::vector<UpdateFactors> factors_;
  std::vector<Index> normalizations_;
  int weights_ = 0;
  Index total_ = 0;
};

/// What all blocks of a net are given in a forward or backward pass.
template <class T>
struct Pass {
  Mode mode;
  const Parameters<T>& params;
  Parameters<T>& grads;
  RandomState* random;                   ///< dropout's stream
  std::optional<std::size_t> slot = {};  ///< in a part of a mini-batch: which one, for what draw_slots() drew for it

  /// The parameter of this name and its gradient; empty views for an empty name, which stands for no parameter.
  TensorView<T> param(std::string_view name) const { return name.empty() ? TensorView<T>() : params[name]; }
  TensorView<T> grad(std::string_view name) const { return name.empty() ? TensorView<T>() : grads[name]; }
};

/// One step of a pass: a block, adjacent blocks fused into a sandwich, or a change of layout.
template <class T>
class Step {
 public:
  Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  virtual ~Step() = default;

  /// Returns the output, which is valid until the next pass. x must stay unchanged until the backward pass.
  virtual TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) = 0;
  /// Writes the gradients of its parameters. If `dx` is not null, returns the gradient of x: a view of *dx, which it
  /// fills, or of dout if the values are the same. If it is null, nobody wants that gradient: it need not be computed,
  /// and what is returned is not used.
  virtual TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) = 0;
  /// Whether it has parameters.
  virtual bool learns() const { return false; }
  /// Adds its line or lines to a summary.
  virtual void describe(SummaryWriter& summary) const = 0;
  /// Adds its layers with weights to `views`. `follows` says whether the step directly before this one added exactly
  /// the last of them, without a ReLU: then this step, if it is a normalization, belongs to that layer, and changes the
  /// view's shift and output to its own.
  virtual void view(std::vector<LayerView<T>>& views, bool follows) const;
};

/// A block of a net. Sequential calls `wants` and `declare` once, when the net is built; Net then calls `draw`. Each
/// pass calls `forward`, and in training `backward`.
template <class T>
class Block : public Step<T> {
 public:
  /// The layout in which it takes images, if the block before it gives them in layout `given`.
  virtual Layout wants(Layout given) const { return given; }
  /// Declares its parameters and returns its output for an example of `input`. Throws std::invalid_argument if it
  /// cannot take such examples.
  virtual Example declare(const Example& input, Declaration& declaration) = 0;
  /// Sets its weights to their initial values, drawn in double and rounded to T. Biases and betas stay 0, gammas 1.
  virtual void draw(Parameters<T>& params, RandomState& random) const;
  /// Draws from `random` what a training pass over the examples of a whole mini-batch draws, for passes over parts of
  /// it: slot s has the examples from starts[s] up to starts[s + 1].
  virtual void draw_slots(std::span<const Index> starts, RandomState& random);
  /// Adds its running averages.
  virtual void buffers(std::vector<NamedTensor<T>>& buffers);
  /// Adds the settings of its normalizations; layer and group normalizations read only eps.
  virtual void normalizations(std::vector<BatchNormParam<T>*>& params);
  /// Adds the settings of its dropout layers; p = 1 turns dropout off.
  virtual void dropouts(std::vector<DropoutParam*>& params);
};

/// The options of any one block, from which the block is made in float or double. `Blocks`, for example
/// `{Conv{.filters = 32}, Relu{}, Affine{.outputs = 10}}`, is a list of these.
///
/// A block's options are a struct with its name kName, `visit(BlockVisitor&)`, which passes each field to the visitor
/// (block_text.h), and `make<T>()`, which makes the Block<T>. A list may also contain a struct of your own of this
/// form.
class AnyBlock {
 public:
  /// Throws std::invalid_argument if an option is out of range.
  template <class Options>
  AnyBlock(Options options) : options_(std::make_shared<Held<Options>>(std::move(options))) {  // NOLINT: implicit
    options_->visit(*block_checker(name()));
  }

  /// The first word of its text: "conv".
  std::string_view name() const { return options_->name(); }
  void visit(BlockVisitor& visitor) const { options_->visit(visitor); }
  template <class T>
  std::unique_ptr<Block<T>> make() const {
    std::unique_ptr<Block<T>> block;
    options_->make(block);
    return block;
  }
  /// Its place in the text that it was read from, counted in characters, which errors name; none if it was not read.
  std::optional<std::size_t> place() const { return place_; }
  void stands_at(std::size_t place) { place_ = place; }
  /// The options if they are of this type, otherwise null.
  template <class Options>
  const Options* as() const {
    const auto* held = dynamic_cast<const Held<Options>*>(options_.get());
    return held ? &held->options : nullptr;
  }

 private:
  struct Any {
    virtual ~Any() = default;
    virtual std::string_view name() const = 0;
    virtual void visit(BlockVisitor& visitor) const = 0;
    virtual void make(std::unique_ptr<Block<float>>& block) const = 0;
    virtual void make(std::unique_ptr<Block<double>>& block) const = 0;
  };
  template <class Options>
  struct Held : Any {
    explicit Held(Options given) : options(std::move(given)) {}
    std::string_view name() const override { return Options::kName; }
    void visit(BlockVisitor& visitor) const override {
      Options copy = options;
      copy.visit(visitor);
    }
    void make(std::unique_ptr<Block<float>>& block) const override { block = options.template make<float>(); }
    void make(std::unique_ptr<Block<double>>& block) const override { block = options.template make<double>(); }
    Options options;
  };

  std::shared_ptr<const Any> options_;
  std::optional<std::size_t> place_;
};

}  // namespace lamina
