// Batch normalization of a small batch on one thread: a strip of a few vectors of columns at a time, from the
// statistics to the result. On two threads of a Sapphire Rapids, waiting and moving cache lines between cores took
// longer than the arithmetic.
#include <cmath>
#include <type_traits>

#include "lamina/kernels/norm/norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/norm/strips.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/machine/vectors-inl.h"

#ifndef LAMINA_KERNELS_NORM_STRIPS_ARGS
#define LAMINA_KERNELS_NORM_STRIPS_ARGS
namespace lamina::kernels {
namespace {

template <class T>
struct StripForward {
  Index rows, columns;
  const T *x, *gamma, *beta;
  double eps;
  bool relu;
  T *mean, *var, *inv_std, *out;
};

template <class T>
struct StripBackward {
  Index rows, columns;
  const T *dout, *relu_out, *x, *mean, *inv_std, *gamma;
  bool statistics;
  T *dgamma, *dbeta, *dx;
};

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Accumulators for N vectors side by side, several for each, so that additions are independent and hide their latency.
template <class V, int N>
struct Sums {
  static constexpr int kEach = N >= 6 ? 1 : N >= 3 ? 2 : 4;
  V of[kEach][N];

  template <class D>
  HWY_INLINE explicit Sums(D d) {
    for (auto& one : of)
      for (V& sum : one) sum = hn::Zero(d);
  }
  HWY_INLINE V total(int v) const {
    if constexpr (kEach == 4) return hn::Add(hn::Add(of[0][v], of[1][v]), hn::Add(of[2][v], of[3][v]));
    if constexpr (kEach == 2) return hn::Add(of[0][v], of[1][v]);
    return of[0][v];
  }
};

// Calls body(i, k, v) for every row i and every vector v of it; k counts the accumulators, 0 .. kEach - 1.
template <int N, int kEach, class Body>
HWY_INLINE void over_rows(Index rows, Body&& body) {
  Index i = 0;
  for (; i + kEach <= rows; i += kEach)
#pragma GCC unroll 4
    for (int k = 0; k < kEach; ++k)
#pragma GCC unroll 6
      for (int v = 0; v < N; ++v) body(i + k, k, v);
  for (; i < rows; ++i)
#pragma GCC unroll 6
    for (int v = 0; v < N; ++v) body(i, 0, v);
}

// Mean and variance of N vectors of columns. Deviations are from the rounded mean, and its error is corrected
// afterwards.
template <int N, class D, class T>
HWY_INLINE void statistics(D d, const StripForward<T>& s, Index column) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const T* x = s.x + column;
  const V zero = hn::Zero(d), count = hn::Set(d, static_cast<T>(s.rows));
  Sums<V, N> sums(d), drifts(d), squares(d);
  constexpr int kEach = Sums<V, N>::kEach;
  over_rows<N, kEach>(s.rows, [&](Index i, int k, int v) HWY_ATTR {
    sums.of[k][v] = hn::Add(sums.of[k][v], hn::LoadU(d, x + i * s.columns + v * lanes));
  });
  V about[N];
  for (int v = 0; v < N; ++v) about[v] = hn::Div(sums.total(v), count);
  over_rows<N, kEach>(s.rows, [&](Index i, int k, int v) HWY_ATTR {
    const V apart = hn::Sub(hn::LoadU(d, x + i * s.columns + v * lanes), about[v]);
    drifts.of[k][v] = hn::Add(drifts.of[k][v], apart);
    squares.of[k][v] = hn::MulAdd(apart, apart, squares.of[k][v]);
  });
  for (int v = 0; v < N; ++v) {
    const V drift = drifts.total(v), off = hn::Div(drift, count);
    const V spread = hn::NegMulAdd(off, drift, squares.total(v));
    hn::StoreU(hn::Add(about[v], off), d, s.mean + column + v * lanes);
    const V var = hn::IfThenElse(hn::Lt(spread, zero), zero, spread);  // keeps NaN
    hn::StoreU(hn::Div(var, count), d, s.var + column + v * lanes);
  }
}

template <int N, bool kRelu, class D, class T>
HWY_INLINE void normalize(D d, const StripForward<T>& s, Index column) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  V mean[N], scale[N], beta[N];
  for (int v = 0; v < N; ++v) {
    const Index j = column + v * lanes;
    mean[v] = hn::LoadU(d, s.mean + j);
    scale[v] = hn::Mul(hn::LoadU(d, s.gamma + j), hn::LoadU(d, s.inv_std + j));
    beta[v] = hn::LoadU(d, s.beta + j);
  }
  over_rows<N, 1>(s.rows, [&](Index i, int, int v) HWY_ATTR {
    const Index at = i * s.columns + column + v * lanes;
    V y = hn::MulAdd(hn::Sub(hn::LoadU(d, s.x + at), mean[v]), scale[v], beta[v]);
    if constexpr (kRelu) y = hn::IfThenElse(hn::Lt(y, hn::Zero(d)), hn::Zero(d), y);  // keeps NaN
    hn::StoreU(y, d, s.out + at);
  });
}

template <int N, class D, class T>
HWY_INLINE void columns_of(D d, const StripForward<T>& s, Index column) {
  statistics<N>(d, s, column);
  const Index end = column + N * static_cast<Index>(hn::Lanes(d));
  for (Index j = column; j < end; ++j)
    s.inv_std[j] = static_cast<T>(1 / std::sqrt(static_cast<double>(s.var[j]) + s.eps));
  s.relu ? normalize<N, true>(d, s, column) : normalize<N, false>(d, s, column);
}

