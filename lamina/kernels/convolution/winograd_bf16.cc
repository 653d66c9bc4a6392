// Winograd's convolutions whose values at the points are rounded to bfloat16, with sums and transforms in float32.
#include "lamina/kernels/convolution/winograd.h"
#include "lamina/kernels/machine/target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/convolution/winograd_bf16.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/convolution/winograd_tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// Calls body with the way that this processor takes.
template <class Body>
HWY_INLINE void with_rounding_way(Body body) {
#if HWY_TARGET == HWY_AVX3
  if (has_bf16_products()) return body(PairWay());
#endif
  body(FloatWay<true>());
}

void RoundedForward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  with_rounding_way([&](auto way) HWY_ATTR { forward<decltype(way)>(s, x, w, b, relu, out); });
}
void RoundedBackwardData(const ConvShape& s, const float* dout, const float* w, float* dx) {
  with_rounding_way([&](auto way) HWY_ATTR { backward_data<decltype(way)>(s, dout, w, dx); });
}
void RoundedBackwardFilter(const ConvShape& s, const float* x, const float* dout, float* dw) {
  with_rounding_way([&](auto way) HWY_ATTR { backward_filter<decltype(way)>(s, x, dout, dw); });
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(RoundedForward);
HWY_EXPORT(RoundedBackwardData);
HWY_EXPORT(RoundedBackwardFilter);

void winograd_forward_bf16(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  LAMINA_DISPATCH(RoundedForward)(s, x, w, b, relu, out);
}
void winograd_backward_data_bf16(const ConvShape& s, const float* dout, const float* w, float* dx) {
  LAMINA_DISPATCH(RoundedBackwardData)(s, dout, w, dx);
}
void winograd_backward_filter_bf16(const ConvShape& s, const float* x, const float* dout, float* dw) {
  LAMINA_DISPATCH(RoundedBackwardFilter)(s, x, dout, dw);
}

}  // namespace lamina::kernels
#endif
