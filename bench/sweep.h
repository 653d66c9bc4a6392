#pragma once

#include "lamina/data/dataset.h"

namespace bench {

/// Seconds that the notebooks' experiment takes: 20 weight scales, each without and with batch normalization, 200 steps
/// of 50 examples; side by side or one after the other with all threads.
double sweep_seconds(const lamina::Split& data, bool together);

}  // namespace bench
