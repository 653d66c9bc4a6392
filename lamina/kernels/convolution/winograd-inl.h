// The transforms of Winograd's algorithm, along a line and over a square. Compiled once for each instruction set.
#if defined(LAMINA_KERNELS_CONVOLUTION_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_CONVOLUTION_WINOGRAD_INL_H_
#undef LAMINA_KERNELS_CONVOLUTION_WINOGRAD_INL_H_
#else
#define LAMINA_KERNELS_CONVOLUTION_WINOGRAD_INL_H_
#endif

#include <array>

#include "hwy/highway.h"
#include "lamina/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Winograd's F(4, kTaps) with kTaps = kN - 3: four outputs y of a filter g along a line of kN inputs x, by kN products:
//   y = A^T [(G g) o (B^T x)],   and for gradients   dg = G^T [(A dy) o (B^T x)].
// This is the transpose (Winograd, Arithmetic Complexity of Computations, 1980) of the Toom-Cook algorithm, which
// multiplies two polynomials by way of their values at kN points. The six points are 0, 5/8, -5/8, 3/2, -3/2 and
// infinity; the seven points 0, 5/8, -5/8, 5/4, -5/4, 13/4 and -13/4. Of all points with few bits, these amplify
// rounding errors least, half as much as 0, 1/2, 1, 2 do. Points of opposite sign share the even and the odd half of
// each sum. B^T holds the products of (x - point), whose coefficients are exact, and G their divisors.
template <int kN>
struct Winograd {
  static_assert(kN == 6 || kN == 7);
  static constexpr int kTaps = kN - 3, kOutputs = 4, kPairs = kN == 7 ? 3 : 2;
  static constexpr bool kInfinity = kN == 6;
  static constexpr double kPoint[3] = {0.625, kN == 6 ? 1.5 : 1.25, 3.25};

  // The coefficients, from y^0 on, of the product of (y - point^2) over all pairs of points, or all except `pair`.
  static constexpr std::array<double, 4> product(int pair = -1) {
    std::array<double, 4> c = {1, 0, 0, 0};
    for (int i = 0, degree = 0; i < kPairs; ++i) {
      if (i == pair) continue;
      ++degree;
      for (int k = degree; k >= 0; --k) c[k] = (k > 0 ? c[k - 1] : 0) - kPoint[i] * kPoint[i] * c[k];
    }
    return c;
  }
  // The product of (point - other) over the other finite points.
  static constexpr double divisor(int pair) {
    const double y = kPoint[pair] * kPoint[pair];
    double value = 2 * y;
    for (int i = 0; i < kPairs; ++i)
      if (i != pair) value *= y - kPoint[i] * kPoint[i];
    return value;
  }
  static constexpr double divisor_of_zero() { return product()[0]; }
};

template <class D>
HWY_INLINE hn::Vec<D> constant(D d, double value) {
  return hn::Set(d, static_cast<hn::TFromD<D>>(value));
}

// B^T: from kN inputs to the kN points.
template <int kN>
struct InputLine {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE void operator()(D d, const V* x, V* out) const {
    using W = Winograd<kN>;
    constexpr std::array<double, 4> all = W::product();
    const auto combine = [&](const std::array<double, 4>& c, int degree, const V* from) HWY_ATTR {
      V sum = from[2 * degree];  // the leading coefficient is 1
#pragma GCC unroll 4
      for (int k = 0; k < degree; ++k) sum = hn::MulAdd(constant(d, c[k]), from[2 * k], sum);
      return sum;
    };
    out[0] = combine(all, W::kPairs, x);
#pragma GCC unroll 3
    for (int i = 0; i < W::kPairs; ++i) {
      const std::array<double, 4> c = W::product(i);
      const V even = combine(c, W::kPairs - 1, x + 2), odd = combine(c, W::kPairs - 1, x + 1);
      const V p = constant(d, W::kPoint[i]);
      out[1 + 2 * i] = hn::MulAdd(p, odd, even);
      out[2 + 2 * i] = hn::NegMulAdd(p, odd, even);
    }
    if constexpr (W::kInfinity) out[kN - 1] = combine(all, W::kPairs, x + 1);
  }
};

