// Batch normalization where a batch is small: one thread takes whole columns, sixteen at a time, from their statistics
// to the result. With two threads more time goes to waiting and to lines that travel between caches than to sums.
#include <algorithm>
#include <cmath>

#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/norm_strips.cc"
#include "lamina/kernels/simd.h"
#include "lamina/kernels/vectors-inl.h"

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
  T scale;
  bool statistics;
  T *dgamma, *dbeta, *dx;
};

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls body(i, k) for all rows i, k = i modulo 4, so that four sums, one for each k, go on side by side.
template <class Body>
HWY_INLINE void by_fours(Index rows, Body&& body) {
  Index i = 0;
  for (; i + 4 <= rows; i += 4) {
    body(i, 0);
    body(i + 1, 1);
    body(i + 2, 2);
    body(i + 3, 3);
  }
  for (; i < rows; ++i) body(i, 0);
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V total(D, const V (&sums)[4]) {
  return hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]));
}

// Mean and variance of columns `first` to `first` + width - 1, about a rounded mean whose error is then taken away.
template <class T>
HWY_INLINE void strip_statistics(const StripForward<T>& s, Index first, Index width) {
  for_vectors<T>(width, [=, s = s](auto d, Index j) HWY_ATTR {
    using V = hn::Vec<decltype(d)>;
    const T* x = s.x + first + j;
    const V zero = hn::Zero(d), count = hn::Set(d, static_cast<T>(s.rows));
    V sums[4] = {zero, zero, zero, zero};
    by_fours(s.rows, [&](Index i, int k) HWY_ATTR { sums[k] = hn::Add(sums[k], hn::LoadU(d, x + i * s.columns)); });
    const V about = hn::Div(total(d, sums), count);
    V drifts[4] = {zero, zero, zero, zero}, squares[4] = {zero, zero, zero, zero};
    by_fours(s.rows, [&](Index i, int k) HWY_ATTR {
      const V apart = hn::Sub(hn::LoadU(d, x + i * s.columns), about);
      drifts[k] = hn::Add(drifts[k], apart);
      squares[k] = hn::MulAdd(apart, apart, squares[k]);
    });
    const V drift = total(d, drifts), off = hn::Div(drift, count);
    const V spread = hn::NegMulAdd(off, drift, total(d, squares));
    hn::StoreU(hn::Add(about, off), d, s.mean + first + j);
    const V var = hn::IfThenElse(hn::Lt(spread, zero), zero, spread);  // keeps NaN
    hn::StoreU(hn::Div(var, count), d, s.var + first + j);
  });
}

template <bool kRelu, class T>
HWY_INLINE void strip_normalize(const StripForward<T>& s, Index first, Index width) {
  for_vectors<T>(width, [=, s = s](auto d, Index j) HWY_ATTR {
    const Index column = first + j;
    const auto mean = hn::LoadU(d, s.mean + column), beta = hn::LoadU(d, s.beta + column);
    const auto scale = hn::Mul(hn::LoadU(d, s.gamma + column), hn::LoadU(d, s.inv_std + column));
    for (Index i = 0; i < s.rows; ++i) {
      const Index at = i * s.columns + column;
      auto v = hn::MulAdd(hn::Sub(hn::LoadU(d, s.x + at), mean), scale, beta);
      if constexpr (kRelu) v = hn::IfThenElse(hn::Lt(v, hn::Zero(d)), hn::Zero(d), v);  // keeps NaN
      hn::StoreU(v, d, s.out + at);
    }
  });
}

template <class T>
HWY_INLINE void strip_forward(const StripForward<T>& s, Index first, Index width) {
  strip_statistics(s, first, width);
  for (Index j = first; j < first + width; ++j)
    s.inv_std[j] = static_cast<T>(1 / std::sqrt(static_cast<double>(s.var[j]) + s.eps));
  s.relu ? strip_normalize<true>(s, first, width) : strip_normalize<false>(s, first, width);
}

