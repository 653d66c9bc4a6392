// The inner loop of matrix products and convolutions: one tile of C, held in registers while sums run over k.
// Included by kernel sources, once an instruction set.
#if defined(LAMINA_KERNELS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_TILE_INL_H_
#undef LAMINA_KERNELS_TILE_INL_H_
#else
#define LAMINA_KERNELS_TILE_INL_H_
#endif

#include "hwy/highway.h"
#include "lamina/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// C (rows, columns) = [C +] sum over images n, runs r and k of A_nr(i, k) B_nr(k, j) [+ bias_j] [then max(0, .)], where
// A_nr(i, k) = a[n a_image + r a_step + i a_row + k a_k] and B_nr(k, j) = b[n b_image + r b_step + k b_k + j].
//
// A matrix product is one run. A convolution is one run a filter row: there (q, c) are neighbours in memory, both in
// channels-last images and in packed filters. The gradient of filters is one run an output row, over several images.
template <class T>
struct TileArgs {
  const T* a;
  const T* b;
  T* c;
  const T* bias = nullptr;  // of the tile's columns
  Index k;
  Index a_row, a_k, b_k, ldc;
  Index runs = 1, a_step = 0, b_step = 0;
  Index images = 1, a_image = 0, b_image = 0;
  Index columns;            // of C to write; B is readable up to the next whole vector
  bool accumulate = false;  // adds to what C holds
  bool relu = false;
};

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
inline constexpr int kTileRows = 12;  // 32 registers: 24 sums, 2 of B, and the broadcast of A
#else
inline constexpr int kTileRows = 6;  // 16 registers: 12 sums, 2 of B, and the broadcast of A
#endif
inline constexpr int kTileVectors = 2;

// Columns of a tile of kTileVectors vectors.
template <class T>
HWY_INLINE Index tile_columns() {
  return kTileVectors * static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
}

template <int kRows, int kVectors, bool kUnitRows, class T>
HWY_INLINE void tile(const TileArgs<T>& s, const T* a, T* c) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  constexpr int kBases = (kRows + 2) / 3;  // row i is a base + 0, 1 or 2 strides: addresses without arithmetic
  const Index a_row = kUnitRows ? 1 : s.a_row;

  V sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[i][v] = hn::Zero(d);

  const Index all_runs = s.images * s.runs;
  const T* run_a = a;
  const T* run_b = s.b;
  for (Index run = 0, in_image = 0; run < all_runs; ++run) {
    const T* base[kBases];
#pragma GCC unroll 8
    for (int i = 0; i < kBases; ++i) base[i] = run_a + 3 * i * a_row;
    const T* b = run_b;
    for (Index k = 0; k < s.k; ++k) {
      V bv[kVectors];
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) bv[v] = hn::LoadU(d, b + v * lanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const V av = hn::Set(d, kUnitRows ? base[0][i] : base[i / 3][(i % 3) * a_row]);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) sum[i][v] = hn::MulAdd(av, bv[v], sum[i][v]);
      }
#pragma GCC unroll 8
      for (int i = 0; i < (kUnitRows ? 1 : kBases); ++i) base[i] += s.a_k;
      b += s.b_k;
    }
    run_a += s.a_step;
    run_b += s.b_step;
    if (++in_image == s.runs) {
      in_image = 0;
      run_a += s.a_image - s.runs * s.a_step;
      run_b += s.b_image - s.runs * s.b_step;
    }
  }

  const auto finish = [&](V value, const T* old, const T* bias) HWY_ATTR {
    if (s.accumulate) value = hn::Add(value, hn::LoadU(d, old));
    if (s.bias) value = hn::Add(value, hn::LoadU(d, bias));
    if (s.relu) value = hn::IfThenElse(hn::Lt(value, hn::Zero(d)), hn::Zero(d), value);
    return value;
  };
  if (s.columns >= kVectors * lanes) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        T* to = c + i * s.ldc + v * lanes;
        hn::StoreU(finish(sum[i][v], to, s.bias + v * lanes), d, to);
      }
    return;
  }
  // A tile that reaches over C's last column: through a buffer, so that nothing beyond is touched.
  HWY_ALIGN T edge[kVectors * hn::MaxLanes(hn::ScalableTag<T>())] = {};
  HWY_ALIGN T bias[kVectors * hn::MaxLanes(hn::ScalableTag<T>())] = {};
  if (s.bias)
    for (Index j = 0; j < s.columns; ++j) bias[j] = s.bias[j];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    T* to = c + i * s.ldc;
    if (s.accumulate)
      for (Index j = 0; j < s.columns; ++j) edge[j] = to[j];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v)
      hn::StoreU(finish(sum[i][v], edge + v * lanes, bias + v * lanes), d, edge + v * lanes);
    for (Index j = 0; j < s.columns; ++j) to[j] = edge[j];
  }
}

template <int kVectors, bool kUnitRows, class T>
HWY_NOINLINE void tiles_of_rows(const TileArgs<T>& s, Index rows) {
  const T* a = s.a;
  T* c = s.c;
  const auto go = [&](auto count) HWY_ATTR {
    constexpr int kRows = decltype(count)::value;
    tile<kRows, kVectors, kUnitRows>(s, a, c);
    a += kRows * (kUnitRows ? 1 : s.a_row);
    c += kRows * s.ldc;
    rows -= kRows;
  };
  while (rows >= kTileRows) go(std::integral_constant<int, kTileRows>());
  if constexpr (kTileRows > 8)
    while (rows >= 8) go(std::integral_constant<int, 8>());
  while (rows >= 4) go(std::integral_constant<int, 4>());
  while (rows >= 2) go(std::integral_constant<int, 2>());
  while (rows >= 1) go(std::integral_constant<int, 1>());
}

// All rows of up to tile_columns<T>() columns. Every element of C is summed in the order of runs and k, whatever the
// tile it falls into: how rows and columns are shared out does not change the bits.
template <class T>
HWY_INLINE void tile_rows(const TileArgs<T>& s, Index rows) {
  const bool narrow = s.columns <= static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
  const bool unit = s.a_row == 1;
  if (narrow)
    unit ? tiles_of_rows<1, true>(s, rows) : tiles_of_rows<1, false>(s, rows);
  else
    unit ? tiles_of_rows<kTileVectors, true>(s, rows) : tiles_of_rows<kTileVectors, false>(s, rows);
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
