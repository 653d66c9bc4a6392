// What every kernel source includes before Highway: which instruction sets are built. A kernel source has the form
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "lamina/kernels/x.cc"     // this very file
//   #include "lamina/kernels/machine/simd.h"
//   HWY_BEFORE_NAMESPACE();
//   namespace lamina::kernels::HWY_NAMESPACE { ... code, compiled once an instruction set ... }
//   HWY_AFTER_NAMESPACE();
//   #if HWY_ONCE
//   namespace lamina::kernels { HWY_EXPORT(XFloat); void x(...) { LAMINA_DISPATCH(XFloat)(...); } }
//   #endif
//
// No include guard: foreach_target.h includes the source again and again.
// Not built: SSSE3 and Ice Lake's additions to AVX-512, which would bring nothing, and those whose vectors have no size
// that the compiler knows (SVE, RISC-V), so that they cannot stand in arrays; processors with SVE have NEON.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif
#ifdef HWY_TARGET_INCLUDE
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#endif
#include "hwy/highway.h"

#ifndef LAMINA_DISPATCH
/// The compiled version of a kernel for the instruction set in use; honours LAMINA_TARGET from the first call on.
#define LAMINA_DISPATCH(name) ((void)::lamina::kernels::detail::target_ready(), HWY_DYNAMIC_DISPATCH(name))
namespace lamina::kernels::detail {
bool target_ready();
}
#endif
