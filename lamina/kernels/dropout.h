// Dropout's mask, drawn from NumPy's stream.
#pragma once

#include "lamina/random.h"

namespace lamina::kernels {

/// mask[i] = kept if the next random.rand() is below p, else 0; out[i] = x[i] mask[i]. 0 < p <= 1. Draws exactly n
/// times rand(). out may be x; mask may be null.
template <class T>
void dropout(Index n, RandomState& random, double p, T kept, const T* x, T* mask, T* out);

}  // namespace lamina::kernels
