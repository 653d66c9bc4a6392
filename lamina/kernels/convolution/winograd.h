// Convolution by fewer multiplications (Winograd), of channels-last float images with public (F, C, HH, WW) filters.
#pragma once

#include "lamina/kernels/convolution/conv.h"

namespace lamina::kernels {

/// Whether Winograd's way is faster than the direct one; conv_forward and the others then take it. It depends on the
/// sizes alone. product_speed: how much faster than float's the products are, in both ways.
bool winograd_suits(const ConvShape& s, double product_speed = 1);

/// What conv_forward, conv_backward_data and conv_backward_filter compute, for any sizes. Rounding errors are about
/// three times as large, and a NaN or an infinity reaches some outputs around those that it belongs to.
void winograd_forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void winograd_backward_data(const ConvShape& s, const float* dout, const float* w, float* dx);
void winograd_backward_filter(const ConvShape& s, const float* x, const float* dout, float* dw);

/// The same with the values at the points (of inputs, filters, and gradients of outputs) rounded to bfloat16, and all
/// else in float32. Results differ about ten times as much as where the operands themselves are rounded: by about 1% of
/// their size for filters of 3 x 3, and 2% for larger ones.
void winograd_forward_bf16(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void winograd_backward_data_bf16(const ConvShape& s, const float* dout, const float* w, float* dx);
void winograd_backward_filter_bf16(const ConvShape& s, const float* x, const float* dout, float* dw);

/// What these are where has_bf16_products(); only there may they be called.
void winograd_forward_pairs(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void winograd_backward_data_pairs(const ConvShape& s, const float* dout, const float* w, float* dx);
void winograd_backward_filter_pairs(const ConvShape& s, const float* x, const float* dout, float* dw);

}  // namespace lamina::kernels
