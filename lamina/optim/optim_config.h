// What an update rule is told: the notebooks' `optim_config`.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace lamina {

/// The numbers that an option may be.
struct OptionRange {
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double least = 0, most = kInfinity;
  bool open_least = false, open_most = false;  ///< whether the range ends before that number

  /// Whether it contains x. It never contains infinity or NaN.
  bool contains(double x) const;
  /// "of 0 to 1", "of 0 or more and below 1", "above 0": what a message says after the option's name.
  std::string to_string() const;
};

/// The options of all update rules with their defaults. Each rule reads some of them, see optim/rule.h.
struct OptimConfig {
  std::optional<double> learning_rate = {};  ///< none: the rule's own default
  double momentum = 0.9;
  double decay_rate = 0.99;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  bool nesterov = false;
  std::optional<double> weight_decay = {};  ///< none: the rule's own default
};

/// Calls visit(name, value, range, help) for each option of `config`, an OptimConfig that may be const. `value` is a
/// reference to the member: a double, an optional double or a bool.
template <class Config, class Visit>
void visit_options(Config& config, Visit&& visit) {
  constexpr OptionRange positive{.open_least = true}, share{.most = 1}, below_one{.most = 1, .open_most = true};
  visit("learning_rate", config.learning_rate, positive, "step size");
  visit("momentum", config.momentum, share, "share of the velocity that is kept in each step");
  visit("decay_rate", config.decay_rate, share, "share of the mean square gradient that is kept in each step");
  visit("beta1", config.beta1, below_one, "share of the mean gradient that is kept in each step");
  visit("beta2", config.beta2, below_one, "share of the mean square gradient that is kept in each step");
  visit("epsilon", config.epsilon, positive, "added to the denominator");
  visit("nesterov", config.nesterov, share, "whether the step looks ahead along the velocity");
  visit("weight_decay", config.weight_decay, OptionRange{},
        "the weights lose this share of themselves times the step size");
}

/// Throws std::invalid_argument, as the function `where`, for the first option that is out of its range.
void check_options(std::string_view where, const OptimConfig& config);

}  // namespace lamina
