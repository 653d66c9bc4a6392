// Softmax of rows, and the cross-entropy loss.
#pragma once

#include "lamina/kernels/row_weights.h"
#include "lamina/tensor.h"

namespace lamina::kernels {

/// out (rows, columns) = exp(x - max) / sum exp(x - max), for each row. out may be x. One NaN makes the whole row NaN.
template <class T>
void softmax(Index rows, Index columns, const T* x, T* out);
/// Returns the sum over the rows of the row's weight times -log softmax(x)[i, y[i]], in double over fixed chunks; y[i]
/// is in 0 .. columns - 1. If dx (rows, columns) is not null, it becomes (softmax(x) - onehot(y)) / divisor, row by
/// row. dx may be x. With label smoothing s above 0, onehot(y) is replaced by q = (1 - s) onehot(y) + s / columns, and
/// the loss of a row is -sum_j q_j log softmax(x)[i, j].
template <class T>
double softmax_loss(Index rows, Index columns, const T* x, const Label* y, T* dx, double smoothing,
                    const RowWeights& weights);

}  // namespace lamina::kernels
