// [affine - (batch or layer norm) - relu - (dropout)] x L - affine - softmax. blocks_of() in fully_connected_net.cc is
// the list of blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lamina/nets/net.h"
#include "lamina/options.h"
#include "lamina/sandwiches/affine_norm_relu_dropout.h"

namespace lamina {

struct FullyConnectedNetOptions {
  std::vector<Index> hidden_dims = {100};
  Index input_dim = 3 * 32 * 32;
  Index num_classes = 10;
  double dropout = 1;  ///< the probability of keeping a value; 1: no dropout
  Normalization normalization = Normalization::none;
  double reg = 0;
  double weight_scale = 1e-2;
  std::optional<std::uint32_t> seed;      ///< if given, each dropout layer first re-seeds the run's stream with it
  Precision precision = Precision::full;  ///< of the matrix products
  FirstWeights init = FirstWeights::normal;
};

/// Visits the options that this net has and others do not; NetConfig (net_config.h) has those of all nets.
void visit_options(FullyConnectedNetOptions& options, const VisitOption& visit);

/// The net as a list of blocks. Throws std::invalid_argument if the options do not describe a net.
Blocks blocks_of(const FullyConnectedNetOptions& options);
/// Names and shapes of the parameters. Throws as blocks_of() does.
ParameterLayout parameter_layout(const FullyConnectedNetOptions& options);

/// The notebooks' FullyConnectedNet: W1 b1 [gamma1 beta1] ... W{L+1} b{L+1}, W of shape (inputs, outputs). X has any
/// rank: (N, d_1, ..., d_k) with d_1 ... d_k = input_dim.
template <class T>
class FullyConnectedNet : public Net<T> {
 public:
  using Options = FullyConnectedNetOptions;
  using LossOf = FullyConnectedNet;

  /// Draws each weight matrix in layer order. `random` is kept for dropout's draws and must outlive the net. Throws as
  /// blocks_of() does.
  FullyConnectedNet(const Options& options, RandomState& random, Weights weights = Weights::drawn);
  template <class U>
  explicit FullyConnectedNet(const FullyConnectedNet<U>& other) : Net<T>(other), options_(other.options()) {
    options_.precision = this->net_options().precision;
  }

  const Options& options() const { return options_; }
  /// The same parameters, running averages and random stream in another precision.
  template <class U>
  FullyConnectedNet<U> to() const {
    return FullyConnectedNet<U>(*this);
  }

 private:
  Options options_;
};

}  // namespace lamina
