// Convolution by fewer multiplications (Winograd), of channels-last float images with public (F, C, HH, WW) filters.
#pragma once

#include "lamina/kernels/convolution/conv.h"

namespace lamina::kernels {

/// Whether this way is the faster one, by the sizes alone; conv_forward and the others then take it. product_speed: of
/// the products, here and in the direct way, in multiples of float's.
bool winograd_suits(const ConvShape& s, double product_speed = 1);

/// As conv_forward, conv_backward_data and conv_backward_filter, for any sizes. Results differ from theirs by float's
/// rounding, some three times as much of it; a NaN or an infinity reaches some outputs around those that it belongs to.
void winograd_forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void winograd_backward_data(const ConvShape& s, const float* dout, const float* w, float* dx);
void winograd_backward_filter(const ConvShape& s, const float* x, const float* dout, float* dw);

/// The same, with the values at the points (of inputs, filters, and gradients of outputs) rounded to bfloat16 and all
/// else in float32. Results differ by some ten times as much as where the operands themselves are rounded: about 1% of
/// their size for filters of 3 x 3, 2% for larger ones.
void winograd_forward_bf16(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void winograd_backward_data_bf16(const ConvShape& s, const float* dout, const float* w, float* dx);
void winograd_backward_filter_bf16(const ConvShape& s, const float* x, const float* dout, float* dw);

}  // namespace lamina::kernels
