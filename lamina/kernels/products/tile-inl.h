// The inner loop of matrix products and convolutions: one tile of C, held in registers while sums run over k.
// Included by kernel sources, once an instruction set.
#if defined(LAMINA_KERNELS_PRODUCTS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_PRODUCTS_TILE_INL_H_
#undef LAMINA_KERNELS_PRODUCTS_TILE_INL_H_
#else
#define LAMINA_KERNELS_PRODUCTS_TILE_INL_H_
#endif

#include <algorithm>

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
  Index columns;            // of C to write; unless kMaskedLoads, B is readable up to the next whole vector
  bool accumulate = false;  // adds to what C holds
  bool relu = false;
  Index ahead = 0;  // where not 0: what lies so far behind each row of B is fetched into the second-level cache
};

#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON
inline constexpr int kTileRows = 12;  // 32 registers: 24 sums, 2 of B, and the broadcast of A
#else
inline constexpr int kTileRows = 6;  // 16 registers: 12 sums, 2 of B, and the broadcast of A
#endif
inline constexpr int kTileVectors = 2;
// A tile of more vectors and fewer rows, where there are registers for it: reads fewer rows of A at a time, which
// matters where they fall into the same few sets of a cache.
inline constexpr bool kWideTiles = HWY_TARGET == HWY_AVX3;
inline constexpr int kWideTileVectors = kWideTiles ? 3 : kTileVectors;
inline constexpr int kWideTileRows = kWideTiles ? 8 : kTileRows;
// Where loads and stores take a mask and touch nothing outside it, the last columns of B need no copy.
inline constexpr bool kMaskedLoads = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2;
// Where two halves of a vector cost no more than the whole, half a vector serves for the last few columns.
inline constexpr bool kHalfVectors = HWY_TARGET == HWY_AVX3;

// Columns of a tile of kTileVectors vectors.
template <class T>
HWY_INLINE Index tile_columns() {
  return kTileVectors * static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
}

// kRows rows of kVectors vectors; where kEdge, columns ends in the last of them.
template <int kRows, int kVectors, bool kEdge, bool kUnitRows, bool kAhead, class D, class T>
HWY_INLINE void tile(D d, const TileArgs<T>& s, const T* a, T* c, Index ahead) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  constexpr int kBases = (kRows + 2) / 3;  // row i is a base + 0, 1 or 2 strides: addresses without arithmetic
  const Index a_row = kUnitRows ? 1 : s.a_row;
  const auto mask = hn::FirstN(d, static_cast<std::size_t>(s.columns - (kVectors - 1) * lanes));
  const auto load = [&](int v, const T* from) HWY_ATTR {
    if constexpr (kEdge && kMaskedLoads)
      if (v == kVectors - 1) return hn::MaskedLoad(mask, d, from + v * lanes);
    return hn::LoadU(d, from + v * lanes);
  };

  V sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 3
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
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) bv[v] = load(v, b);
      if constexpr (kAhead) __builtin_prefetch(b + ahead, 0, 2);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const V av = hn::Set(d, kUnitRows ? base[0][i] : base[i / 3][(i % 3) * a_row]);
#pragma GCC unroll 3
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

  const auto finish = [&](V value, int v, const T* old, const T* bias) HWY_ATTR {
    if (s.accumulate) value = hn::Add(value, load(v, old));
    if (s.bias) value = hn::Add(value, load(v, bias));
    if (s.relu) value = hn::IfThenElse(hn::Lt(value, hn::Zero(d)), hn::Zero(d), value);
    return value;
  };
  if constexpr (!kEdge || kMaskedLoads) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) {
        T* to = c + i * s.ldc;
        const V value = finish(sum[i][v], v, to, s.bias);
        if (kEdge && v == kVectors - 1)
          hn::BlendedStore(value, mask, d, to + v * lanes);
        else
          hn::StoreU(value, d, to + v * lanes);
      }
  } else {  // through a buffer, so that nothing behind C's last column is touched
    HWY_ALIGN T edge[kVectors * hn::MaxLanes(D())] = {};
    HWY_ALIGN T bias[kVectors * hn::MaxLanes(D())] = {};
    if (s.bias) std::copy_n(s.bias, s.columns, bias);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      T* to = c + i * s.ldc;
      if (s.accumulate) std::copy_n(to, s.columns, edge);
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) hn::StoreU(finish(sum[i][v], v, edge, bias), d, edge + v * lanes);
      std::copy_n(edge, s.columns, to);
    }
  }
}

