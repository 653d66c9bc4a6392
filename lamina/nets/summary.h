// The summary of a net: its layers with their shapes, parameters, arithmetic and memory.
#pragma once

#include <string>
#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// One line of a net's summary: a layer with the elementwise layers after it, its output's shape for one example, its
/// parameters, and the cost of one training step for one example.
struct LayerSummary {
  std::string name;        ///< "conv 7x7, 16 filters, stride 1 - relu"
  std::string parameters;  ///< names of its parameters: "W_1 b_1"
  Shape output;            ///< without the batch axis, as (C, H, W)
  Index parameter_count = 0;
  /// Arithmetic of one forward and backward pass for one example: 2 for each multiply-add of its matrix products
  /// (products with padding included). Elementwise work is left out.
  double flops = 0;
  Index activation_count = 0;  ///< elements that the forward pass of one example keeps for the backward pass
};

struct NetSummary {
  std::string title;  ///< "ConvNet, float32"
  Shape input;        ///< without the batch axis
  std::vector<LayerSummary> layers;
  int scalar_bytes = 4;
  Index parameter_count() const;
  Index activation_count() const;  ///< for one example
  double flops() const;            ///< of a training step, for one example
  /// A table as text: layers, shapes, parameters, arithmetic and memory of a training step of `batch_size` examples
  /// in `slots` parts. Throws std::invalid_argument if batch_size < 1 or slots is not 1 to batch_size.
  std::string to_string(Index batch_size, Index slots = 1) const;
};

/// Collects the lines of a summary while a net calls describe() of its steps in order.
class SummaryWriter {
 public:
  /// A line for a layer whose forward pass is a matrix product of `flops`. Each of its two gradients costs as much
  /// again; the first layer of a net needs only one of them, as nothing before it learns.
  void product(std::string name, std::string parameters, Index parameter_count, const Shape& output, double flops);
  /// A normalization, with or without parameters. If it directly follows a product, it joins the product's line.
  void normalization(std::string name, const std::string& parameters, Index parameter_count, const Shape& output);
  /// Elementwise work, which joins the line before it. Its output is kept for the backward pass unless `in_place`.
  void elementwise(std::string name, const Shape& output, bool in_place);
  /// A ReLU. Directly after a product or a normalization, it is computed in the same pass over memory.
  void relu(const Shape& output) { elementwise("relu", output, last_ != Last::other); }
  /// A line of its own for any other layer.
  void line(std::string name, const Shape& output, Index activation_count);
  /// Further elements that the forward pass keeps, such as a copy in another layout.
  void keep(Index elements);
  /// Puts `prefix` before the names of line `first` and all lines after it.
  void mark(std::size_t first, const std::string& prefix);

  std::size_t size() const { return layers_.size(); }
  std::vector<LayerSummary> take() { return std::move(layers_); }

 private:
  enum class Last { product, normalization, other };

  std::vector<LayerSummary> layers_;
  Last last_ = Last::other;
  bool learns_ = false;      // a layer so far has parameters
  Index kept_at_input_ = 0;  // elements kept before the first line
};

}  // namespace lamina
