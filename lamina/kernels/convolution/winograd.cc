#include "lamina/kernels/convolution/winograd.h"

#include <algorithm>
#include <cmath>

#include "lamina/kernels/machine/target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/convolution/winograd.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/convolution/winograd_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

namespace {

// With transformed values in float, optionally rounded to bfloat16.
void forward_of_floats(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, bool rounded,
                       float* out) {
  forward(FloatFormat{rounded}, s, x, w, b, relu, out);
}
void backward_data_of_floats(const ConvShape& s, const float* dout, const float* w, bool rounded, float* dx) {
  backward_data(FloatFormat{rounded}, s, dout, w, dx);
}
void backward_filter_of_floats(const ConvShape& s, const float* x, const float* dout, bool rounded, float* dw) {
  backward_filter(FloatFormat{rounded}, s, x, dout, dw);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

using winograd::Axis, winograd::forward_axis, winograd::kTile;

// Compares the number of multiply-adds with that of the direct algorithm. Those of the transforms count three times,
// because they are bound by memory. The constants were fitted to times that bench/conv.cc measured on AVX-512 and AVX2.
bool winograd_suits(const ConvShape& s, double product_speed) {
  constexpr double kLanes = 16, kTransform = 3, kGain = 0.85;
  if (s.groups > 1 || s.dilation != 1 || s.HH != s.WW || s.stride.h != s.stride.w || s.stride.h > s.HH) return false;
  if (s.N == 0 || s.OH == 0 || s.OW == 0) return false;
  const Axis h = forward_axis(s.height()), w = forward_axis(s.width());
  if (h.taps < 3 || h.taps > 2 * kTile) return false;
  const double n = h.taps <= 3 ? 6 : 7;
  const auto vectors = [&](Index channels) { return kLanes * std::ceil(static_cast<double>(channels) / kLanes); };
  const double in = vectors(s.stride.h * s.stride.w * s.C), out = vectors(s.F);
  const double tiles = static_cast<double>(h.tiles() * w.tiles());
  const double in_tiles = static_cast<double>(h.input_tiles() * w.input_tiles());
  const double products = n * n * static_cast<double>(h.blocks() * w.blocks()) * in * out;
  const double transforms = in_tiles / tiles * 2 * n * 3 * n * in + (n + 4) * 15 * out;
  const double direct = static_cast<double>(s.OH * s.OW * s.HH * s.WW * s.C * s.F);
  return tiles * (products / product_speed + kTransform * transforms) < kGain / product_speed * direct;
}

void winograd_forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  LAMINA_DISPATCH(forward_of_floats)(s, x, w, b, relu, false, out);
}
void winograd_backward_data(const ConvShape& s, const float* dout, const float* w, float* dx) {
  LAMINA_DISPATCH(backward_data_of_floats)(s, dout, w, false, dx);
}
void winograd_backward_filter(const ConvShape& s, const float* x, const float* dout, float* dw) {
  LAMINA_DISPATCH(backward_filter_of_floats)(s, x, dout, false, dw);
}

// If the processor has no dot products of bfloat16, rounded floats are multiplied instead.
void winograd_forward_bf16(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
#if HWY_TARGETS & HWY_AVX3
  if (has_bf16_products()) return winograd_forward_pairs(s, x, w, b, relu, out);
#endif
  LAMINA_DISPATCH(forward_of_floats)(s, x, w, b, relu, true, out);
}
void winograd_backward_data_bf16(const ConvShape& s, const float* dout, const float* w, float* dx) {
#if HWY_TARGETS & HWY_AVX3
  if (has_bf16_products()) return winograd_backward_data_pairs(s, dout, w, dx);
#endif
  LAMINA_DISPATCH(backward_data_of_floats)(s, dout, w, true, dx);
}
void winograd_backward_filter_bf16(const ConvShape& s, const float* x, const float* dout, float* dw) {
#if HWY_TARGETS & HWY_AVX3
  if (has_bf16_products()) return winograd_backward_filter_pairs(s, x, dout, dw);
#endif
  LAMINA_DISPATCH(backward_filter_of_floats)(s, x, dout, true, dw);
}

}  // namespace lamina::kernels
#endif
