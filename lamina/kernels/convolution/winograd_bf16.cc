// Winograd's algorithm with transformed values in pairs of bfloat16, for processors that have dot products of them.
#include "lamina/kernels/convolution/winograd.h"

#define LAMINA_AVX512_ALONE
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/convolution/winograd_bf16.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/convolution/winograd_tiles-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels {

void winograd_forward_pairs(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  HWY_NAMESPACE::forward(HWY_NAMESPACE::PairFormat(), s, x, w, b, relu, out);
}
void winograd_backward_data_pairs(const ConvShape& s, const float* dout, const float* w, float* dx) {
  HWY_NAMESPACE::backward_data(HWY_NAMESPACE::PairFormat(), s, dout, w, dx);
}
void winograd_backward_filter_pairs(const ConvShape& s, const float* x, const float* dout, float* dw) {
  HWY_NAMESPACE::backward_filter(HWY_NAMESPACE::PairFormat(), s, x, dout, dw);
}

}  // namespace lamina::kernels
HWY_AFTER_NAMESPACE();
#endif
