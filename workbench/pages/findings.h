// What the measurements of a run show, in plain sentences. docs/diagnose.md has the rules and their sources.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lamina/solver/diagnostics.h"

namespace lamina {

struct Finding {
  enum class Kind {
    well,        ///< nothing is wrong
    too_short,   ///< nothing was found, in a run of too few iterations to judge the learning rate
    not_finite,  ///< the loss is NaN or infinite
    exploding,   ///< the untrained net's outputs grow from layer to layer
    vanishing,   ///< gradients vanish
    dead,        ///< many ReLUs are dead
    rate_too_high,
    rate_too_low,
  };
  Kind kind = Kind::well;
  std::string text;  ///< a sentence or two
};

/// What is wrong in a run with these measurements and losses (one per iteration). If nothing is, the only finding is
/// `well`, or `too_short` if it is too early to tell. Empty if nothing was measured.
std::vector<Finding> findings(const Diagnostics& diagnostics, std::span<const double> losses);

}  // namespace lamina
