// Stochastic gradient descent.
#pragma once

#include "lamina/kernels/update.h"
#include "lamina/optim/rule.h"

namespace lamina {

struct Sgd {
  static constexpr std::string_view name = "sgd";
  static constexpr std::string_view formula = "w -= learning_rate dw";
  static constexpr std::string_view source = "Robbins and Monro, 1951";
  static constexpr double learning_rate = 1e-2, weight_decay = 0;
  static constexpr std::array<std::string_view, 0> options{}, state{};
  static constexpr bool counts = false;

  template <class T>
  static void update(const UpdatePart<T>& part, const OptimConfig& config) {
    kernels::sgd_update(part.count, part.w, part.dw, static_cast<T>(*config.learning_rate));
  }
};

/// Moves w by the formula above.
template <class T>
void sgd(TensorView<T> w, const std::type_identity_t<TensorView<T>>& dw, const OptimConfig& config) {
  OptimState<T> none;
  update(kRule<Sgd>, w, dw, config, none);
}

}  // namespace lamina
