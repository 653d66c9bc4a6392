// Losses of scores x and numbers t, both (rows, columns). Each returns the sum, over all rows and columns, of the row's
// weight times the loss of one number, in double over fixed chunks. If dx (rows, columns) is not null, it becomes the
// gradient of the weighted mean: the derivative of one number's loss, divided by columns and by the row's divisor. dx
// may be x.
#pragma once

#include "lamina/kernels/row_weights.h"
#include "lamina/tensor.h"

namespace lamina::kernels {

/// Cross-entropy of the probability 1 / (1 + exp(-x)), for t of 0 to 1: log(1 + exp(x)) - t x.
template <class T>
double sigmoid_loss(Index rows, Index columns, const T* x, const T* t, T* dx, const RowWeights& weights);
/// (x - t)^2
template <class T>
double squared_loss(Index rows, Index columns, const T* x, const T* t, T* dx, const RowWeights& weights);
/// |x - t|, with the derivative 0 at x = t
template <class T>
double absolute_loss(Index rows, Index columns, const T* x, const T* t, T* dx, const RowWeights& weights);
/// (x - t)^2 / 2 where |x - t| <= delta, else delta (|x - t| - delta / 2)
template <class T>
double huber_loss(Index rows, Index columns, const T* x, const T* t, T* dx, const RowWeights& weights, double delta);

}  // namespace lamina::kernels
