// Convolution by Winograd's algorithm, which needs fewer multiplications: channels-last float images, public
// (F, C, HH, WW) filters.
#pragma once

#include "lamina/kernels/convolution/conv.h"

namespace lamina::kernels {

/// Whether Winograd's algorithm is faster than the direct one; conv_forward and its gradients then use it. This depends
/// on the sizes alone. product_speed: how much faster products are than float32 products, in both algorithms.
bool winograd_suits(const ConvShape& s, double product_speed = 1);

/// The same as conv_forward, conv_backward_data and conv_backward_filter, for any sizes with the same
/// stride along height and width, no dilation and one group. Rounding errors are about
/// three times as large, and a NaN or an infinity also spoils outputs near those that depend on it. So do values above
/// 2^100 (1e30), which the transforms may make infinite where direct sums would be finite.
void winograd_forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void winograd_backward_data(const ConvShape& s, const float* dout, const float* w, float* dx);
void winograd_backward_filter(const ConvShape& s, const float* x, const float* dout, float* dw);

/// The same with the transformed inputs, filters and output gradients rounded to bfloat16, and the rest in float32. The
/// error is about ten times that of rounding the operands themselves: about 1% for filters of 3 x 3, and 2% for larger
/// ones.
void winograd_forward_bf16(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void winograd_backward_data_bf16(const ConvShape& s, const float* dout, const float* w, float* dx);
void winograd_backward_filter_bf16(const ConvShape& s, const float* x, const float* dout, float* dw);

/// The implementation of these if has_bf16_products(); they may not be called otherwise.
void winograd_forward_pairs(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void winograd_backward_data_pairs(const ConvShape& s, const float* dout, const float* w, float* dx);
void winograd_backward_filter_pairs(const ConvShape& s, const float* x, const float* dout, float* dw);

}  // namespace lamina::kernels
