// Depthwise convolution: each channel has one filter of its own. Channels-last images, public (C, 1, HH, WW) filters.
#pragma once

#include "lamina/kernels/convolution/conv.h"

namespace lamina::kernels {

/// conv_forward and the gradients if s.depthwise().
template <class T>
void depthwise_forward(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out);
template <class T>
void depthwise_backward_data(const ConvShape& s, const T* dout, const T* w, T* dx);
template <class T>
void depthwise_backward_filter(const ConvShape& s, const T* x, const T* dout, T* dw);

}  // namespace lamina::kernels