template <int N, bool kRelu, class D, class T>
HWY_INLINE void backward_of(D d, const StripBackward<T>& s, Index column) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const V zero = hn::Zero(d);
  const auto upstream = [&](Index at) HWY_ATTR {
    const V g = hn::LoadU(d, s.dout + at);
    if constexpr (kRelu)
      return hn::IfThenElseZero(hn::Gt(hn::LoadU(d, s.relu_out + at), zero), g);
    else
      return g;
  };
  V mean[N], scale[N], shift[N], slope[N];
  for (int v = 0; v < N; ++v) mean[v] = hn::LoadU(d, s.mean + column + v * lanes);
  Sums<V, N> sums(d), products(d);
  over_rows<N, Sums<V, N>::kEach>(s.rows, [&](Index i, int k, int v) HWY_ATTR {
    const Index at = i * s.columns + column + v * lanes;
    const V g = upstream(at);
    sums.of[k][v] = hn::Add(sums.of[k][v], g);
    products.of[k][v] = hn::MulAdd(g, hn::Sub(hn::LoadU(d, s.x + at), mean[v]), products.of[k][v]);
  });
  for (int v = 0; v < N; ++v) {
    const Index j = column + v * lanes;
    const V inv_std = hn::LoadU(d, s.inv_std + j);
    const V dbeta = sums.total(v), dgamma = hn::Mul(products.total(v), inv_std);
    hn::StoreU(dbeta, d, s.dbeta + j);
    hn::StoreU(dgamma, d, s.dgamma + j);
    scale[v] = hn::Mul(hn::LoadU(d, s.gamma + j), inv_std);
    const V each = s.statistics ? hn::Div(scale[v], hn::Set(d, static_cast<T>(s.rows))) : zero;
    shift[v] = hn::Mul(each, dbeta);
    slope[v] = hn::Mul(hn::Mul(each, inv_std), dgamma);
  }
  over_rows<N, 1>(s.rows, [&](Index i, int, int v) HWY_ATTR {
    const Index at = i * s.columns + column + v * lanes;
    const V through_mean = hn::MulAdd(hn::Sub(hn::LoadU(d, s.x + at), mean[v]), slope[v], shift[v]);
    hn::StoreU(hn::MulSub(upstream(at), scale[v], through_mean), d, s.dx + at);
  });
}

template <int N, class D, class T>
HWY_INLINE void columns_of(D d, const StripBackward<T>& s, Index column) {
  s.relu_out ? backward_of<N, true>(d, s, column) : backward_of<N, false>(d, s, column);
}

// All columns: as many vectors at a time as there are registers, then fewer, then single elements.
template <class Strip>
HWY_INLINE void over_columns(const Strip& s) {
  using T = std::remove_const_t<std::remove_pointer_t<decltype(s.x)>>;
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  Index column = 0;
  const auto go = [&](auto vectors) HWY_ATTR {
    constexpr int kVectors = decltype(vectors)::value;
    for (; column + kVectors * lanes <= s.columns; column += kVectors * lanes) columns_of<kVectors>(d, s, column);
  };
  if constexpr (HWY_TARGET <= HWY_AVX3) go(std::integral_constant<int, 6>());
  go(std::integral_constant<int, 3>());
  const Index first = column;
  for_vectors<T>(s.columns - first, [&](auto tag, Index j) HWY_ATTR { columns_of<1>(tag, s, first + j); });
}

template <class T>
void forward(const StripForward<T>& s) {
  over_columns(s);
}
template <class T>
void backward(const StripBackward<T>& s) {
  over_columns(s);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

constexpr Index kFewColumns = 16;  // for fewer columns, folded rows (column_blocks.h) are faster
constexpr Index kMostRows = 512;   // the longest sums that are accurate enough in T
constexpr Index kMost = 50 << 10;  // elements from which several threads are faster

bool goes_by_columns(Index rows, Index columns) {
  return columns >= kFewColumns && rows > 0 && rows <= kMostRows && rows * columns <= kMost;
}

}  // namespace

template <class T>
void normalize_batch(Index rows, Index columns, const T* x, const T* gamma, const T* beta, double eps, bool relu,
                     T* mean, T* var, T* inv_std, T* out) {
  if (!goes_by_columns(rows, columns)) {
    column_statistics(rows, columns, x, mean, var);
    inverse_std(columns, var, eps, inv_std);
    return normalize_columns(rows, columns, x, mean, inv_std, gamma, beta, relu, out);
  }
  const StripForward<T> s{rows, columns, x, gamma, beta, eps, relu, mean, var, inv_std, out};
  LAMINA_DISPATCH(forward<T>)(s);
}

template <class T>
void normalize_batch_backward(Index rows, Index columns, const T* dout, const T* relu_out, const T* x, const T* mean,
                              const T* inv_std, const T* gamma, bool statistics, T* dgamma, T* dbeta, T* dx) {
  if (!goes_by_columns(rows, columns)) {
    normalize_columns_sums(rows, columns, dout, relu_out, x, mean, inv_std, dgamma, dbeta);
    return normalize_columns_backward(rows, columns, dout, relu_out, x, mean, inv_std, gamma, dgamma, dbeta, statistics,
                                      dx);
  }
  const StripBackward<T> s{rows, columns, dout, relu_out, x, mean, inv_std, gamma, statistics, dgamma, dbeta, dx};
  LAMINA_DISPATCH(backward<T>)(s);
}

LAMINA_FLOAT_AND_DOUBLE(normalize_batch);
LAMINA_FLOAT_AND_DOUBLE(normalize_batch_backward);

}  // namespace lamina::kernels
#endif
