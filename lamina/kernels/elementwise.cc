#include "lamina/kernels/elementwise.h"

#include <algorithm>

#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/machine/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/elementwise.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/machine/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE void relu(Index n, const T* x, T* out) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto v = hn::LoadU(d, x + i);
    const auto zero = hn::Zero(d);
    hn::StoreU(hn::IfThenElse(hn::Lt(v, zero), zero, v), d, out + i);  // keeps NaN
  });
}

template <class T>
HWY_INLINE void relu_backward(Index n, const T* dout, const T* out, T* dx, T scale) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    const auto active = hn::Gt(hn::LoadU(d, out + i), hn::Zero(d));
    const auto v = hn::Mul(hn::LoadU(d, dout + i), hn::Set(d, scale));
    hn::StoreU(hn::IfThenElseZero(active, v), d, dx + i);
  });
}

template <class T>
HWY_INLINE void multiply(Index n, const T* a, const T* b, T* out) {
  for_vectors<T>(
      n, [=](auto d, Index i) HWY_ATTR { hn::StoreU(hn::Mul(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i); });
}

template <class T>
HWY_INLINE void add(Index n, const T* a, const T* b, T* out) {
  for_vectors<T>(
      n, [=](auto d, Index i) HWY_ATTR { hn::StoreU(hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i); });
}

template <class T>
HWY_INLINE void axpy(Index n, T a, const T* x, T* y) {
  for_vectors<T>(n, [=](auto d, Index i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, a), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

// Lane sums of squares in double, added up at the end.
inline double sum_of_squares(Index n, const double* x) {
  const hn::ScalableTag<double> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
  Index i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto v0 = hn::LoadU(d, x + i), v1 = hn::LoadU(d, x + i + lanes);
    sum0 = hn::MulAdd(v0, v0, sum0);
    sum1 = hn::MulAdd(v1, v1, sum1);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  for (; i < n; ++i) sum += x[i] * x[i];
  return sum;
}
inline double sum_of_squares(Index n, const float* x) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> f;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
  Index i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const auto v0 = hn::PromoteTo(d, hn::LoadU(f, x + i)), v1 = hn::PromoteTo(d, hn::LoadU(f, x + i + lanes));
    sum0 = hn::MulAdd(v0, v0, sum0);
    sum1 = hn::MulAdd(v1, v1, sum1);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
  for (; i < n; ++i) sum += double{x[i]} * double{x[i]};
  return sum;
}

template <class T>
HWY_INLINE void column_sums(Index rows, Index columns, const T* x, T* sums) {
  for_vectors<T>(columns, [=](auto d, Index j) HWY_ATTR {
    // Four sums, so that none waits for the one before.
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

#define LAMINA_BOTH(Name, T)                                                               \
  void Relu##Name(Index n, const T* x, T* out) { relu(n, x, out); }                        \
  void ReluBackward##Name(Index n, const T* dout, const T* out, T* dx, T scale) {          \
    relu_backward(n, dout, out, dx, scale);                                                \
  }                                                                                        \
  void Multiply##Name(Index n, const T* a, const T* b, T* out) { multiply(n, a, b, out); } \
  void Add##Name(Index n, const T* a, const T* b, T* out) { add(n, a, b, out); }           \
  void Axpy##Name(Index n, T a, const T* x, T* y) { axpy(n, a, x, y); }                    \
  double SumOfSquares##Name(Index n, const T* x) { return sum_of_squares(n, x); }          \
  void ColumnSums##Name(Index rows, Index columns, const T* x, T* sums) { column_sums(rows, columns, x, sums); }
LAMINA_BOTH(Float, float)
LAMINA_BOTH(Double, double)
#undef LAMINA_BOTH

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// Elements a chunk: large enough that a chunk outweighs its cost, a multiple of every vector length.
constexpr Index kChunk = 16384;
constexpr Index kLines = 64;  // elements; chunks begin at multiples of it

// As few chunks as there can be, and all of one size, but for the last.
template <class Body>
void for_chunks(Index n, Body&& body) {
  if (n <= kChunk) return body(Index{0}, n);
  const Index fewest = (n + kChunk - 1) / kChunk;
  const Index size = ((n + fewest - 1) / fewest + kLines - 1) / kLines * kLines;
  parallel_for((n + size - 1) / size, [&](Index chunk) {
    const Index first = chunk * size;
    body(first, std::min(size, n - first));
  });
}

struct PartialSums {};

}  // namespace

#define LAMINA_BOTH(Name, T)                                                                           \
  HWY_EXPORT(Relu##Name);                                                                              \
  HWY_EXPORT(ReluBackward##Name);                                                                      \
  HWY_EXPORT(Multiply##Name);                                                                          \
  HWY_EXPORT(Add##Name);                                                                               \
  HWY_EXPORT(Axpy##Name);                                                                              \
  HWY_EXPORT(SumOfSquares##Name);                                                                      \
  HWY_EXPORT(ColumnSums##Name);                                                                        \
  template <>                                                                                          \
  void relu(Index n, const T* x, T* out) {                                                             \
    const auto kernel = LAMINA_DISPATCH(Relu##Name);                                                   \
    for_chunks(n, [=](Index i, Index count) { kernel(count, x + i, out + i); });                       \
  }                                                                                                    \
  template <>                                                                                          \
  void relu_backward(Index n, const T* dout, const T* out, T* dx, T scale) {                           \
    const auto kernel = LAMINA_DISPATCH(ReluBackward##Name);                                           \
    for_chunks(n, [=](Index i, Index count) { kernel(count, dout + i, out + i, dx + i, scale); });     \
  }                                                                                                    \
  template <>                                                                                          \
  void multiply(Index n, const T* a, const T* b, T* out) {                                             \
    const auto kernel = LAMINA_DISPATCH(Multiply##Name);                                               \
    for_chunks(n, [=](Index i, Index count) { kernel(count, a + i, b + i, out + i); });                \
  }                                                                                                    \
  template <>                                                                                          \
  void add(Index n, const T* a, const T* b, T* out) {                                                  \
    const auto kernel = LAMINA_DISPATCH(Add##Name);                                                    \
    for_chunks(n, [=](Index i, Index count) { kernel(count, a + i, b + i, out + i); });                \
  }                                                                                                    \
  template <>                                                                                          \
  void axpy(Index n, T a, const T* x, T* y) {                                                          \
    const auto kernel = LAMINA_DISPATCH(Axpy##Name);                                                   \
    for_chunks(n, [=](Index i, Index count) { kernel(count, a, x + i, y + i); });                      \
  }                                                                                                    \
  template <>                                                                                          \
  double sum_of_squares(Index n, const T* x) {                                                         \
    const auto kernel = LAMINA_DISPATCH(SumOfSquares##Name);                                           \
    const Index chunks = (n + kChunk - 1) / kChunk;                                                    \
    double* partial = workspace<PartialSums, double>(chunks);                                          \
    parallel_for(chunks, [=](Index chunk) {                                                            \
      const Index first = chunk * kChunk;                                                              \
      partial[chunk] = kernel(std::min(kChunk, n - first), x + first);                                 \
    });                                                                                                \
    double sum = 0;                                                                                    \
    for (Index i = 0; i < chunks; ++i) sum += partial[i];                                              \
    return sum;                                                                                        \
  }                                                                                                    \
  template <>                                                                                          \
  void column_sums(Index rows, Index columns, const T* x, T* sums) {                                   \
    const auto kernel = LAMINA_DISPATCH(ColumnSums##Name);                                             \
    const Index height = std::max<Index>(1, kChunk / std::max<Index>(1, columns));                     \
    const Index chunks = std::max<Index>(1, (rows + height - 1) / height);                             \
    if (chunks == 1) return kernel(rows, columns, x, sums);                                            \
    T* partial = workspace<PartialSums, T>(chunks * columns);                                          \
    parallel_for(chunks, [=](Index chunk) {                                                            \
      const Index first = chunk * height;                                                              \
      kernel(std::min(height, rows - first), columns, x + first * columns, partial + chunk * columns); \
    });                                                                                                \
    kernel(chunks, columns, partial, sums);                                                            \
  }
LAMINA_BOTH(Float, float)
LAMINA_BOTH(Double, double)
#undef LAMINA_BOTH

}  // namespace lamina::kernels
#endif
