#include "lamina/kernels/elementwise.h"

#include <algorithm>

#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/elementwise.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/machine/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void relu(Index n, const T* x, T* out) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto v = hn::LoadU(d, x + i);
    const auto zero = hn::Zero(d);
    hn::StoreU(hn::IfThenElse(hn::Lt(v, zero), zero, v), d, out + i);  // keeps NaN
  });
}

template <class T>
void relu_backward(Index n, const T* dout, const T* out, T* dx) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto active = hn::Gt(hn::LoadU(d, out + i), hn::Zero(d));
    hn::StoreU(hn::IfThenElseZero(active, hn::LoadU(d, dout + i)), d, dx + i);
  });
}

template <class T>
void relu_dropout_backward(Index n, const T* dout, const T* relu_out, const T* out, T kept, T* dx) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto zero = hn::Zero(d);
    const auto mask = hn::IfThenElseZero(hn::Gt(hn::LoadU(d, out + i), zero), hn::Set(d, kept));
    const auto active = hn::Gt(hn::LoadU(d, relu_out + i), zero);
    hn::StoreU(hn::IfThenElseZero(active, hn::Mul(hn::LoadU(d, dout + i), mask)), d, dx + i);
  });
}

template <class T>
void multiply(Index n, const T* a, const T* b, T* out) {
  for_vectors<T>(
      n, [=](auto d, Index i) HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i); });
}

template <class T>
void add(Index n, const T* a, const T* b, T* out) {
  for_vectors<T>(
      n, [=](auto d, Index i) HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i); });
}

template <class T>
void axpy(Index n, T a, const T* x, T* y) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, a), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

template <class T>
void scale(Index n, T a, const T* x, T* out) {
  for_vectors<T>(
      n, [=](auto d, Index i) HWY_ATTR { hn::StoreU(hn::Mul(hn::Set(d, a), hn::LoadU(d, x + i)), d, out + i); });
}

template <class T>
void scale_add(Index n, T a, const T* x, T* y) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, a), hn::LoadU(d, y + i), hn::LoadU(d, x + i)), d, y + i);
  });
}

// Loads a vector of doubles from numbers of either precision.
template <class D>
HWY_INLINE hn::Vec<D> load_as_double(D d, const double* x) {
  return hn::LoadU(d, x);
}
template <class D>
HWY_INLINE hn::Vec<D> load_as_double(D d, const float* x) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), x));
}

// Two independent accumulators in double hide the latency of additions.
template <class T>
double sum_of_squares(Index n, const T* x) {
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
  Index i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto v0 = load_as_double(d, x + i), v1 = load_as_double(d, x + i + lanes);
    sum0 = hn::MulAdd(v0, v0, sum0);
    sum1 = hn::MulAdd(v1, v1, sum1);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  for (; i < n; ++i) sum += double{x[i]} * double{x[i]};
  return sum;
}

template <class T>
void column_sums(Index rows, Index columns, const T* x, T* sums) {
  for_vectors<T>(columns, [=](auto d, Index j) HWY_ATTR {
    // Four independent accumulators hide the latency of additions.
    auto sum = hn::Zero(d), sum1 = sum, sum2 = sum, sum3 = sum;
    Index i = 0;
    for (const T* from = x + j; i + 4 <= rows; i += 4, from += 4 * columns) {
      sum = hn::Add(sum, hn::LoadU(d, from));
      sum1 = hn::Add(sum1, hn::LoadU(d, from + columns));
      sum2 = hn::Add(sum2, hn::LoadU(d, from + 2 * columns));
      sum3 = hn::Add(sum3, hn::LoadU(d, from + 3 * columns));
    }
    for (; i < rows; ++i) sum = hn::Add(sum, hn::LoadU(d, x + i * columns + j));
    sum = hn::Add(hn::Add(sum, sum1), hn::Add(sum2, sum3));
    hn::StoreU(sum, d, sums + j);
  });
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// Elements of a chunk, enough to outweigh the cost of handing it to a thread. The order of sums depends on it.
constexpr Index kChunk = 16384;

// Chunks begin at multiples of 64 elements, so that no two threads write to the same cache line.
Chunks elements(Index n) { return Chunks::even(n, kChunk, 64); }

struct PartialSums {};

}  // namespace

