// The mean of each channel of channels-last images.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// out (N, C) = the sum of x (N, pixels, C) over the pixels, added in their order, divided by their number.
template <class T>
void global_average_forward(Index N, Index pixels, Index C, const T* x, T* out);
/// dx (N, pixels, C) = dout (N, C) / pixels.
template <class T>
void global_average_backward(Index N, Index pixels, Index C, const T* dout, T* dx);

}  // namespace lamina::kernels
