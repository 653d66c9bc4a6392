// Grouped convolution: one part of the channels and filters after another is copied to memory of its own and convolved.
#pragma once

#include "lamina/kernels/convolution/conv.h"

namespace lamina::kernels {

/// conv_forward and the gradients by parts; `convolve` does it for one. Small groups share a part, whose filters are
/// then zero for the channels of other groups: a NaN or an infinity in a channel also spoils these groups' outputs.
template <class T>
void forward_by_groups(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out,
                       void (*convolve)(const ConvShape&, const T*, const T*, const T*, bool, T*));
template <class T>
void backward_data_by_groups(const ConvShape& s, const T* dout, const T* w, T* dx,
                             void (*convolve)(const ConvShape&, const T*, const T*, T*));
template <class T>
void backward_filter_by_groups(const ConvShape& s, const T* x, const T* dout, T* dw,
                               void (*convolve)(const ConvShape&, const T*, const T*, T*, T*));

}  // namespace lamina::kernels
