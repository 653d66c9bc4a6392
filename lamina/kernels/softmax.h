// Softmax and its cross-entropy loss, row by row.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// out (rows, columns) = exp(x - max) / sum exp(x - max) of each row. out may be x. NaN in a row makes it all NaN.
template <class T>
void softmax(Index rows, Index columns, const T* x, T* out);
/// The sum over the rows, not their mean, of -log softmax(x)[i, y[i]], in double over fixed chunks; y[i] of
/// 0 .. columns - 1. Unless dx (rows, columns) is null: dx = (softmax(x) - onehot(y)) / rows. dx may be x. With
/// smoothing s above 0, onehot(y) becomes q = (1 - s) onehot(y) + s / columns, and the loss -sum_j q_j log
/// softmax(x)[i, j].
template <class T>
double softmax_loss(Index rows, Index columns, const T* x, const Label* y, T* dx, double smoothing = 0);

}  // namespace lamina::kernels
