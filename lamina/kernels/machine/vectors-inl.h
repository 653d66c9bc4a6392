// Loops over elements in vectors, and rounding to bfloat16. Compiled once for each instruction set.
#if defined(LAMINA_KERNELS_MACHINE_VECTORS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_MACHINE_VECTORS_INL_H_
#undef LAMINA_KERNELS_MACHINE_VECTORS_INL_H_
#else
#define LAMINA_KERNELS_MACHINE_VECTORS_INL_H_
#endif

#include "hwy/highway.h"
#include "lamina/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Covers the elements 0 .. n - 1 by calls body(d, i), each for one vector of tag d from element i on: whole vectors
// first, then vectors of 16 bytes, then single elements.
template <class T, class Body>
HWY_INLINE void for_vectors(Index n, Body&& body) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 16 / sizeof(T)> shorter;
  const hn::CappedTag<T, 1> one;
  const auto lanes = static_cast<Index>(hn::Lanes(d)), few = static_cast<Index>(hn::Lanes(shorter));
  Index i = 0;
  for (; i + lanes <= n; i += lanes) body(d, i);
  for (; i + few <= n; i += few) body(shorter, i);
  for (; i < n; ++i) body(one, i);
}

// Rounds floats to the nearest bfloat16, ties to even; NaN stays NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V rounded_to_bf16(D d, V v) {
  const hn::RebindToUnsigned<D> u;
  const auto bits = hn::BitCast(u, v);
  const auto tie = hn::And(hn::ShiftRight<16>(bits), hn::Set(u, 1u));
  const auto up = hn::Add(hn::Add(bits, hn::Set(u, 0x7fffu)), tie);
  const auto nan = hn::Or(v, hn::BitCast(d, hn::Set(u, 0x400000u)));
  const auto kept = hn::BitCast(u, hn::IfThenElse(hn::Eq(v, v), hn::BitCast(d, up), nan));
  return hn::BitCast(d, hn::And(kept, hn::Set(u, 0xffff0000u)));
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_KERNELS_MACHINE_VECTORS_INL_H_
