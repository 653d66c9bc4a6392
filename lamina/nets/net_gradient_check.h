// Numerical gradient checks of a whole net's parameters.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lamina/nets/net_config.h"
#include "lamina/parameters.h"
#include "lamina/random.h"

namespace lamina {

/// What a check found of one parameter.
struct ParameterCheck {
  std::string name;
  Shape shape;
  Index checked = 0;          ///< entries looked at, drawn at random where the parameter has more
  Index small = 0;            ///< of those, entries with |g| of at most 1e-6 max |g| of the net
  double relative_error = 0;  ///< the worst over the others
  double absolute_error = 0;  ///< the worst over the small ones
  bool passed = true;         ///< relative errors below 1e-4, absolute ones below 1e-9
};

/// Compares `grads` of `params` with centred differences of `loss`, a function of what stands in `params`, at up to
/// `entries` places a parameter, drawn from `places` where it has more.
std::vector<ParameterCheck> check_gradients(Parameters<double>& params, const Parameters<double>& grads,
                                            const std::function<double()>& loss, RandomState& places, Index entries);

/// Compares the gradients of a net on a batch X, y with centred differences, at up to `entries` places a parameter; of
/// `random`, the net's own stream, each pass draws the same numbers.
std::vector<ParameterCheck> check_net_gradients(Net<double>& net, const TensorView<double>& X, std::span<const Label> y,
                                                RandomState& random, Index entries = 30);

/// Compares the net's gradients in double on a random batch with centred differences, at up to `entries` places a
/// parameter. At each place steps of 1e-6, 1e-5, 1e-7 and 1e-4 are tried until the error is below 1e-7 and the best is
/// kept: a step may cross a kink of ReLU or pooling, or drown in rounding, but a wrong gradient agrees at none.
/// Throws std::invalid_argument where the configuration is not one of a net.
std::vector<ParameterCheck> check_net_gradients(const NetConfig& config, std::uint32_t seed, Index batch_size = 4,
                                                Index entries = 30);

}  // namespace lamina
