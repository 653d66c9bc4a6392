// Dropout's mask, drawn from NumPy's stream.
#pragma once

#include "lamina/random.h"

namespace lamina::kernels {

/// mask[i] = kept where the next random.rand() < p, else 0; out[i] = x[i] mask[i]; p above 0, at most 1. Draws exactly
/// n times rand(). out may be x; mask may be null.
template <class T>
void dropout(Index n, RandomState& random, double p, T kept, const T* x, T* mask, T* out);

}  // namespace lamina::kernels
