#include "lamina/kernels/products/bf16.h"

#include "lamina/kernels/machine/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/products/bf16.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/machine/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void RoundToBf16(Index n, const float* x, float* out) {
  for_vectors<float>(
      n, [=](auto d, Index i) HWY_ATTR { hn::StoreU(rounded_to_bf16(d, hn::LoadU(d, x + i)), d, out + i); });
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

HWY_EXPORT(RoundToBf16);

void round_to_bf16(Index n, const float* x, float* out) {
  constexpr Index kChunk = 1 << 16;
  const auto kernel = LAMINA_DISPATCH(RoundToBf16);
  parallel_for((n + kChunk - 1) / kChunk, [&](Index chunk) {
    const Index first = chunk * kChunk;
    kernel(std::min(kChunk, n - first), x + first, out + first);
  });
}

}  // namespace lamina::kernels
#endif
