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
// Not built: SSSE3 and Ice Lake's additions to AVX-512, because nothing here gains from them, and the instruction sets
// whose vectors have no size known to the compiler (SVE, RISC-V), because such vectors cannot stand in arrays. All
// processors with SVE have NEON.
//
// A source that has code for AVX-512 alone says so before it includes this header, by `#define LAMINA_AVX512_ALONE`. It
// is then compiled for that and for the baseline, which takes less time.
#ifndef HWY_DISABLED_TARGETS
#define LAMINA_NOT_BUILT (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#ifdef LAMINA_AVX512_ALONE
#define HWY_DISABLED_TARGETS (LAMINA_NOT_BUILT | HWY_SSE4 | HWY_AVX2)
#else
#define HWY_DISABLED_TARGETS LAMINA_NOT_BUILT
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
