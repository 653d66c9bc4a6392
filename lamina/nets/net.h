// A net: a list of blocks (block.h) with its parameters (parameters.h), its loss and its gradients; and `Model`, the
// concept that Solver requires of a net, including a user's own.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/nets/block.h"
#include "lamina/nets/loss.h"
#include "lamina/nets/summary.h"
#include "lamina/parameters.h"
#include "lamina/random.h"
#include "lamina/tensor.h"

namespace lamina {

/// A loss and the gradients of all parameters, which stay valid until the net's next call.
template <class T>
struct LossAndGradients {
  double loss;
  const Parameters<T>& grads;
};

/// What Solver trains. `params()` returns the parameters; `loss(X)` the scores (N, C) of a test-time pass; `loss(X, y)`
/// runs a training pass and returns the loss and the gradients, under the parameters' names. If a model also has
/// `buffers()` (a vector of NamedTensor), Solver keeps and restores them with the best parameters; if it has
/// `check_batch()`, accuracy checks pass that many examples to `loss(X)` at once; if it has `update_factors()` (one
/// UpdateFactors for each parameter, in order), updates follow them. Targets that are numbers, or have weights, need a
/// `loss(X, const BatchTargets<Scalar>&)`.
template <class M>
concept Model = requires(M& model, const M& constant, const TensorView<typename M::Scalar>& X,
                         std::span<const Label> y) {
  { model.params() } -> std::same_as<Parameters<typename M::Scalar>&>;
  { constant.params() } -> std::same_as<const Parameters<typename M::Scalar>&>;
  { model.loss(X) } -> std::convertible_to<const TensorView<typename M::Scalar>&>;
  { model.loss(X, y) } -> std::convertible_to<LossAndGradients<typename M::Scalar>>;
};

/// The weights of a new net: drawn, or zero because the caller sets them next, for example from a file.
enum class Weights { drawn, zero };

/// The options of a net besides its blocks.
struct NetOptions {
  double reg = 0;  ///< see Net::reg
  LossOptions loss = {};
  double label_smoothing = 0;             ///< see Net::label_smoothing
  Precision precision = Precision::full;  ///< of the matrix products; bf16 only if T is float
  std::string name = "Net";               ///< in summaries and errors
  std::string separator = {};             ///< between W or b and its number: "_" for the notebooks' ConvNet
};

/// A list of blocks whose last one gives the scores (N, C), and a loss, softmax unless said. Parameters may be read and
/// written between any two calls: the net keeps no copies of them. Arithmetic runs in T. NumPy computes in double when
/// X is double and the parameters are float; `Net<double>(net).loss(X, y)` gives that result.
template <class T>
class Net {
 public:
  using Scalar = T;
  /// The class whose loss(X, targets) is that of slot_loss(). In a class that you derive from a net, perhaps with a
  /// loss of its own, this is still the net, and so Solver does not call slot_loss().
  using LossOf = Net;

  /// A net for examples of shape `input`: (C, H, W), or (D), which takes X of shape (N, ...) of any rank with D values
  /// per example. Weights are drawn from `random` in the order of the blocks. `random` is kept for dropout and must
  /// outlive the net. Throws std::invalid_argument if the blocks do not fit one another or an option is out of range.
  Net(const Shape& input, Blocks blocks, RandomState& random, NetOptions options = {},
      Weights weights = Weights::drawn);
  /// The same blocks, parameters, running averages and random stream in this precision.
  template <class U>
  explicit Net(const Net<U>& other);
  Net(const Net& other);
  Net& operator=(const Net& other);
  Net(Net&&) noexcept = default;
  Net& operator=(Net&&) noexcept = default;
  virtual ~Net() = default;

  Parameters<T>& params() { return params_; }
  const Parameters<T>& params() const { return params_; }
  /// Gradients of the last `loss(X, y)`, regularization included.
  const Parameters<T>& grads() const { return grads_; }
  /// The same, writable; the next `loss(X, y)` overwrites them.
  Parameters<T>& grads() { return grads_; }
  /// Running averages: "running_mean1", "running_var1", ..., numbered as gammas and betas are.
  std::vector<NamedTensor<T>> buffers();
  /// The same, written to `buffers`, whose memory is reused.
  void list_buffers(std::vector<NamedTensor<T>>& buffers);

  /// Scores (N, C) of a test-time forward pass; valid until the next call. X (N, ...) in the public layout.
  /// Throws std::invalid_argument if X's examples do not have the net's input shape.
  const Tensor<T>& loss(const TensorView<T>& X);
  /// Loss, regularization included, and gradients of a training forward and backward pass. Throws
  /// std::invalid_argument if X's examples do not have the input shape, or y is not one class number per example.
  LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y);
  /// The same for any targets, such as numbers (N, K), with weights of the examples or without. Throws
  /// std::invalid_argument if they are not what the net's loss takes.
  LossAndGradients<T> loss(const TensorView<T>& X, const BatchTargets<T>& targets);