template <class T>
void relu(Index n, const T* x, T* out) {
  const auto kernel = LAMINA_DISPATCH(relu<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, x + i, out + i); });
}

template <class T>
void relu_backward(Index n, const T* dout, const T* out, T* dx) {
  const auto kernel = LAMINA_DISPATCH(relu_backward<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, dout + i, out + i, dx + i); });
}

template <class T>
void relu_dropout_backward(Index n, const T* dout, const T* relu_out, const T* out, T kept, T* dx) {
  const auto kernel = LAMINA_DISPATCH(relu_dropout_backward<T>);
  for_chunks(elements(n),
             [=](Index i, Index length) { kernel(length, dout + i, relu_out + i, out + i, kept, dx + i); });
}

template <class T>
void copy(Index n, const T* x, T* out) {
  for_chunks(Chunks{n, kChunk}, [=](Index i, Index length) { std::copy_n(x + i, length, out + i); });
}

template <class T>
void multiply(Index n, const T* a, const T* b, T* out) {
  const auto kernel = LAMINA_DISPATCH(multiply<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, a + i, b + i, out + i); });
}

template <class T>
void add(Index n, const T* a, const T* b, T* out) {
  const auto kernel = LAMINA_DISPATCH(add<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, a + i, b + i, out + i); });
}

template <class T>
void axpy(Index n, T a, const T* x, T* y) {
  const auto kernel = LAMINA_DISPATCH(axpy<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, a, x + i, y + i); });
}

template <class T>
void scale(Index n, T a, const T* x, T* out) {
  const auto kernel = LAMINA_DISPATCH(scale<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, a, x + i, out + i); });
}

template <class T>
void scale_add(Index n, T a, const T* x, T* y) {
  const auto kernel = LAMINA_DISPATCH(scale_add<T>);
  for_chunks(elements(n), [=](Index i, Index length) { kernel(length, a, x + i, y + i); });
}

template <class T>
double sum_of_squares(Index n, const T* x) {
  const auto kernel = LAMINA_DISPATCH(sum_of_squares<T>);
  const Chunks chunks{n, kChunk};
  double* partial = workspace<PartialSums, double>(chunks.count());
  for_chunks(chunks, [=](Index chunk, Index i, Index length) { partial[chunk] = kernel(length, x + i); });
  double sum = 0;
  for (Index chunk = 0; chunk < chunks.count(); ++chunk) sum += partial[chunk];
  return sum;
}

template <class T>
void column_sums(Index rows, Index columns, const T* x, T* sums) {
  const auto kernel = LAMINA_DISPATCH(column_sums<T>);
  const Chunks chunks = Chunks::about(kChunk, rows, columns);
  if (chunks.count() <= 1) return kernel(rows, columns, x, sums);
  T* partial = workspace<PartialSums, T>(chunks.count() * columns);
  for_chunks(chunks, [=](Index chunk, Index first, Index length) {
    kernel(length, columns, x + first * columns, partial + chunk * columns);
  });
  kernel(chunks.count(), columns, partial, sums);
}

LAMINA_FLOAT_AND_DOUBLE(relu);
LAMINA_FLOAT_AND_DOUBLE(relu_backward);
LAMINA_FLOAT_AND_DOUBLE(relu_dropout_backward);
LAMINA_FLOAT_AND_DOUBLE(copy);
LAMINA_FLOAT_AND_DOUBLE(multiply);
LAMINA_FLOAT_AND_DOUBLE(add);
LAMINA_FLOAT_AND_DOUBLE(axpy);
LAMINA_FLOAT_AND_DOUBLE(scale);
LAMINA_FLOAT_AND_DOUBLE(scale_add);
LAMINA_FLOAT_AND_DOUBLE(sum_of_squares);
LAMINA_FLOAT_AND_DOUBLE(column_sums);

}  // namespace lamina::kernels
#endif
