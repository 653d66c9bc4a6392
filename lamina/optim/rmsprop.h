// RMSProp: each step is divided by a running root mean square of the gradients.
#pragma once

#include "lamina/kernels/update.h"
#include "lamina/optim/rule.h"

namespace lamina {

struct Rmsprop {
  static constexpr std::string_view name = "rmsprop";
  static constexpr std::string_view formula =
      "cache = decay_rate cache + (1 - decay_rate) dw^2\n"
      "w -= learning_rate dw / (sqrt(cache) + epsilon)";
  static constexpr std::string_view source = "Tieleman and Hinton, 2012";
  static constexpr double learning_rate = 1e-2, weight_decay = 0;
  static constexpr std::array<std::string_view, 2> options = {"decay_rate", "epsilon"};
  static constexpr std::array<std::string_view, 1> state = {"cache"};
  static constexpr bool counts = false;

  template <class T>
  static void update(const UpdatePart<T>& part, const OptimConfig& config) {
    kernels::rmsprop_update(part.count, part.w, part.dw, part.state[0], static_cast<T>(*config.learning_rate),
                            static_cast<T>(config.decay_rate), static_cast<T>(1 - config.decay_rate),
                            static_cast<T>(config.epsilon));
  }
};

/// Moves w by the formula above.
template <class T>
void rmsprop(std::type_identity_t<TensorView<T>> w, const std::type_identity_t<TensorView<T>>& dw,
             const OptimConfig& config, OptimState<T>& state) {
  update(kRule<Rmsprop>, w, dw, config, state);
}

}  // namespace lamina
