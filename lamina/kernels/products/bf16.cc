#include "lamina/kernels/products/bf16.h"

#include "lamina/kernels/machine/chunks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/products/bf16.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/machine/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

void round_numbers(Index n, const float* x, float* out) {
  for_vectors<float>(
      n, [=](auto d, Index i) HWY_ATTR { hn::StoreU(rounded_to_bf16(d, hn::LoadU(d, x + i)), d, out + i); });
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

void round_to_bf16(Index n, const float* x, float* out) {
  const auto kernel = LAMINA_DISPATCH(round_numbers);
  for_chunks(Chunks{n, 1 << 16}, [=](Index i, Index length) { kernel(length, x + i, out + i); });
}

}  // namespace lamina::kernels
#endif
