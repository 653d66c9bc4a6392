// What an update rule is told: the notebooks' `optim_config`.
#pragma once

#include <optional>
#include <string_view>

#include "lamina/options.h"

namespace lamina {

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

  bool operator==(const OptimConfig&) const = default;
};

/// Calls visit(option, value) for each option of `config`, an OptimConfig that may be const; `value` is a reference to
/// the member. The help is for the command and for Python.
template <class Config, class Visit>
void visit_members(Config& config, Visit&& visit) {
  constexpr OptionRange positive{.open_least = true}, share{.most = 1}, below_one{.most = 1, .open_most = true};
  using O = Option;
  visit(O{.name = "learning_rate",
          .help = "Step size of the update rule [1e-2; 1e-3 for adam and adamw, and for two-layer, fc and convnet "
                  "without normalization]",
          .range = positive,
          .alias = "lr"},
        config.learning_rate);
  visit(O{.name = "momentum", .help = "Share of the velocity that is kept in each step", .range = share},
        config.momentum);
  visit(O{.name = "decay_rate",
          .help = "Share of the mean square gradient that is kept in each step",
          .range = share,
          .newer = true},
        config.decay_rate);
  visit(O{.name = "beta1",
          .help = "Share of the mean gradient that is kept in each step",
          .range = below_one,
          .newer = true},
        config.beta1);
  visit(O{.name = "beta2",
          .help = "Share of the mean square gradient that is kept in each step",
          .range = below_one,
          .newer = true},
        config.beta2);
  visit(O{.name = "epsilon", .help = "Added to the denominator", .range = positive, .newer = true}, config.epsilon);
  visit(O{.name = "nesterov", .help = "Nesterov's momentum: the step looks ahead along the velocity", .newer = true},
        config.nesterov);
  visit(O{.name = "weight_decay",
          .help = "Before each step the weights lose this share times the learning rate; unlike reg it does not touch "
                  "the gradients [0; 0.01 for adamw]",
          .newer = true},
        config.weight_decay);
}

/// The same, as for the options of any other struct.
void visit_options(OptimConfig& config, const VisitOption& visit);

/// Throws std::invalid_argument, as the function `where`, for the first option that is out of its range.
void check_options(std::string_view where, const OptimConfig& config);

}  // namespace lamina
