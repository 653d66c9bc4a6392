// Blocks: what a net is made of. A block holds its parameters' names, its caches and scratch memory, and calls one
// layer or sandwich; a net (net.h) is a list of blocks. lamina/nets/blocks/ has a file for each block.
#pragma once

#include <memory>
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

/// Names and shapes of a net's parameters, in their order.
using ParameterLayout = std::vector<std::pair<std::string, Shape>>;

/// A layer that learns, as the net's last pass left it: what a look into the net needs.
template <class T>
struct LayerView {
  std::string name;      ///< "conv 1", "affine 2": by its place among these
  std::string weights;   ///< its weight matrix or filters, by name: "W_1"
  std::string shift;     ///< what is added to its output: "b_1", or "beta1" where a normalization takes b's effect away
  bool relu = false;     ///< whether a ReLU follows
  TensorView<T> output;  ///< (N, ..., units), after its ReLU, before dropout and pooling; valid until the next pass
};

/// What comes out of a block for one example: its shape without the batch axis, and for images, whose shape is
/// (C, H, W), their order in memory.
struct Example {
  Shape shape;
  Layout layout = Layout::nchw;
  bool is_image() const { return shape.rank() == 3; }
};

/// The parameters that the blocks of a net declare, one block after the other. Weights and biases of affine layers and
/// convolutions are numbered straight on, and so are gammas and betas of normalizations.
class Declaration {
 public:
  /// `where` names the net in errors. `separator` stands between W or b and its number.
  Declaration(std::string_view where, Precision precision, std::string separator = "")
      : where_(where), precision_(precision), separator_(std::move(separator)) {}

  /// The names of a weight matrix or filters, and of a bias (outputs,). Throws std::invalid_argument where the net
  /// becomes too large for any computer at hand.
  std::pair<std::string, std::string> add_weights(const Shape& weights, Index outputs);
  /// The number of a normalization with gamma<number> and beta<number>, both of `shape`.
  std::string add_normalization(const Shape& shape);

  std::string_view where() const { return where_; }
  Precision precision() const { return precision_; }
  const ParameterLayout& layout() const { return layout_; }

 private:
  void add(std::string name, const Shape& shape);

  std::string where_;
  Precision precision_;
  std::string separator_;
  ParameterLayout layout_;
  int weights_ = 0, normalizations_ = 0;
  Index total_ = 0;
};

/// What the blocks of a net share during one pass.
template <class T>
struct Pass {
  Mode mode;
  const Parameters<T>& params;
  Parameters<T>& grads;
  RandomState* random;  ///< dropout's stream
};

/// One step of a pass: a block, neighbouring blocks that are fused into a sandwich, or a change of layout.
template <class T>
class Step {
 public:
  Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  virtual ~Step() = default;

  /// The output for x, which must stay until the backward pass; valid until the next pass.
  virtual TensorView<T> forward(const TensorView<T>& x, const Pass<T>& pass) = 0;
  /// Writes the gradients of its parameters. Where `dx` is not null it returns the gradient of x: a view of *dx, which
  /// it fills, or of dout, where the two are the same numbers.
  virtual TensorView<T> backward(const TensorView<T>& dout, const Pass<T>& pass, Tensor<T>* dx) = 0;
  /// Whether it has parameters.
  virtual bool learns() const { return false; }
  /// Adds its line, or lines, to a summary.
  virtual void describe(SummaryWriter& summary) const = 0;
  /// Adds the layers in it that learn. `follows`: the last of `views` is of the step right before this one.
  virtual void view(std::vector<LayerView<T>>& views, bool follows) const;
};

/// A block of a net. `declare` comes first, and once.
template <class T>
class Block : public Step<T> {
 public:
  /// The order in which it wants images that would come in `given`.
  virtual Layout wants(Layout given) const { return given; }
  /// Declares its parameters. Gives what comes out of it for an example of `input`. Throws std::invalid_argument where
  /// it cannot take such examples.
  virtual Example declare(const Example& input, Declaration& declaration) = 0;
  /// Sets its weights to their initial values, drawn in double and rounded to T. Biases and betas stay zero, gammas
  /// one.
  virtual void draw(Parameters<T>& params, RandomState& random) const;
  /// How many numbers a training pass over N examples draws from the run's stream.
  virtual Index draws(Index N) const;
  /// Adds its running averages.
  virtual void buffers(std::vector<NamedTensor<T>>& buffers);
  /// Adds what its normalizations are told; layer and group normalizations read eps alone.
  virtual void normalizations(std::vector<BatchNormParam<T>*>& params);
  /// Adds what its dropout layers are told; where p is 1, dropout is left out.
  virtual void dropouts(std::vector<DropoutParam*>& params);
};

/// A block by its options alone, as a net's text gives it, for either precision. A list of options, such as
/// `{Conv{.filters = 32}, Relu{}, Affine{.outputs = 10}}`, is a list of these.
///
/// Options of a block are a struct with a name kName, `visit(BlockVisitor&)`, which goes through its fields, and
/// `make<T>()`, which gives the Block<T>. A program's own struct of this form can stand in such a list too.
class AnyBlock {
 public:
  /// Throws std::invalid_argument where an option is out of range.
  template <class Options>
  AnyBlock(Options options) : options_(std::make_shared<Held<Options>>(std::move(options))) {  // NOLINT: implicit
    options_->visit(*block_checker(name()));
  }

  /// The word that begins its text: "conv".
  std::string_view name() const { return options_->name(); }
  void visit(BlockVisitor& visitor) const { options_->visit(visitor); }
  template <class T>
  std::unique_ptr<Block<T>> make() const {
    std::unique_ptr<Block<T>> block;
    options_->make(block);
    return block;
  }
  /// The options where they are of this type, else null.
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
};

}  // namespace lamina
