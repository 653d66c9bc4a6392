// Which examples of a data set are held out of the training, for validation and for testing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "lamina/random.h"
#include "lamina/tensor.h"

namespace lamina {

/// The examples of one class in a random order: the first num_val are for validation, the next num_test for testing,
/// and the others for training.
struct HeldOut {
  std::vector<std::int64_t> order;
  Index num_val, num_test;
};

/// Draws which of the n examples of a class are held out. round(n fraction) are, and at least 1 if the fraction is
/// above 0 and n is 3 or more. Of 2 examples one is for validation, if val_fraction is above 0; a single one is for
/// training.
HeldOut hold_out(Index n, double val_fraction, double test_fraction, RandomState& random);

/// Throws std::invalid_argument as the function `where` for fractions that are not of 0 to below 1, or that leave
/// nothing to train on.
void check_fractions(std::string_view where, double val_fraction, double test_fraction);

}  // namespace lamina