template <bool kRelu, class T>
HWY_INLINE void strip_backward(const StripBackward<T>& s, Index first, Index width) {
  for_vectors<T>(width, [=, s = s](auto d, Index j) HWY_ATTR {
    using V = hn::Vec<decltype(d)>;
    const Index column = first + j;
    const V zero = hn::Zero(d), mean = hn::LoadU(d, s.mean + column), inv_std = hn::LoadU(d, s.inv_std + column);
    const auto upstream = [&](Index at) HWY_ATTR {
      const V g = hn::LoadU(d, s.dout + at);
      if constexpr (kRelu)
        return hn::IfThenElseZero(hn::Gt(hn::LoadU(d, s.relu_out + at), zero), hn::Mul(g, hn::Set(d, s.scale)));
      else
        return g;
    };
    V sums[4] = {zero, zero, zero, zero}, products[4] = {zero, zero, zero, zero};
    by_fours(s.rows, [&](Index i, int k) HWY_ATTR {
      const Index at = i * s.columns + column;
      const V g = upstream(at);
      sums[k] = hn::Add(sums[k], g);
      products[k] = hn::MulAdd(g, hn::Sub(hn::LoadU(d, s.x + at), mean), products[k]);
    });
    const V dbeta = total(d, sums), dgamma = hn::Mul(total(d, products), inv_std);
    hn::StoreU(dbeta, d, s.dbeta + column);
    hn::StoreU(dgamma, d, s.dgamma + column);
    const V scale = hn::Mul(hn::LoadU(d, s.gamma + column), inv_std);
    const V each = s.statistics ? hn::Div(scale, hn::Set(d, static_cast<T>(s.rows))) : zero;
    const V shift = hn::Mul(each, dbeta), slope = hn::Mul(hn::Mul(each, inv_std), dgamma);
    for (Index i = 0; i < s.rows; ++i) {
      const Index at = i * s.columns + column;
      const V through_mean = hn::MulAdd(hn::Sub(hn::LoadU(d, s.x + at), mean), slope, shift);
      hn::StoreU(hn::MulSub(upstream(at), scale, through_mean), d, s.dx + at);
    }
  });
}

#define LAMINA_BOTH(Name, T)                                                                                 \
  void Forward##Name(const StripForward<T>& s, Index first, Index width) { strip_forward(s, first, width); } \
  void Backward##Name(const StripBackward<T>& s, Index first, Index width) {                                 \
    s.relu_out ? strip_backward<true>(s, first, width) : strip_backward<false>(s, first, width);             \
  }
LAMINA_BOTH(Float, float)
LAMINA_BOTH(Double, double)
#undef LAMINA_BOTH

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

constexpr Index kStrip = 16;      // columns
constexpr Index kMostRows = 512;  // whose sums floats hold well enough
constexpr Index kMost = 1 << 16;  // elements: of more, several threads are sooner done

bool in_strips(Index rows, Index columns) {
  return columns >= kStrip && rows > 0 && rows <= kMostRows && rows * columns <= kMost;
}

// Calls strip(first, width) for all columns.
template <class Strip>
void for_strips(Index columns, Strip&& strip) {
  for (Index first = 0; first < columns; first += kStrip) strip(first, std::min(kStrip, columns - first));
}

}  // namespace

#define LAMINA_BOTH(Name, T)                                                                                           \
  HWY_EXPORT(Forward##Name);                                                                                           \
  HWY_EXPORT(Backward##Name);                                                                                          \
  template <>                                                                                                          \
  void normalize_batch(Index rows, Index columns, const T* x, const T* gamma, const T* beta, double eps, bool relu,    \
                       T* mean, T* var, T* inv_std, T* out) {                                                          \
    if (!in_strips(rows, columns)) {                                                                                   \
      column_statistics(rows, columns, x, mean, var);                                                                  \
      inverse_std(columns, var, eps, inv_std);                                                                         \
      return normalize_columns(rows, columns, x, mean, inv_std, gamma, beta, relu, out);                               \
    }                                                                                                                  \
    const StripForward<T> s{rows, columns, x, gamma, beta, eps, relu, mean, var, inv_std, out};                        \
    const auto kernel = LAMINA_DISPATCH(Forward##Name);                                                                \
    for_strips(columns, [&](Index first, Index width) { kernel(s, first, width); });                                   \
  }                                                                                                                    \
  template <>                                                                                                          \
  void normalize_batch_backward(Index rows, Index columns, const T* dout, const T* relu_out, T scale, const T* x,      \
                                const T* mean, const T* inv_std, const T* gamma, bool statistics, T* dgamma, T* dbeta, \
                                T* dx) {                                                                               \
    if (!in_strips(rows, columns)) {                                                                                   \
      if (relu_out && scale != 1) {                                                                                    \
        relu_backward(rows* columns, dout, relu_out, dx, scale);                                                       \
        dout = dx;                                                                                                     \
        relu_out = nullptr;                                                                                            \
      }                                                                                                                \
      normalize_columns_sums(rows, columns, dout, relu_out, x, mean, inv_std, dgamma, dbeta);                          \
      return normalize_columns_backward(rows, columns, dout, relu_out, x, mean, inv_std, gamma, dgamma, dbeta,         \
                                        statistics, dx);                                                               \
    }                                                                                                                  \
    const StripBackward<T> s{rows,  columns, dout,       relu_out, x,     mean, inv_std,                               \
                             gamma, scale,   statistics, dgamma,   dbeta, dx};                                         \
    const auto kernel = LAMINA_DISPATCH(Backward##Name);                                                               \
    for_strips(columns, [&](Index first, Index width) { kernel(s, first, width); });                                   \
  }
LAMINA_BOTH(Float, float)
LAMINA_BOTH(Double, double)
#undef LAMINA_BOTH

}  // namespace lamina::kernels
#endif
