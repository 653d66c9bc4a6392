// A net: a list of blocks (block.h) with its parameters, its loss and its gradients; and the concept that Solver asks
// of any net, a user's own included.
#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/nets/block.h"
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

/// What Solver trains. `params()` by name; `loss(X)` gives the scores (N, C) of a test-time pass; `loss(X, y)`
/// runs a training pass and gives the loss and the gradients by the parameters' names and shapes. Where a model
/// also has `buffers()` (NamedTensor list), Solver keeps and restores them with the best parameters; where it has
/// `check_batch()`, accuracy checks hand so many examples to `loss(X)` at once.
template <class M>
concept Model = requires(M& model, const M& constant, const TensorView<typename M::Scalar>& X,
                         std::span<const Label> y) {
  { model.params() } -> std::same_as<Parameters<typename M::Scalar>&>;
  { constant.params() } -> std::same_as<const Parameters<typename M::Scalar>&>;
  { model.loss(X) } -> std::convertible_to<const TensorView<typename M::Scalar>&>;
  { model.loss(X, y) } -> std::convertible_to<LossAndGradients<typename M::Scalar>>;
};

/// What a net's weights are when it is made: drawn, or zero for who sets them next, as after a file was read.
enum class Weights { drawn, zero };

/// What a net is besides its blocks.
struct NetOptions {
  double reg = 0;                         ///< see Net::reg
  double label_smoothing = 0;             ///< see Net::label_smoothing
  Precision precision = Precision::full;  ///< of the products; bf16 with float alone
  std::string name = "Net";               ///< in summaries and errors
  std::string separator = {};             ///< between W or b and its number: "_" for the notebooks' ConvNet
};

/// A list of blocks whose last one gives the scores (N, C), with a softmax loss. Parameters may be read and written
/// between any two calls; a net copies none of them. Arithmetic runs in T; for what NumPy computes where X is double
/// and the parameters are float, ask a copy in double: `Net<double>(net).loss(X, y)`.
template <class T>
class Net {
 public:
  using Scalar = T;

  /// For examples of shape `input`: (C, H, W), or (D) for (N, ...) of any rank with D numbers an example. Weights are
  /// drawn from `random` in the order of the blocks. `random` is kept for dropout and must outlive the net. Throws
  /// std::invalid_argument where the blocks do not fit one another or an option is out of range.
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
  /// Where the next `loss(X, y)` writes them.
  Parameters<T>& grads() { return grads_; }
  /// Running averages: "running_mean1", "running_var1", ..., numbered as gammas and betas are.
  std::vector<NamedTensor<T>> buffers();
  /// The same into `buffers`, whose memory is used again.
  void list_buffers(std::vector<NamedTensor<T>>& buffers);

  /// Scores (N, C) of a test-time forward pass; valid until the next call. X (N, ...) in the public layout.
  /// Throws std::invalid_argument where X's examples do not have the net's input shape.
  const Tensor<T>& loss(const TensorView<T>& X);
  /// Loss, regularization included, and gradients of a training forward and backward pass. Throws
  /// std::invalid_argument where X or y do not fit.
  LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y);

  NetSummary summary() const;
  /// The layers that learn, from the input on, after a pass.
  std::vector<LayerView<T>> layers() const;
  /// What the net's normalizations, and its dropout layers, are told, in their order: running averages, momentum, eps;
  /// the probability of keeping. May be changed between two calls.
  std::vector<BatchNormParam<T>*> normalizations();
  std::vector<DropoutParam*> dropouts();
  /// Of normalization i, from 0 on. Throws std::invalid_argument where there is none.
  BatchNormParam<T>& bn_param(std::size_t i);
  /// Examples that an accuracy check should hand to loss(X) at once. Scores do not depend on it but for rounding.
  Index check_batch() const;

  const Shape& input() const { return input_; }
  Index num_classes() const { return num_classes_; }
  const Blocks& blocks() const { return blocks_; }
  /// The options that it was made with.
  const NetOptions& net_options() const { return options_; }

  /// Strength of L2 regularization: the loss has 0.5 reg sum W^2 over weight matrices and filters.
  double reg = 0;
  /// Of the training passes' softmax loss, from 0 to below 1.
  double label_smoothing = 0;

 private:
  template <class U>
  friend class Net;

  void build();
  template <class U>
  void assign(const Net<U>& other);
  void check_parameters() const;
  void check_input(const TensorView<T>& X) const;
  void check_labels(const TensorView<T>& X, std::span<const Label> y) const;
  TensorView<T> forward(const TensorView<T>& X, Mode mode);
  double add_regularization();

  Shape input_;
  Blocks blocks_;
  NetOptions options_;
  RandomState* random_ = nullptr;
  Index num_classes_ = 0;
  std::unique_ptr<Block<T>> root_;
  Parameters<T> params_, grads_;
  Tensor<T> scores_, dscores_;
};

/// The number of scores that such blocks give for an example. Errors as the net's.
Index score_count(const Shape& input, const Blocks& blocks);
/// Names and shapes of the parameters of such a net, which is not made. Errors as the net's.
ParameterLayout parameter_layout(const Shape& input, const Blocks& blocks, const NetOptions& options = {});

}  // namespace lamina
