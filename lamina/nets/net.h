// What every net of lamina has, and the concept that Solver asks of any net, a user's own included.
#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lamina/parameters.h"
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

/// What Solver trains. `params()` by name; `loss(X)` gives the scores (N, C) of a test-time pass; `loss(X, y)`
/// runs a training pass and gives the loss and the gradients by the parameters' names and shapes. Where a model
/// also has `buffers()` (NamedTensor list), Solver keeps and restores them with the best parameters.
template <class M>
concept Model = requires(M& model, const M& constant, const TensorView<typename M::Scalar>& X, std::span<const Label> y) {
  { model.params() } -> std::same_as<Parameters<typename M::Scalar>&>;
  { constant.params() } -> std::same_as<const Parameters<typename M::Scalar>&>;
  { model.loss(X) } -> std::convertible_to<const TensorView<typename M::Scalar>&>;
  { model.loss(X, y) } -> std::convertible_to<LossAndGradients<typename M::Scalar>>;
};

/// One line of `summary()`: a layer, its output's shape for one example, its parameters, and what one training
/// step costs for one example.
struct LayerSummary {
  std::string name;        ///< "conv 7x7, 16 filters, stride 1"
  std::string parameters;  ///< names of its parameters: "W_1 b_1"
  Shape output;            ///< without the batch axis
  Index parameter_count = 0;
  double flops = 0;        ///< arithmetic of one forward and backward pass an example, a multiply-add counted as 2
  Index activation_count = 0;  ///< elements kept for the backward pass an example
};

struct NetSummary {
  std::string title;  ///< "ConvNet, float32"
  Shape input;        ///< without the batch axis
  std::vector<LayerSummary> layers;
  int scalar_bytes = 4;
  Index parameter_count() const;
  double flops() const;  ///< a training step, an example
  /// A table as text: layers, shapes, parameters, arithmetic and memory of a training step of `batch_size`.
  std::string to_string(Index batch_size) const;
};

/// The common face of lamina's nets. Parameters may be read and written between any two calls.
template <class T>
class Net {
 public:
  using Scalar = T;

  virtual ~Net() = default;

  Parameters<T>& params() { return params_; }
  const Parameters<T>& params() const { return params_; }
  /// Gradients of the last `loss(X, y)`.
  const Parameters<T>& grads() const { return grads_; }
  /// Running averages, where the net has any.
  virtual std::vector<NamedTensor<T>> buffers() { return {}; }

  /// Scores (N, C) of a test-time forward pass; valid until the next call. X (N, ...) in the public layout.
  /// Throws std::invalid_argument where X's examples do not have the net's input shape.
  virtual const Tensor<T>& loss(const TensorView<T>& X) = 0;
  /// Loss, regularization included, and gradients of a training forward and backward pass. Throws
  /// std::invalid_argument where X or y do not fit.
  virtual LossAndGradients<T> loss(const TensorView<T>& X, std::span<const Label> y) = 0;

  virtual NetSummary summary() const = 0;

  /// Strength of L2 regularization: the loss has 0.5 reg sum W^2 over weight matrices and filters.
  double reg = 0;

 protected:
  Net() = default;
  Net(const Net&) = default;
  Net& operator=(const Net&) = default;
  Net(Net&&) noexcept = default;
  Net& operator=(Net&&) noexcept = default;

  Parameters<T> params_, grads_;
};

}  // namespace lamina
