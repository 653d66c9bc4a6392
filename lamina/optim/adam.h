// Adam: a running mean of the gradients, divided by their running root mean square.
#pragma once

#include <cmath>

#include "lamina/kernels/update.h"
#include "lamina/optim/rule.h"

namespace lamina {

struct Adam {
  static constexpr std::string_view name = "adam";
  static constexpr std::string_view formula =
      "t += 1\n"
      "m = beta1 m + (1 - beta1) dw\n"
      "v = beta2 v + (1 - beta2) dw^2\n"
      "w -= learning_rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)";
  static constexpr std::string_view source = "Kingma and Ba, 2015";
  static constexpr double learning_rate = 1e-3, weight_decay = 0;
  static constexpr std::array<std::string_view, 3> options = {"beta1", "beta2", "epsilon"};
  static constexpr std::array<std::string_view, 2> state = {"m", "v"};
  static constexpr bool counts = true;

  template <class T>
  static void update(const UpdatePart<T>& part, const OptimConfig& config) {
    const auto t = static_cast<double>(part.t);
    const kernels::AdamStep<T> step{.rate = static_cast<T>(*config.learning_rate),
                                    .beta1 = static_cast<T>(config.beta1),
                                    .fresh1 = static_cast<T>(1 - config.beta1),
                                    .correction1 = static_cast<T>(1 - std::pow(config.beta1, t)),
                                    .beta2 = static_cast<T>(config.beta2),
                                    .fresh2 = static_cast<T>(1 - config.beta2),
                                    .correction2 = static_cast<T>(1 - std::pow(config.beta2, t)),
                                    .epsilon = static_cast<T>(config.epsilon)};
    kernels::adam_update(part.count, part.w, part.dw, part.state[0], part.state[1], step);
  }
};

/// Moves w by the formula above.
template <class T>
void adam(std::type_identity_t<TensorView<T>> w, const std::type_identity_t<TensorView<T>>& dw,
          const OptimConfig& config, OptimState<T>& state) {
  update(kRule<Adam>, w, dw, config, state);
}

}  // namespace lamina
