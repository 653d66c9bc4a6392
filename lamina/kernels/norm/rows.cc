// Normalization of the rows of a matrix: layer normalization, and group normalization of images.
#include <algorithm>
#include <cmath>

#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/norm/norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/norm/rows.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/machine/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Sums are accumulated in T over pieces of this many elements, and in double over the pieces.
constexpr Index kPiece = 2048;

template <class V>
HWY_INLINE double lane_sum(V v) {
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(hn::DFromV<V>(), v)));
}

// Two sums over 0 .. n - 1 at once: body(d, j, first, second) adds to both accumulators.
template <class T, class Body>
HWY_INLINE void two_sums(Index n, double& first, double& second, Body&& body) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> one;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  first = second = 0;
  for (Index start = 0; start < n; start += kPiece) {
    const Index end = std::min(n, start + kPiece);
    auto a0 = hn::Zero(d), a1 = a0, b0 = a0, b1 = a0;
    Index j = start;
    for (; j + 2 * lanes <= end; j += 2 * lanes) {
      body(d, j, a0, b0);
      body(d, j + lanes, a1, b1);
    }
    for (; j + lanes <= end; j += lanes) body(d, j, a0, b0);
    auto a = hn::Zero(one), b = a;
    for (; j < end; ++j) body(one, j, a, b);
    first += lane_sum(hn::Add(a0, a1)) + static_cast<double>(hn::GetLane(a));
    second += lane_sum(hn::Add(b0, b1)) + static_cast<double>(hn::GetLane(b));
  }
}

template <class T>
HWY_INLINE void statistics(Index n, const T* x, T& mean, T& var) {
  double sum, squares;
  two_sums<T>(n, sum, squares, [=](auto d, Index j, auto& a, auto&) HWY_ATTR { a = hn::Add(a, hn::LoadU(d, x + j)); });
  const auto count = static_cast<double>(n);
  const T centre = static_cast<T>(sum / count);
  two_sums<T>(n, sum, squares, [=](auto d, Index j, auto& a, auto& b) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(d, x + j), hn::Set(d, centre));
    a = hn::Add(a, centred);
    b = hn::MulAdd(centred, centred, b);
  });
  const double off = sum / count, spread = squares - off * sum;  // corrects the rounding error of the centre
  mean = static_cast<T>(static_cast<double>(centre) + off);
  var = static_cast<T>((spread < 0 ? 0 : spread) / count);  // keeps NaN
}

template <class T, bool kRelu>
HWY_INLINE void normalize(Index n, const T* x, T mean, T inv_std, const T* gamma, const T* beta, T* out) {
  for_vectors<T>(n, [=](auto d, Index j) HWY_ATTR {
    const auto hat = hn::Mul(hn::Sub(hn::LoadU(d, x + j), hn::Set(d, mean)), hn::Set(d, inv_std));
    auto v = hn::MulAdd(hat, hn::LoadU(d, gamma + j), hn::LoadU(d, beta + j));
    if constexpr (kRelu) v = hn::IfThenElse(hn::Lt(v, hn::Zero(d)), hn::Zero(d), v);  // keeps NaN
    hn::StoreU(v, d, out + j);
  });
}

// dout, or 0 where ReLU's output is not positive.
template <bool kRelu, class D, class T>
HWY_INLINE hn::Vec<D> upstream(D d, const T* dout, const T* relu_out) {
  const auto v = hn::LoadU(d, dout);
  if constexpr (kRelu)
    return hn::IfThenElseZero(hn::Gt(hn::LoadU(d, relu_out), hn::Zero(d)), v);
  else
    return v;
}

