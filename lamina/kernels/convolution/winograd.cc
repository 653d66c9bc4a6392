#include "lamina/kernels/convolution/winograd.h"

#include <algorithm>
#include <cmath>

#include "lamina/kernels/machine/target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/convolution/winograd.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/convolution/winograd_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

void Forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  forward<FloatWay<false>>(s, x, w, b, relu, out);
}
void BackwardData(const ConvShape& s, const float* dout, const float* w, float* dx) {
  backward_data<FloatWay<false>>(s, dout, w, dx);
}
void BackwardFilter(const ConvShape& s, const float* x, const float* dout, float* dw) {
  backward_filter<FloatWay<false>>(s, x, dout, dw);
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

using winograd::Axis, winograd::forward_axis, winograd::kTile;

// Multiplications and additions of one tile of outputs, those of the transforms counted thrice, since they wait for
// memory. The constants are those that fit the measured times of AVX-512 and AVX2 (bench/conv.cc).
bool winograd_suits(const ConvShape& s, double product_speed) {
  constexpr double kLanes = 16, kTransform = 3, kGain = 0.85;
  if (s.HH != s.WW || s.stride > s.HH || s.N == 0 || s.OH == 0 || s.OW == 0) return false;
  const Axis h = forward_axis(s.H, s.HH, s.stride, s.pad, s.OH), w = forward_axis(s.W, s.WW, s.stride, s.pad, s.OW);
  if (h.taps < 3 || h.taps > 2 * kTile) return false;
  const double n = h.taps <= 3 ? 6 : 7;
  const auto vectors = [&](Index channels) { return kLanes * std::ceil(static_cast<double>(channels) / kLanes); };
  const double in = vectors(s.stride * s.stride * s.C), out = vectors(s.F);
  const double tiles = static_cast<double>(h.tiles() * w.tiles());
  const double in_tiles = static_cast<double>(h.input_tiles() * w.input_tiles());
  const double products = n * n * static_cast<double>(h.blocks() * w.blocks()) * in * out;
  const double transforms = in_tiles / tiles * 2 * n * 3 * n * in + (n + 4) * 15 * out;
  const double direct = static_cast<double>(s.OH * s.OW * s.HH * s.WW * s.C * s.F);
  return tiles * (products / product_speed + kTransform * transforms) < kGain / product_speed * direct;
}

HWY_EXPORT(Forward);
HWY_EXPORT(BackwardData);
HWY_EXPORT(BackwardFilter);

void winograd_forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  LAMINA_DISPATCH(Forward)(s, x, w, b, relu, out);
}
void winograd_backward_data(const ConvShape& s, const float* dout, const float* w, float* dx) {
  LAMINA_DISPATCH(BackwardData)(s, dout, w, dx);
}
void winograd_backward_filter(const ConvShape& s, const float* x, const float* dout, float* dw) {
  LAMINA_DISPATCH(BackwardFilter)(s, x, dout, dw);
}

}  // namespace lamina::kernels
#endif