template <int kVectors, bool kEdge, bool kUnitRows, bool kAhead, class D, class T>
HWY_NOINLINE void tiles_of_rows(D d, const TileArgs<T>& s, Index rows) {
  constexpr Index kLine = static_cast<Index>(64 / sizeof(T));
  const T* a = s.a;
  T* c = s.c;
  Index ahead = s.ahead;
  const auto go = [&](auto count) HWY_ATTR {
    constexpr int kRows = decltype(count)::value;
    tile<kRows, kVectors, kEdge, kUnitRows, kAhead>(d, s, a, c, ahead);
    if (ahead < s.ahead + kVectors * static_cast<Index>(hn::Lanes(d))) ahead += kLine;  // a line of the row a tile
    a += kRows * (kUnitRows ? 1 : s.a_row);
    c += kRows * s.ldc;
    rows -= kRows;
  };
  constexpr int kMost = kVectors > kTileVectors ? kWideTileRows : kTileRows;
  while (rows >= kMost) go(std::integral_constant<int, kMost>());
  if constexpr (kMost > 8)
    while (rows >= 8) go(std::integral_constant<int, 8>());
  while (rows >= 4) go(std::integral_constant<int, 4>());
  while (rows >= 2) go(std::integral_constant<int, 2>());
  while (rows >= 1) go(std::integral_constant<int, 1>());
}

template <int kVectors, bool kEdge, class D, class T>
HWY_INLINE void tiles_of_columns(D d, const TileArgs<T>& s, Index rows) {
  if constexpr (!kEdge)
    if (s.ahead != 0)
      return s.a_row == 1 ? tiles_of_rows<kVectors, false, true, true>(d, s, rows)
                          : tiles_of_rows<kVectors, false, false, true>(d, s, rows);
  s.a_row == 1 ? tiles_of_rows<kVectors, kEdge, true, false>(d, s, rows)
               : tiles_of_rows<kVectors, kEdge, false, false>(d, s, rows);
}

// Columns of a tile of kWideTileVectors vectors.
template <class T>
HWY_INLINE Index wide_tile_columns() {
  return kWideTileVectors * static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
}

// All rows of up to tile_columns<T>() columns. Every element of C is summed in the order of runs and k, whatever the
// tile it falls into: how rows and columns are shared out does not change the bits.
template <class T>
HWY_INLINE void tile_rows(const TileArgs<T>& s, Index rows) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  if (s.columns == kTileVectors * lanes) return tiles_of_columns<kTileVectors, false>(d, s, rows);
  if (!kHalfVectors && s.columns > lanes) return tiles_of_columns<kTileVectors, true>(d, s, rows);
  const Index whole = s.columns / lanes, over = s.columns % lanes;
  if (whole + (over > lanes / 2) == kTileVectors) return tiles_of_columns<kTileVectors, true>(d, s, rows);
  TileArgs<T> rest = s;
  if (whole == 1 || over > lanes / 2 || !kHalfVectors) {
    rest.columns = std::min(lanes, s.columns);
    tiles_of_columns<1, true>(d, rest, rows);
    rest.columns = s.columns - rest.columns;
    if (rest.columns == 0) return;
    rest.b += lanes;
    rest.c += lanes;
    if (rest.bias) rest.bias += lanes;
  }
  if constexpr (kHalfVectors) tiles_of_columns<1, true>(hn::Half<hn::ScalableTag<T>>(), rest, rows);
}

// The same for up to wide_tile_columns<T>() columns.
template <class T>
HWY_INLINE void wide_tile_rows(const TileArgs<T>& s, Index rows) {
  if constexpr (kWideTiles) {
    const hn::ScalableTag<T> d;
    if (s.columns == wide_tile_columns<T>()) return tiles_of_columns<kWideTileVectors, false>(d, s, rows);
    if (s.columns > tile_columns<T>()) return tiles_of_columns<kWideTileVectors, true>(d, s, rows);
  }
  tile_rows(s, rows);
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