// The backward pass of layer normalization for one row. Adds the row's contribution to dgamma and dbeta.
template <class T, bool kRelu>
HWY_INLINE void backward(Index n, const T* dout, const T* relu_out, const T* x, T mean, T inv_std, const T* gamma,
                         T* dx, T* dgamma, T* dbeta) {
  double sum, product;
  two_sums<T>(n, sum, product, [=](auto d, Index j, auto& a, auto& b) HWY_ATTR {
    const auto v = upstream<kRelu>(d, dout + j, relu_out + (kRelu ? j : 0));
    const auto hat = hn::Mul(hn::Sub(hn::LoadU(d, x + j), hn::Set(d, mean)), hn::Set(d, inv_std));
    const auto g = hn::Mul(v, hn::LoadU(d, gamma + j));
    a = hn::Add(a, g);
    b = hn::MulAdd(g, hat, b);
    hn::StoreU(hn::MulAdd(v, hat, hn::LoadU(d, dgamma + j)), d, dgamma + j);
    hn::StoreU(hn::Add(v, hn::LoadU(d, dbeta + j)), d, dbeta + j);
  });
  const T mean_g = static_cast<T>(sum / static_cast<double>(n)),
          mean_gx = static_cast<T>(product / static_cast<double>(n));
  for_vectors<T>(n, [=](auto d, Index j) HWY_ATTR {
    const auto g = hn::Mul(upstream<kRelu>(d, dout + j, relu_out + (kRelu ? j : 0)), hn::LoadU(d, gamma + j));
    const auto hat = hn::Mul(hn::Sub(hn::LoadU(d, x + j), hn::Set(d, mean)), hn::Set(d, inv_std));
    const auto centred = hn::NegMulAdd(hat, hn::Set(d, mean_gx), hn::Sub(g, hn::Set(d, mean_g)));
    hn::StoreU(hn::Mul(centred, hn::Set(d, inv_std)), d, dx + j);
  });
}

template <class T>
void group(Index channels, Index S, const T* x, T mean, T inv_std, const T* gamma, const T* beta, T* out) {
  for (Index c = 0; c < channels; ++c) {
    const T scale = gamma[c] * inv_std, shift = beta[c];
    for_vectors<T>(S, [=](auto d, Index j) HWY_ATTR {
      const auto centred = hn::Sub(hn::LoadU(d, x + c * S + j), hn::Set(d, mean));
      hn::StoreU(hn::MulAdd(centred, hn::Set(d, scale), hn::Set(d, shift)), d, out + c * S + j);
    });
  }
}

// The backward pass of group normalization for one group of one image; dgamma and dbeta are its sums for each channel.
template <class T>
void group_backward(Index channels, Index S, const T* dout, const T* x, T mean, T inv_std, const T* gamma, T* dx,
                    double* dgamma, double* dbeta) {
  double sum = 0, product = 0;
  for (Index c = 0; c < channels; ++c) {
    const T *from = dout + c * S, *at = x + c * S;
    two_sums<T>(S, dbeta[c], dgamma[c], [=](auto d, Index j, auto& a, auto& b) HWY_ATTR {
      const auto v = hn::LoadU(d, from + j);
      const auto hat = hn::Mul(hn::Sub(hn::LoadU(d, at + j), hn::Set(d, mean)), hn::Set(d, inv_std));
      a = hn::Add(a, v);
      b = hn::MulAdd(v, hat, b);
    });
    sum += static_cast<double>(gamma[c]) * dbeta[c];
    product += static_cast<double>(gamma[c]) * dgamma[c];
  }
  const auto count = static_cast<double>(channels * S);
  const T mean_g = static_cast<T>(sum / count), mean_gx = static_cast<T>(product / count);
  for (Index c = 0; c < channels; ++c) {
    const T *from = dout + c * S, *at = x + c * S;
    const T scale = gamma[c];
    for_vectors<T>(S, [=](auto d, Index j) HWY_ATTR {
      const auto g = hn::MulSub(hn::LoadU(d, from + j), hn::Set(d, scale), hn::Set(d, mean_g));
      const auto hat = hn::Mul(hn::Sub(hn::LoadU(d, at + j), hn::Set(d, mean)), hn::Set(d, inv_std));
      hn::StoreU(hn::Mul(hn::NegMulAdd(hat, hn::Set(d, mean_gx), g), hn::Set(d, inv_std)), d, dx + c * S + j);
    });
  }
}

template <class T>
void statistics_of_rows(Index rows, Index columns, const T* x, T* mean, T* var) {
  for (Index i = 0; i < rows; ++i) statistics(columns, x + i * columns, mean[i], var[i]);
}

template <class T>
void normalize_some_rows(Index rows, Index columns, const T* x, const T* mean, const T* inv_std, const T* gamma,
                         const T* beta, bool relu, T* out) {
  const auto row = relu ? normalize<T, true> : normalize<T, false>;
  for (Index i = 0; i < rows; ++i) row(columns, x + i * columns, mean[i], inv_std[i], gamma, beta, out + i * columns);
}

template <class T>
void backward_of_rows(Index rows, Index columns, const T* dout, const T* relu_out, const T* x, const T* mean,
                      const T* inv_std, const T* gamma, T* dx, T* dgamma, T* dbeta) {
  const auto row = relu_out ? backward<T, true> : backward<T, false>;
  std::fill(dgamma, dgamma + columns, T{0});
  std::fill(dbeta, dbeta + columns, T{0});
  for (Index i = 0; i < rows; ++i)
    row(columns, dout + i * columns, relu_out ? relu_out + i * columns : nullptr, x + i * columns, mean[i], inv_std[i],
        gamma, dx + i * columns, dgamma, dbeta);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// Chunks of whole rows. Sums depend on their size.
Chunks rows_of(Index rows, Index columns) { return Chunks::about(16384, rows, columns); }

struct Partials {};

}  // namespace

