// Grouped convolution: one group of channels and filters after another is copied to memory of its own and convolved.
#pragma once

#include "lamina/kernels/convolution/conv.h"

namespace lamina::kernels {

/// The sizes of one group.
ConvShape shape_of_group(const ConvShape& s);

/// conv_forward and the gradients by groups; `convolve` does it for one.
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