  // Solver computes a mini-batch in slots (solver/slots.h) by these.
  /// Draws from `random` what a training pass over a whole mini-batch draws. Slot s has the examples from starts[s] up
  /// to starts[s + 1].
  void draw_slots(std::span<const Index> starts, RandomState& random);
  /// loss(X, targets) of the examples of slot s, with what draw_slots() drew for it, and without regularization.
  LossAndGradients<T> slot_loss(const TensorView<T>& X, const BatchTargets<T>& targets, std::size_t slot);
  /// Adds reg W to the gradients of all parameters named W..., and returns 0.5 reg sum W^2.
  double add_regularization();
  /// A net with the same blocks that uses this net's parameters (the same memory, no copy), so that another thread can
  /// run a pass. It has its own gradients and running averages. It must not outlive this net.
  std::unique_ptr<Net> twin() const;
  /// Whether `other`'s twin() has made this net, and `other` has not been assigned another net since.
  bool is_twin_of(const Net& other) const { return made_ == other.made_; }
  /// Takes over the running averages and settings of the net of which this one is a twin.
  void follow(const Net& other);
  /// The stream that dropout draws from.
  RandomState& random() { return *random_; }

  NetSummary summary() const;
  /// The layers with weights, in order, as the last pass left them.
  std::vector<LayerView<T>> layers() const;
  /// The settings of the net's normalizations (running averages, momentum, eps) and of its dropout layers (the
  /// probability of keeping), in order. They may be changed between two calls.
  std::vector<BatchNormParam<T>*> normalizations();
  std::vector<DropoutParam*> dropouts();
  /// The settings of normalization i, counted from 0. Throws std::invalid_argument if there is none.
  BatchNormParam<T>& bn_param(std::size_t i);
  /// How many examples an accuracy check should pass to loss(X) at once. It affects the scores only by rounding.
  Index check_batch() const;

  const Shape& input() const { return input_; }
  Index num_classes() const { return num_classes_; }
  const Blocks& blocks() const { return blocks_; }
  /// How the update of each parameter differs from that of the others, in the order of params().
  const std::vector<UpdateFactors>& update_factors() const { return update_factors_; }
  /// The options with which it was made.
  const NetOptions& net_options() const { return options_; }

  /// Strength of L2 regularization: the loss has 0.5 reg sum W^2 over weight matrices and filters.
  double reg = 0;
  /// Label smoothing of the softmax loss in training passes: at least 0 and below 1 (docs/nets.md has the formula).
  double label_smoothing = 0;
  /// Gives the net another loss. Throws std::invalid_argument if the two do not go together.
  void set_loss(const LossOptions& loss, double label_smoothing = 0);

 private:
  template <class U>
  friend class Net;

  void build();
  template <class U>
  void assign(const Net<U>& other);
  template <class U>
  void assign_settings(const Net<U>& other);
  void check_parameters() const;
  void check_input(const TensorView<T>& X) const;
  void check_targets(const TensorView<T>& X, const BatchTargets<T>& targets) const;
  void check_labels(const TensorView<T>& X, std::span<const Label> y) const;
  double data_loss(const TensorView<T>& scores, const BatchTargets<T>& targets);
  TensorView<T> forward(const TensorView<T>& X, Mode mode, std::optional<std::size_t> slot = {});
  double data_pass(const TensorView<T>& X, const BatchTargets<T>& targets, std::optional<std::size_t> slot);

  Shape input_;
  Blocks blocks_;
  NetOptions options_;
  RandomState* random_ = nullptr;
  Index num_classes_ = 0;
  std::unique_ptr<Block<T>> root_;
  Parameters<T> params_, grads_;
  std::vector<UpdateFactors> update_factors_;
  Tensor<T> scores_, dscores_;
  std::uint64_t made_ = 0;  // a number for each net that was made, which its twins share
};

/// The number of scores that these blocks give for an example. Throws as Net's constructor does.
Index score_count(const Shape& input, const Blocks& blocks);
/// Names and shapes of such a net's parameters, without making the net. Throws as Net's constructor does.
ParameterLayout parameter_layout(const Shape& input, const Blocks& blocks, const NetOptions& options = {});
/// Net::update_factors() of such a net, without making the net. Throws as Net's constructor does.
std::vector<UpdateFactors> update_factors(const Shape& input, const Blocks& blocks);
/// The size of each normalization, in order.
std::vector<Index> normalization_sizes(const Shape& input, const Blocks& blocks);

}  // namespace lamina
