// What the measurements of a run show, in plain sentences. docs/diagnose.md has the rules and where they come from.
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
    not_finite,  ///< the loss
    exploding,   ///< the untrained net's outputs
    vanishing,   ///< gradients
    dead,        ///< ReLUs
    rate_too_high,
    rate_too_low,
  };
  Kind kind = Kind::well;
  std::string text;  ///< a sentence or two
};

/// What is wrong in a run of these measurements and losses (one an iteration); one `well` where nothing is, or one
/// `too_short` where that cannot be told yet; nothing where nothing was measured.
std::vector<Finding> findings(const Diagnostics& diagnostics, std::span<const double> losses);

}  // namespace lamina
