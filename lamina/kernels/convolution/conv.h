// Convolution of channels-last images with public (F, C, HH, WW) filters.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// Sizes of one convolution: images (N, H, W, C), filters (F, C, HH, WW), output (N, OH, OW, F).
struct ConvShape {
  Index N, H, W, C, F, HH, WW, stride, pad, OH, OW;
};

/// out (N, OH, OW, F) = x * w + b [then max(0, out)]. For floats, this and the gradients use Winograd's algorithm
/// (winograd.h) if it is faster.
template <class T>
void conv_forward(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out);
/// dx (N, H, W, C) = the gradient of x, overwritten.
template <class T>
void conv_backward_data(const ConvShape& s, const T* dout, const T* w, T* dx);
/// dw (F, C, HH, WW) = the gradient of w, overwritten; db (F,) unless null.
template <class T>
void conv_backward_filter(const ConvShape& s, const T* x, const T* dout, T* dw, T* db);

/// The same, always by the direct algorithm: each output is a plain sum of products.
template <class T>
void conv_forward_direct(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out);
template <class T>
void conv_backward_data_direct(const ConvShape& s, const T* dout, const T* w, T* dx);
template <class T>
void conv_backward_filter_direct(const ConvShape& s, const T* x, const T* dout, T* dw);

/// conv_forward and the gradients with the operands of products (x, w and dout, not b) rounded to bfloat16 and sums in
/// float32. db is the sum of the unrounded dout. If winograd_suits_bf16(s), these are winograd_forward_bf16 and its
/// gradients, which round the transformed values instead.
void conv_forward_bf16(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void conv_backward_data_bf16(const ConvShape& s, const float* dout, const float* w, float* dx);
void conv_backward_filter_bf16(const ConvShape& s, const float* x, const float* dout, float* dw, float* db);
/// Whether Winograd's algorithm is faster for bfloat16 too. This depends on the sizes alone.
bool winograd_suits_bf16(const ConvShape& s);

}  // namespace lamina::kernels
