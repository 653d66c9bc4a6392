#include "datasets/held_out.h"

#include <algorithm>
#include <cmath>

#include "lamina/check.h"

namespace lamina {
namespace {

// How many of n examples a fraction is.
Index share(Index n, double fraction) {
  if (fraction == 0 || n < 2) return 0;
  return std::max<Index>(1, std::llround(static_cast<double>(n) * fraction));
}

}  // namespace

HeldOut hold_out(Index n, double val_fraction, double test_fraction, RandomState& random) {
  const Index num_val = std::min(n - 1, share(n, val_fraction));
  const Index num_test = std::min(n - 1 - num_val, share(n, test_fraction));
  return {random.permutation(n), num_val, num_test};
}

void check_fractions(std::string_view where, double val_fraction, double test_fraction) {
  for (const double fraction : {val_fraction, test_fraction})
    if (!(fraction >= 0 && fraction < 1)) fail(where, "expected fractions of 0 to below 1, got ", fraction);
  if (!(val_fraction + test_fraction < 1))
    fail(where, "expected fractions that leave examples to train on, got ", val_fraction, " and ", test_fraction);
}

}  // namespace lamina
