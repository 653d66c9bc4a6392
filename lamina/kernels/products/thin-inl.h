// The kernel for the last few columns of a matrix product, which would leave most of a tile's vector empty. Here
// vectors run along k instead or, if A is transposed, along the rows of C. Compiled once for each instruction set.
#if defined(LAMINA_KERNELS_PRODUCTS_THIN_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_PRODUCTS_THIN_INL_H_
#undef LAMINA_KERNELS_PRODUCTS_THIN_INL_H_
#else
#define LAMINA_KERNELS_PRODUCTS_THIN_INL_H_
#endif

#include <algorithm>

#include "hwy/highway.h"
#include "lamina/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Only for AVX-512, and for a quarter of a vector at most: 4 floats or 2 doubles.
constexpr bool kThin = HWY_TARGET == HWY_AVX3;
template <class T>
constexpr Index kThinColumns = static_cast<Index>(16 / sizeof(T));

// C (rows, columns) = [C +] A B [+ bias] [then max(0, .)] for up to kThinColumns<T> columns.
template <class T>
struct ThinArgs {
  const T* a;
  Index lda;
  const T* b;  // packed: (kThinColumns, b_pitch) for dot_rows, (k, kThinColumns) for add_columns; zeros after `columns`
  Index b_pitch;
  T* c;
  Index ldc;
  Index k, columns;
  const T* bias;
  bool accumulate = false;
  bool relu;
};

template <class T>
HWY_INLINE void finish_thin(const ThinArgs<T>& s, T value, Index column, T* to) {
  if (s.accumulate) value += *to;
  if (s.bias) value += s.bias[column];
  *to = s.relu && value < 0 ? T{0} : value;
}

// kRows rows of C as dot products, with vectors along k. Each lane of a vector holds a partial sum; a reduction over
// the lanes ends it.
template <int kRows, class T>
HWY_INLINE void dots(const ThinArgs<T>& s, const T* a, T* c) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kColumns = static_cast<int>(kThinColumns<T>);
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  V sum[kRows][kColumns];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) sum[i][j] = hn::Zero(d);
  const auto add = [&](Index k, const auto& load) HWY_ATTR {
    V bv[kColumns];
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) bv[j] = hn::LoadU(d, s.b + j * s.b_pitch + k);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const V av = load(a + i * s.lda + k);
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; ++j) sum[i][j] = hn::MulAdd(av, bv[j], sum[i][j]);
    }
  };
  Index k = 0;
  for (; k + lanes <= s.k; k += lanes) add(k, [&](const T* from) HWY_ATTR { return hn::LoadU(d, from); });
  if (k < s.k) {
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(s.k - k));
    add(k, [&](const T* from) HWY_ATTR { return hn::MaskedLoad(mask, d, from); });
  }
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < s.columns; ++j) finish_thin(s, hn::GetLane(hn::SumOfLanes(d, sum[i][j])), j, c + i * s.ldc + j);
}

template <class T>
HWY_NOINLINE void dot_rows(const ThinArgs<T>& s, Index rows) {
  const T* a = s.a;
  T* c = s.c;
  const auto go = [&](auto count) HWY_ATTR {
    constexpr int kRows = decltype(count)::value;
    dots<kRows>(s, a, c);
    a += kRows * s.lda;
    c += kRows * s.ldc;
    rows -= kRows;
  };
  while (rows >= 6) go(std::integral_constant<int, 6>());
  while (rows >= 2) go(std::integral_constant<int, 2>());
  while (rows >= 1) go(std::integral_constant<int, 1>());
}

// Rows of C from a transposed A (k, rows), with vectors along the rows: kVectors vectors, the last of which may be
// partial. Each element of C is summed in the order of k.
template <int kVectors, class T>
HWY_INLINE void columns_of_rows(const ThinArgs<T>& s, const T* a, T* c, Index rows) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int kColumns = static_cast<int>(kThinColumns<T>);
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  const auto mask = hn::FirstN(d, static_cast<std::size_t>(rows - (kVectors - 1) * lanes));
  V sum[kVectors][kColumns];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v)
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) sum[v][j] = hn::Zero(d);
  const T* b = s.b;
  for (Index k = 0; k < s.k; ++k, a += s.lda, b += kColumns) {
    V bv[kColumns];
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) bv[j] = hn::Set(d, b[j]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const V av = v == kVectors - 1 ? hn::MaskedLoad(mask, d, a + v * lanes) : hn::LoadU(d, a + v * lanes);
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; ++j) sum[v][j] = hn::MulAdd(av, bv[j], sum[v][j]);
    }
  }
  HWY_ALIGN T turned[kColumns][kVectors * hn::MaxLanes(d)];
  for (int j = 0; j < kColumns; ++j)
    for (int v = 0; v < kVectors; ++v) hn::Store(sum[v][j], d, turned[j] + v * lanes);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < s.columns; ++j) finish_thin(s, turned[j][i], j, c + i * s.ldc + j);
}

template <class T>
HWY_NOINLINE void add_columns(const ThinArgs<T>& s, Index rows) {
  const auto lanes = static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
  const T* a = s.a;
  T* c = s.c;
  const auto go = [&](auto count) HWY_ATTR {
    constexpr int kVectors = decltype(count)::value;
    const Index now = std::min(rows, kVectors * lanes);
    columns_of_rows<kVectors>(s, a, c, now);
    a += now;
    c += now * s.ldc;
    rows -= now;
  };
  while (rows > 5 * lanes) go(std::integral_constant<int, 6>());
  while (rows > 2 * lanes) go(std::integral_constant<int, 3>());
  while (rows > lanes) go(std::integral_constant<int, 2>());
  while (rows > 0) go(std::integral_constant<int, 1>());
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
