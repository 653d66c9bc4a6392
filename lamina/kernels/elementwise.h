// Elementwise kernels over n contiguous elements. Outputs may be the inputs.
#pragma once

#include <cstdint>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// out = max(0, x); NaN stays NaN.
template <class T>
void relu(Index n, const T* x, T* out);
/// dx = dout where out > 0, else 0.
template <class T>
void relu_backward(Index n, const T* dout, const T* out, T* dx);
/// Back through dropout and the ReLU before it. relu_out is the ReLU's output, and out = relu_out mask, where dropout's
/// mask is `kept` > 0 or 0. dx = dout mask where relu_out > 0, else 0. As in NumPy, an infinite or NaN dout gives NaN
/// where the mask is 0.
template <class T>
void relu_dropout_backward(Index n, const T* dout, const T* relu_out, const T* out, T kept, T* dx);
/// out = x, on all threads: each copies the part that earlier kernels left in its core's cache.
template <class T>
void copy(Index n, const T* x, T* out);
/// out = a b
template <class T>
void multiply(Index n, const T* a, const T* b, T* out);
/// out = a + b
template <class T>
void add(Index n, const T* a, const T* b, T* out);
/// y += a x
template <class T>
void axpy(Index n, T a, const T* x, T* y);
/// out = a x
template <class T>
void scale(Index n, T a, const T* x, T* out);
/// y = a y + x
template <class T>
void scale_add(Index n, T a, const T* x, T* y);
/// The sum of squares, in double over fixed chunks, so that it has the same bits for any number of threads.
template <class T>
double sum_of_squares(Index n, const T* x);
/// sums[j] = sum over i of x[i * columns + j], over fixed chunks of rows.
template <class T>
void column_sums(Index rows, Index columns, const T* x, T* sums);

}  // namespace lamina::kernels
