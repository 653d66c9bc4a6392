// Transposing a small block in registers. Compiled once for each instruction set.
#if defined(LAMINA_KERNELS_MACHINE_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_MACHINE_TRANSPOSE_INL_H_
#undef LAMINA_KERNELS_MACHINE_TRANSPOSE_INL_H_
#else
#define LAMINA_KERNELS_MACHINE_TRANSPOSE_INL_H_
#endif

#include "hwy/highway.h"
#include "lamina/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
// Transposes a square block of kBlockSide<T> rows, the number of lanes of a 128-bit vector. x_step and out_step are the
// distances between rows, in elements.
HWY_INLINE void transpose_block(const float* HWY_RESTRICT x, Index x_step, float* HWY_RESTRICT out, Index out_step) {
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<double, 2> d2;
  const auto a = hn::LoadU(d, x), b = hn::LoadU(d, x + x_step);
  const auto e = hn::LoadU(d, x + 2 * x_step), f = hn::LoadU(d, x + 3 * x_step);
  const auto ab_low = hn::BitCast(d2, hn::InterleaveLower(d, a, b)),
             ef_low = hn::BitCast(d2, hn::InterleaveLower(d, e, f));
  const auto ab_up = hn::BitCast(d2, hn::InterleaveUpper(d, a, b)),
             ef_up = hn::BitCast(d2, hn::InterleaveUpper(d, e, f));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d2, ab_low, ef_low)), d, out);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d2, ab_low, ef_low)), d, out + out_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d2, ab_up, ef_up)), d, out + 2 * out_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d2, ab_up, ef_up)), d, out + 3 * out_step);
}
HWY_INLINE void transpose_block(const double* HWY_RESTRICT x, Index x_step, double* HWY_RESTRICT out, Index out_step) {
  const hn::FixedTag<double, 2> d;
  const auto a = hn::LoadU(d, x), b = hn::LoadU(d, x + x_step);
  hn::StoreU(hn::InterleaveLower(d, a, b), d, out);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, out + out_step);
}
template <class T>
constexpr Index kBlockSide = static_cast<Index>(16 / sizeof(T));
#else
template <class T>
HWY_INLINE void transpose_block(const T* x, Index, T* out, Index) {
  *out = *x;
}
template <class T>
constexpr Index kBlockSide = 1;
#endif

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_KERNELS_MACHINE_TRANSPOSE_INL_H_
