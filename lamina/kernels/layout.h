// Transposing many small matrices, one for each image, between (N, C, H, W) and channels last.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// out (count, columns, rows) = each matrix of x (count, rows, columns), transposed. The two must not overlap.
template <class T>
void transpose(Index count, Index rows, Index columns, const T* x, T* out);

/// Copies a matrix (rows, columns). `from_pitch` and `to_pitch` are the distances between rows, in elements. The two
/// must not overlap.
template <class T>
void copy_columns(Index rows, Index columns, const T* from, Index from_pitch, T* to, Index to_pitch);

}  // namespace lamina::kernels
