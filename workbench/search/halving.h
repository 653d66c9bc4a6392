// Successive halving: many trials are trained briefly, and the best of them for longer.
// K. Jamieson and A. Talwalkar, Non-stochastic best arm identification and hyperparameter optimization (AISTATS 2016).
#pragma once

#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// A rung: all members are trained until this many epochs are finished.
struct Rung {
  Index epochs;
  Index members;
};

/// The rungs of `trials` trials of up to `epochs` epochs. Counted from the end, the last rung has all epochs, and each
/// rung before it has 1 / factor of the next one's (rounded down), as long as these are `first_epochs` or more. The
/// first rung has all trials as members, and each further one has 1 / factor of the members before (rounded up). A
/// factor of 1 gives one rung. Throws std::invalid_argument if a number is below 1.
std::vector<Rung> halving_rungs(Index trials, Index epochs, Index factor, Index first_epochs);

/// The indices of the `count` best scores, in ascending order. Of equal scores the earlier ones are chosen, NaN never.
std::vector<Index> best_of(const std::vector<double>& scores, Index count);

}  // namespace lamina