// A and G: the values at the points of a polynomial with kLength coefficients; G also divides (kDivided).
template <int kN, int kLength, bool kDivided>
struct ToPoints {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE void operator()(D d, const V* x, V* out) const {
    using W = Winograd<kN>;
    out[0] = kDivided ? hn::Mul(constant(d, 1 / W::divisor_of_zero()), x[0]) : x[0];
#pragma GCC unroll 3
    for (int i = 0; i < W::kPairs; ++i) {
      const double p = W::kPoint[i];
      const V square = constant(d, p * p);
      V even = hn::MulAdd(square, x[2], x[0]), odd = x[1];
      if constexpr (kLength > 3) odd = hn::MulAdd(square, x[3], odd);
      if constexpr (kDivided) even = hn::Mul(constant(d, 1 / W::divisor(i)), even);
      const V factor = constant(d, kDivided ? p / W::divisor(i) : p);
      out[1 + 2 * i] = hn::MulAdd(factor, odd, even);
      out[2 + 2 * i] = hn::NegMulAdd(factor, odd, even);
    }
    if constexpr (W::kInfinity) out[kN - 1] = x[kLength - 1];
  }
};

// A^T and G^T: the transpose of ToPoints.
template <int kN, int kLength, bool kDivided>
struct FromPoints {
  template <class D, class V = hn::Vec<D>>
  HWY_INLINE void operator()(D d, const V* x, V* out) const {
    using W = Winograd<kN>;
    V sum[4];
    sum[0] = kDivided ? hn::Mul(constant(d, 1 / W::divisor_of_zero()), x[0]) : x[0];
#pragma GCC unroll 3
    for (int i = 0; i < W::kPairs; ++i) {
      const double p = W::kPoint[i], scale = kDivided ? 1 / W::divisor(i) : 1;
      const V even = hn::Add(x[1 + 2 * i], x[2 + 2 * i]), odd = hn::Sub(x[1 + 2 * i], x[2 + 2 * i]);
      sum[0] = scale == 1 ? hn::Add(sum[0], even) : hn::MulAdd(constant(d, scale), even, sum[0]);
      double power = scale;
#pragma GCC unroll 3
      for (int j = 1; j < kLength; ++j) {
        power *= p;
        const V part = j % 2 ? odd : even;
        if (i == 0)
          sum[j] = power == 1 ? part : hn::Mul(constant(d, power), part);
        else
          sum[j] = hn::MulAdd(constant(d, power), part, sum[j]);
      }
    }
    if constexpr (W::kInfinity) sum[kLength - 1] = hn::Add(sum[kLength - 1], x[kN - 1]);
#pragma GCC unroll 4
    for (int j = 0; j < kLength; ++j) out[j] = sum[j];
  }
};

// Applies `line` to the columns, then to the rows, of a square of vectors, read by load(i, j) and written by
// store(i, j, v).
template <int kIn, int kOut, class D, class Line, class Load, class Store>
HWY_INLINE void both_ways(D d, Line line, Load load, Store store) {
  using V = hn::Vec<D>;
  HWY_ALIGN hn::TFromD<D> between[kOut][kIn][hn::MaxLanes(D())];
  for (int j = 0; j < kIn; ++j) {
    V in[kIn], out[kOut];
#pragma GCC unroll 8
    for (int i = 0; i < kIn; ++i) in[i] = load(i, j);
    line(d, in, out);
#pragma GCC unroll 8
    for (int i = 0; i < kOut; ++i) hn::Store(out[i], d, between[i][j]);
  }
  for (int i = 0; i < kOut; ++i) {
    V in[kIn], out[kOut];
#pragma GCC unroll 8
    for (int j = 0; j < kIn; ++j) in[j] = hn::Load(d, between[i][j]);
    line(d, in, out);
#pragma GCC unroll 8
    for (int j = 0; j < kOut; ++j) store(i, j, out[j]);
  }
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_KERNELS_CONVOLUTION_WINOGRAD_INL_H_
