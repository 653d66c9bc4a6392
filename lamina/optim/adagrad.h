// Adagrad: each step is divided by the root of the sum of all squared gradients so far.
#pragma once

#include "lamina/kernels/update.h"
#include "lamina/optim/rule.h"

namespace lamina {

struct Adagrad {
  static constexpr std::string_view name = "adagrad";
  static constexpr std::string_view formula =
      "cache += dw^2\n"
      "w -= learning_rate dw / (sqrt(cache) + epsilon)";
  static constexpr std::string_view source = "Duchi, Hazan and Singer, 2011";
  static constexpr double learning_rate = 1e-2, weight_decay = 0;
  static constexpr std::array<std::string_view, 1> options = {"epsilon"};
  static constexpr std::array<std::string_view, 1> state = {"cache"};
  static constexpr bool counts = false;

  template <class T>
  static void update(const UpdatePart<T>& part, const OptimConfig& config) {
    const T kept = 1, fresh = 1;  // with these factors RMSProp's running mean is exactly a sum
    kernels::rmsprop_update(part.count, part.w, part.dw, part.state[0], static_cast<T>(*config.learning_rate), kept,
                            fresh, static_cast<T>(config.epsilon));
  }
};

/// Moves w by the formula above.
template <class T>
void adagrad(std::type_identity_t<TensorView<T>> w, const std::type_identity_t<TensorView<T>>& dw,
             const OptimConfig& config, OptimState<T>& state) {
  update(kRule<Adagrad>, w, dw, config, state);
}

}  // namespace lamina
