// Stochastic gradient descent with momentum.
#pragma once

#include "lamina/kernels/update.h"
#include "lamina/optim/rule.h"

namespace lamina {

struct SgdMomentum {
  static constexpr std::string_view name = "sgd_momentum";
  static constexpr std::string_view formula =
      "velocity = momentum velocity - learning_rate dw\n"
      "w += velocity; with nesterov w += momentum velocity - learning_rate dw";
  static constexpr std::string_view source = "Sutskever, Martens, Dahl and Hinton, 2013";
  static constexpr double learning_rate = 1e-2, weight_decay = 0;
  static constexpr std::array<std::string_view, 2> options = {"momentum", "nesterov"};
  static constexpr std::array<std::string_view, 1> state = {"velocity"};
  static constexpr bool counts = false;

  template <class T>
  static void update(const UpdatePart<T>& part, const OptimConfig& config) {
    const auto rate = static_cast<T>(*config.learning_rate), momentum = static_cast<T>(config.momentum);
    const auto kernel = config.nesterov ? &kernels::nesterov_update<T> : &kernels::sgd_momentum_update<T>;
    kernel(part.count, part.w, part.dw, part.state[0], rate, momentum);
  }
};

/// Moves w by the formula above.
template <class T>
void sgd_momentum(std::type_identity_t<TensorView<T>> w, const std::type_identity_t<TensorView<T>>& dw,
                  const OptimConfig& config, OptimState<T>& state) {
  update(kRule<SgdMomentum>, w, dw, config, state);
}

}  // namespace lamina
