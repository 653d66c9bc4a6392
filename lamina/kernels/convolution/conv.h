// Convolution of channels-last images with public (F, C, HH, WW) filters.
#pragma once

#include "lamina/sides.h"
#include "lamina/tensor.h"

namespace lamina::kernels {

/// A convolution along the height or the width of the images: tap p of the filter falls at output place i on pixel
/// i stride + p dilation - pad.
struct ConvAxis {
  Index pixels, taps, stride, pad, dilation, places;
};

/// Sizes of one convolution: images (N, H, W, C), filters (F, C / groups, HH, WW), output (N, OH, OW, F). Group g of
/// the filters, one of `groups` consecutive ones, sees group g of the channels alone.
struct ConvShape {
  Index N, H, W, C, F, HH, WW;
  Sides stride = 1, pad = 0;
  Index OH, OW;
  Sides dilation = 1;
  Index groups = 1;

  ConvAxis height() const { return {H, HH, stride.h, pad.h, dilation.h, OH}; }
  ConvAxis width() const { return {W, WW, stride.w, pad.w, dilation.w, OW}; }
  bool depthwise() const { return groups > 1 && groups == C && F == C; }
};

/// out (N, OH, OW, F) = x * w [+ b, unless null] [then max(0, out)]. This and the gradients take the fastest of several
/// algorithms: those of depthwise.h and grouped.h where there are groups, for floats that of winograd.h if it is
/// faster, and otherwise the direct one.
template <class T>
void conv_forward(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out);
/// dx (N, H, W, C) = the gradient of x, overwritten.
template <class T>
void conv_backward_data(const ConvShape& s, const T* dout, const T* w, T* dx);
/// dw (F, C / groups, HH, WW) = the gradient of w, overwritten; db (F,) unless null.
template <class T>
void conv_backward_filter(const ConvShape& s, const T* x, const T* dout, T* dw, T* db);

/// The same for one group, always by the direct algorithm: each output is a plain sum of products.
template <class T>
void conv_forward_direct(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out);
template <class T>
void conv_backward_data_direct(const ConvShape& s, const T* dout, const T* w, T* dx);
template <class T>
void conv_backward_filter_direct(const ConvShape& s, const T* x, const T* dout, T* dw);

/// conv_forward and the gradients with the operands of products (x, w and dout, not b) rounded to bfloat16 and sums in
/// float32. db is the sum of the unrounded dout. If winograd_suits_bf16(s), these are winograd_forward_bf16 and its
/// gradients, which round the transformed values instead. Depthwise convolutions are not rounded: they are bound by
/// memory, not by products.
void conv_forward_bf16(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void conv_backward_data_bf16(const ConvShape& s, const float* dout, const float* w, float* dx);
void conv_backward_filter_bf16(const ConvShape& s, const float* x, const float* dout, float* dw, float* db);
/// Whether Winograd's algorithm is faster for bfloat16 too. This depends on the sizes alone.
bool winograd_suits_bf16(const ConvShape& s);

}  // namespace lamina::kernels
