// Sigmoid and leaky ReLU over n contiguous elements. Outputs may be the inputs.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// out = 1 / (1 + exp(-x)), without overflow; NaN stays NaN.
template <class T>
void sigmoid(Index n, const T* x, T* out);
/// dx = dout out (1 - out)
template <class T>
void sigmoid_backward(Index n, const T* dout, const T* out, T* dx);
/// out = x where x > 0, else slope x
template <class T>
void leaky_relu(Index n, T slope, const T* x, T* out);
/// dx = dout where out > 0, else slope dout
template <class T>
void leaky_relu_backward(Index n, T slope, const T* dout, const T* out, T* dx);

}  // namespace lamina::kernels
