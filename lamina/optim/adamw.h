// AdamW: Adam with decoupled weight decay.
#pragma once

#include "lamina/optim/adam.h"

namespace lamina {

/// adamw() decays whichever w it is given. Solver, under every rule, decays only the parameters named W...
struct Adamw : Adam {
  static constexpr std::string_view name = "adamw";
  static constexpr std::string_view formula =
      "w -= learning_rate weight_decay w\n"
      "t += 1\n"
      "m = beta1 m + (1 - beta1) dw\n"
      "v = beta2 v + (1 - beta2) dw^2\n"
      "w -= learning_rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)";
  static constexpr std::string_view source = "Loshchilov and Hutter, 2019";
  static constexpr double weight_decay = 1e-2;
  static constexpr std::array<std::string_view, 4> options = {"beta1", "beta2", "epsilon", "weight_decay"};
};

/// Moves w by the formula above.
template <class T>
void adamw(std::type_identity_t<TensorView<T>> w, const std::type_identity_t<TensorView<T>>& dw,
           const OptimConfig& config, OptimState<T>& state) {
  update(kRule<Adamw>, w, dw, config, state);
}

}  // namespace lamina
