// Successive halving: many trials for a short time, the best of them for longer.
// K. Jamieson and A. Talwalkar, Non-stochastic best arm identification and hyperparameter optimization (AISTATS 2016).
#pragma once

#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// All members are trained until so many epochs are finished.
struct Rung {
  Index epochs;
  Index members;
};

/// The rungs of `trials` trials of up to `epochs` epochs, the last rung first thought of: it has all epochs, and the
/// one before it its epochs / factor (rounded down), as long as these are `first_epochs` or more. The first rung has
/// all trials as members, each further one members / factor (rounded up). A factor of 1 gives one rung. Throws
/// std::invalid_argument where a number is below 1.
std::vector<Rung> halving_rungs(Index trials, Index epochs, Index factor, Index first_epochs);

/// The places of the `count` best scores, in rising order; of equal scores the earlier ones. NaN: not to be chosen.
std::vector<Index> best_of(const std::vector<double>& scores, Index count);

}  // namespace lamina
