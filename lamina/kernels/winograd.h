// Convolution by fewer multiplications (Winograd), of channels-last float images with public (F, C, HH, WW) filters.
#pragma once

#include "lamina/kernels/conv.h"

namespace lamina::kernels {

/// Whether this way is the faster one, by the sizes alone; conv_forward and the others then take it. direct_speed: of
/// the direct way that it is compared with, in multiples of the float one's.
bool winograd_suits(const ConvShape& s, double direct_speed = 1);

/// As conv_forward, conv_backward_data and conv_backward_filter, for any sizes. Results differ from theirs by float's
/// rounding, some three times as much of it; a NaN or an infinity reaches some outputs around those that it belongs to.
void winograd_forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out);
void winograd_backward_data(const ConvShape& s, const float* dout, const float* w, float* dx);
void winograd_backward_filter(const ConvShape& s, const float* x, const float* dout, float* dw);

}  // namespace lamina::kernels
