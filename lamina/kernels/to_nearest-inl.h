// Correctly rounded division by a fixed divisor, and square root, faster than the processor's instructions: an
// approximate inverse is corrected by the remainder, which a fused multiply-add computes exactly (Markstein, 1990).
// Compiled once for each instruction set.
#if defined(LAMINA_KERNELS_TO_NEAREST_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_TO_NEAREST_INL_H_
#undef LAMINA_KERNELS_TO_NEAREST_INL_H_
#else
#define LAMINA_KERNELS_TO_NEAREST_INL_H_
#endif

#include <type_traits>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Whether vectors of this tag are divided this way: only full float vectors of AVX-512. Their approximate square root
// has 14 correct bits (that of shorter vectors has 12, too few), and a division costs as much as 30 multiplications.
template <class D>
inline constexpr bool kByRemainder = HWY_TARGET <= HWY_AVX3
                                         ? hn::MaxLanes(D()) == 16 && std::is_same_v<hn::TFromD<D>, float>
                                         : false;

// The lanes of x for which remainders may not be exact: all but +0 and magnitudes from 2^-100 to 2^100. `signs`: x may
// be negative.
template <class D, class V = hn::Vec<D>>
HWY_INLINE auto outside(D, V x, bool signs = true) {
  const hn::RebindToUnsigned<D> u;
  const auto bits = hn::BitCast(u, x), least = hn::Set(u, (127u - 100) << 23), range = hn::Set(u, 200u << 23);
  const auto size = signs ? hn::And(bits, hn::Set(u, 0x7fffffffu)) : bits;
  return hn::And(hn::Gt(hn::Sub(size, least), range), hn::Ne(bits, hn::Zero(u)));
}

// A divisor of many numbers, with its inverse.
template <class T>
struct Divisor {
  explicit Divisor(T divisor) : value(divisor), inverse(1 / divisor) {}
  bool usable() const { return value >= T{0x1p-20} && value <= 1; }

  T value, inverse;
};

// x / by, for a usable() divisor and an x that is not outside(). The hardest cases, quotients closest to the midpoint
// of two floats, were tested for every divisor from 0.5 to 1; other divisors differ from these by powers of two.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V quotient_by_remainder(D d, V x, const Divisor<float>& by) {
  const auto inverse = hn::Set(d, by.inverse), near = hn::Mul(x, inverse);
  return hn::MulAdd(hn::NegMulAdd(hn::Set(d, by.value), near, x), inverse, near);
}

// The square root of x, which must be +0 or from 2^-100 to 2^120. The tests check it for every mantissa, on the
// processor that runs them.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V root_by_remainder(D d, V x) {
  const auto half = hn::Set(d, 0.5f);
  const auto inverse = hn::ApproximateReciprocalSqrt(hn::Max(x, hn::Set(d, 0x1p-126f)));  // finite for 0
  auto near = hn::Mul(x, inverse), slope = hn::Mul(inverse, half);
  const auto error = hn::NegMulAdd(near, slope, half);
  near = hn::MulAdd(near, error, near);
  slope = hn::MulAdd(slope, error, slope);
  return hn::MulAdd(hn::NegMulAdd(near, near, x), slope, near);
}

// The square root of x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V root(D d, V x) {
  if constexpr (kByRemainder<D>)
    if (HWY_LIKELY(hn::AllFalse(hn::RebindToUnsigned<D>(), outside(d, x, false)))) return root_by_remainder(d, x);
  return hn::Sqrt(x);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_KERNELS_TO_NEAREST_INL_H_