template <class T>
void row_statistics(Index rows, Index columns, const T* x, T* mean, T* var) {
  const auto kernel = LAMINA_DISPATCH(statistics_of_rows<T>);
  for_chunks(rows_of(rows, columns),
             [=](Index i, Index count) { kernel(count, columns, x + i * columns, mean + i, var + i); });
}

template <class T>
void normalize_rows(Index rows, Index columns, const T* x, const T* mean, const T* inv_std, const T* gamma,
                    const T* beta, bool relu, T* out) {
  const auto kernel = LAMINA_DISPATCH(normalize_some_rows<T>);
  for_chunks(rows_of(rows, columns), [=](Index i, Index count) {
    kernel(count, columns, x + i * columns, mean + i, inv_std + i, gamma, beta, relu, out + i * columns);
  });
}

template <class T>
void normalize_rows_backward(Index rows, Index columns, const T* dout, const T* relu_out, const T* x, const T* mean,
                             const T* inv_std, const T* gamma, T* dx, T* dgamma, T* dbeta) {
  const auto kernel = LAMINA_DISPATCH(backward_of_rows<T>);
  const Chunks chunks = rows_of(rows, columns);
  T* partial = workspace<Partials, T>(2 * chunks.count() * columns);
  for_chunks(chunks, [=](Index chunk, Index i, Index count) {
    const Index at = i * columns;
    T* sums = partial + 2 * chunk * columns;
    kernel(count, columns, dout + at, relu_out ? relu_out + at : nullptr, x + at, mean + i, inv_std + i, gamma, dx + at,
           sums, sums + columns);
  });
  for (Index j = 0; j < columns; ++j) {
    double product = 0, sum = 0;
    for (Index chunk = 0; chunk < chunks.count(); ++chunk) {
      product += static_cast<double>(partial[2 * chunk * columns + j]);
      sum += static_cast<double>(partial[(2 * chunk + 1) * columns + j]);
    }
    dgamma[j] = static_cast<T>(product);
    dbeta[j] = static_cast<T>(sum);
  }
}

template <class T>
void normalize_groups(Index N, Index C, Index S, Index G, const T* x, const T* mean, const T* inv_std, const T* gamma,
                      const T* beta, T* out) {
  const auto kernel = LAMINA_DISPATCH(group<T>);
  const Index channels = C / G;
  for_chunks(rows_of(N * G, channels * S), [=](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) {
      const Index c = i % G * channels, at = i * channels * S;
      kernel(channels, S, x + at, mean[i], inv_std[i], gamma + c, beta + c, out + at);
    }
  });
}

template <class T>
void normalize_groups_backward(Index N, Index C, Index S, Index G, const T* dout, const T* x, const T* mean,
                               const T* inv_std, const T* gamma, T* dx, T* dgamma, T* dbeta) {
  const auto kernel = LAMINA_DISPATCH(group_backward<T>);
  const Index channels = C / G;
  double* products = workspace<Partials, double>(2 * N * C);
  double* sums = products + N * C;
  for_chunks(rows_of(N * G, channels * S), [=](Index first, Index count) {
    for (Index i = first; i < first + count; ++i) {
      const Index at = i * channels * S;
      kernel(channels, S, dout + at, x + at, mean[i], inv_std[i], gamma + i % G * channels, dx + at,
             products + i * channels, sums + i * channels);
    }
  });
  for (Index c = 0; c < C; ++c) {
    double product = 0, sum = 0;
    for (Index n = 0; n < N; ++n) {
      product += products[n * C + c];
      sum += sums[n * C + c];
    }
    dgamma[c] = static_cast<T>(product);
    dbeta[c] = static_cast<T>(sum);
  }
}

LAMINA_FLOAT_AND_DOUBLE(row_statistics);
LAMINA_FLOAT_AND_DOUBLE(normalize_rows);
LAMINA_FLOAT_AND_DOUBLE(normalize_rows_backward);
LAMINA_FLOAT_AND_DOUBLE(normalize_groups);
LAMINA_FLOAT_AND_DOUBLE(normalize_groups_backward);

}  // namespace lamina::kernels
#endif
