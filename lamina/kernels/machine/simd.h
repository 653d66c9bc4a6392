// What every kernel source includes before Highway: the instruction sets to build, and the call of the one in use. A
// kernel source is compiled once for each instruction set, and has this form:
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "lamina/kernels/x.cc"     // this very file
//   #include "lamina/kernels/machine/simd.h"
//   HWY_BEFORE_NAMESPACE();
//   namespace lamina::kernels::HWY_NAMESPACE {
//   namespace {
//   template <class T> void x(Index n, T* out) { ... vectors of hn::ScalableTag<T> ... }
//   }  // namespace
//   }  // namespace lamina::kernels::HWY_NAMESPACE
//   HWY_AFTER_NAMESPACE();
//   #if HWY_ONCE
//   namespace lamina::kernels {
//   template <class T> void x(Index n, T* out) { LAMINA_DISPATCH(x<T>)(n, out); }
//   LAMINA_FLOAT_AND_DOUBLE(x);
//   }  // namespace lamina::kernels
//   #endif
//
// Headers named x-inl.h are included after this one and are compiled once for each instruction set too. This header has
// no include guard, because foreach_target.h includes the source once for each instruction set.
//
// Only the instruction sets that are named below are built, whatever others a version of Highway knows. Kernels gain
// nothing from SSSE3 and from what Ice Lake, Zen 4 and Sapphire Rapids add to AVX-512, and vectors whose size the
// compiler does not know (SVE, RISC-V) cannot be elements of arrays. All processors with SVE have NEON. target.cc has
// their names.
//
// A source that has code for AVX-512 alone says so before it includes this header, by `#define LAMINA_AVX512_ALONE`. It
// is then compiled for that and for the baseline, which takes less time.

// Bits that older versions of Highway reserve. Newer ones call them HWY_SSE2 and HWY_NEON_WITHOUT_AES; both are
// baselines.
#define LAMINA_SSE2 (1LL << 14)
#define LAMINA_NEON_WITHOUT_AES (1LL << 29)
#ifndef HWY_DISABLED_TARGETS
#define LAMINA_BASELINES (HWY_SCALAR | HWY_EMU128 | LAMINA_SSE2 | LAMINA_NEON_WITHOUT_AES | HWY_NEON)
#if defined(LAMINA_AVX512_ALONE)
#define HWY_DISABLED_TARGETS (~(LAMINA_BASELINES | HWY_AVX3))
#elif defined(LAMINA_FEW_TARGETS)
#define HWY_DISABLED_TARGETS (~(LAMINA_BASELINES | HWY_AVX2 | HWY_AVX3))
#else
#define HWY_DISABLED_TARGETS (~(LAMINA_BASELINES | HWY_SSE4 | HWY_AVX2 | HWY_AVX3))
#endif
#endif
#ifdef HWY_TARGET_INCLUDE
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#endif
#include "hwy/highway.h"

#ifndef LAMINA_DISPATCH
#include <cstddef>

#include "lamina/kernels/machine/both_precisions.h"

namespace lamina::kernels::detail {
/// The index of the instruction set in use in Highway's tables of functions.
std::size_t target_index();
}  // namespace lamina::kernels::detail

/// A pointer to the function `kernel` of HWY_NAMESPACE, such as relu<T>, as compiled for the instruction set in use.
/// One template argument at most, because a macro's arguments end at commas.
#if (HWY_TARGETS & (HWY_TARGETS - 1)) == 0  // only one instruction set is built
#define LAMINA_DISPATCH(kernel)                                   \
  ([]() -> decltype(&HWY_STATIC_DISPATCH(kernel)) {               \
    static_cast<void>(::lamina::kernels::detail::target_index()); \
    return &HWY_STATIC_DISPATCH(kernel);                          \
  }())
#else
#define LAMINA_DISPATCH(kernel)                                                                                      \
  ([] {                                                                                                              \
    static constexpr decltype(&HWY_STATIC_DISPATCH(kernel)) kOfTargets[] = {nullptr, HWY_CHOOSE_TARGET_LIST(kernel), \
                                                                            HWY_CHOOSE_FALLBACK(kernel)};            \
    return kOfTargets[::lamina::kernels::detail::target_index()];                                                    \
  }())
#endif
#endif
