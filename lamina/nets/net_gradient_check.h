// Numerical gradient checks of a whole net. lamina/gradient_check.h has those of a single layer.
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

/// The result of a check for one parameter.
struct ParameterCheck {
  std::string name;
  Shape shape;
  Index checked = 0;          ///< how many entries were checked; drawn at random if the parameter has more
  Index small = 0;            ///< how many of them have a small gradient: |g| <= 1e-6 max |g| over the net
  double relative_error = 0;  ///< the largest among the entries that are not small
  double absolute_error = 0;  ///< the largest among the small entries
  Index corners = 0;          ///< entries at which it cannot be told: the loss has a corner there, as at a ReLU's 0
  bool passed = true;         ///< relative errors below 1e-4, absolute ones below 1e-9, elsewhere
};

/// Compares gradients() with centred differences of loss(), both of which must read `params`, at up to `entries`
/// entries of each parameter; if it has more, they are drawn from `places`. At each entry, steps of 1e-6, 1e-5, 1e-7
/// and 1e-4 are tried until the relative error is below 1e-7 (the absolute error below 1e-9 if the gradient is small),
/// and the smallest error counts: one step may cross a kink of ReLU or pooling, or be lost in rounding, but a wrong
/// gradient fails at all. An entry that fails at all of them counts as a corner if its gradient is right at two points
/// near by, where all parameters differ by about 1e-3: where the input of a ReLU is 0, or closer to 0 than the steps,
/// the slope of the loss is not its gradient.
std::vector<ParameterCheck> check_gradients(Parameters<double>& params, const std::function<double()>& loss,
                                            const std::function<const Parameters<double>&()>& gradients,
                                            RandomState& places, Index entries);

/// The same for a net on a batch X, y. `random` is the net's own stream; each pass starts at the same state of it, and
/// so draws the same dropout masks.
std::vector<ParameterCheck> check_net_gradients(Net<double>& net, const TensorView<double>& X, std::span<const Label> y,
                                                RandomState& random, Index entries = 30);

/// The same for the net of a configuration, made in double, on a random batch. Throws std::invalid_argument if the
/// configuration does not describe a net.
std::vector<ParameterCheck> check_net_gradients(const NetConfig& config, std::uint32_t seed, Index batch_size = 4,
                                                Index entries = 30);

}  // namespace lamina
