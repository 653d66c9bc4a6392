// What every net of lamina has, and the concept that Solver asks of any net, a user's own included.
#pragma once

#include <algorithm>
#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/check.h"
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

/// A named tensor that a net keeps but does not learn: a running average.
template <class T>
struct NamedTensor {
  std::string name;
  TensorView<T> value;
};

/// Names and shapes of a net's parameters, in their order.
using ParameterLayout = std::vector<std::pair<std::string, Shape>>;

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

namespace detail {
template <class Layers>
auto& layer_at(Layers& layers, std::size_t i, std::string_view where) {
  if (i >= layers.size()) fail(where, "expected a layer of 0 to below ", layers.size(), ", got ", i);
  return layers[i];
}
}  // namespace detail

/// One line of `summary()`: a layer with what follows it elementwise, its output's shape for one example, its
/// parameters, and what one training step costs for one example.
struct LayerSummary {
  std::string name;        ///< "conv 7x7, 16 filters, stride 1 - relu"
  std::string parameters;  ///< names of its parameters: "W_1 b_1"
  Shape output;            ///< without the batch axis, as (C, H, W)
  Index parameter_count = 0;
  /// Arithmetic of one forward and backward pass an example: 2 for each multiply-add of its matrix products (products
  /// with padding included). Elementwise work is left out.
  double flops = 0;
  Index activation_count = 0;  ///< elements kept for the backward pass an example: what the forward pass writes
};

struct NetSummary {
  std::string title;  ///< "ConvNet, float32"
  Shape input;        ///< without the batch axis
  std::vector<LayerSummary> layers;
  int scalar_bytes = 4;
  Index parameter_count() const;
  Index activation_count() const;  ///< an example
  double flops() const;            ///< a training step, an example
  /// A table as text: layers, shapes, parameters, arithmetic and memory of a training step of `batch_size` examples.
  /// Throws std::invalid_argument where batch_size < 1.
  std::string to_string(Index batch_size) const;
};

/// A layer that learns, as the net's last pass left it: what a look into the net needs.
template <class T>
struct LayerView {
  std::string name;      ///< "conv 1", "affine 2": by its place among these
  std::string weights;   ///< its weight matrix or filters, by name: "W_1"
  std::string shift;     ///< what is added to its output: "b_1", or "beta1" where a normalization takes b's effect away
  bool relu = false;     ///< whether a ReLU follows
  TensorView<T> output;  ///< (N, ..., units), after its ReLU, before dropout and pooling; valid until the next pass
};

/// What a net's weights are when it is made: drawn, or zero for who sets them next, as after a file was read.
enum class Weights { drawn, zero };

/// The common face of lamina's nets. Parameters may be read and written between any two calls; a net copies no
/// parameter. Arithmetic runs in T; for what NumPy computes where X is double and the parameters are float, ask a
/// copy in double: `net.template to<double>().loss(X, y)`.
template <class T>
class Net {
 public:
  using Scalar = T;

  virtual ~Net() = default;

  Parameters<T>& params() { return params_; }
  const Parameters<T>& params() const { return params_; }
  /// Gradients of the last `loss(X, y)`, regularization included.
  const Parameters<T>& grads() const { return grads_; }
  /// Where the next `loss(X, y)` writes them: a view may be made to point at other memory of its shape.
  Parameters<T>& grads() { return grads_; }
  /// Running averages, where the net has any.
  virtual std::vector<NamedTensor<T>> buffers() { return {}; }

  /// Scores (N, C) of a test-time forward pass; valid until the next call. X (N, ...) in the public layout.
  /// Throws std::invalid_argument where X's examples do not have the net's input shape.
  virtual const Tensor<T>& loss(const TensorView<T>& X) = 0;
  /// Loss, regularization included, and gradients of a training forward and backward pass. Throws
  /// std::invalid_argument where X or y do not fit.
  virtual LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y) = 0;
  virtual NetSummary summary() const = 0;
  /// Examples that an accuracy check should hand to loss(X) at once. Scores do not depend on it but for rounding.
  virtual Index check_batch() const { return 100; }
  /// The layers that learn, from the input on, after a pass.
  virtual std::vector<LayerView<T>> layers() const = 0;

  /// Strength of L2 regularization: the loss has 0.5 reg sum W^2 over weight matrices and filters.
  double reg = 0;
  /// Of the training passes' softmax loss, from 0 to below 1.
  double label_smoothing = 0;

 protected:
  Net() = default;
  Net(const Net&) = default;
  Net& operator=(const Net&) = default;
  Net(Net&&) noexcept = default;
  Net& operator=(Net&&) noexcept = default;

  /// Parameters and gradients of that layout: gammas one, all else zero.
  void make_parameters(const ParameterLayout& layout);
  /// Sets a parameter to scale * randn(shape), drawn in double, rounded to T.
  void draw_weights(std::string_view name, double scale, RandomState& random);
  /// Throws unless the parameters have the names and shapes that they were made with.
  void check_parameters(std::string_view where) const;
  /// Throws unless X has examples and y a class of 0 .. num_classes - 1 for each of them.
  static void check_labels(std::string_view where, const TensorView<T>& X, std::span<const Label> y, Index num_classes);
  /// Adds reg W to the gradients of all parameters named W... and returns 0.5 reg sum W^2.
  double add_regularization();
  /// Takes over parameters, reg and label_smoothing from a net of another precision.
  template <class U>
  void assign(const Net<U>& other) {
    make_parameters(other.params().layout());
    auto to = params_.begin();
    for (const auto& from : other.params()) {
      std::transform(from.value.begin(), from.value.end(), to->value.begin(), [](U x) { return static_cast<T>(x); });
      ++to;
    }
    reg = other.reg;
    label_smoothing = other.label_smoothing;
  }

  Parameters<T> params_, grads_;
};

}  // namespace lamina
