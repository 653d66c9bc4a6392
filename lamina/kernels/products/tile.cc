// The micro-kernel, in a source file of its own because products and convolutions share it and it takes long to
// compile. It is compiled with -fno-tree-vectorize (lamina/CMakeLists.txt): when g++ 12 vectorizes the loop over k for
// the portable instruction set, it reads past the last row of B.
#include <algorithm>
#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/products/tile.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/products/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

// Whether half a vector is cheaper than a whole one, and so is used for the last few columns.
constexpr bool kHalfVectors = HWY_TARGET == HWY_AVX3;

// A tile of kRows rows and kVectors vectors. kEdge: the last vector is partial. kUnitRows: a_row is 1, as it is for A^T
// and for the gradient of filters; that saves address arithmetic. kAhead: B is prefetched, `ahead` elements after each
// row.
template <int kRows, int kVectors, bool kEdge, bool kUnitRows, bool kAhead, class D, class T>
HWY_INLINE void tile(D d, const TileArgs<T>& s, const T* a, T* c, Index ahead) {
  using V = hn::Vec<D>;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  constexpr int kBases = (kRows + 2) / 3;  // one pointer for three rows: base + {0, 1, 2} a_row are addressing modes
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

  // Local copies stay in registers. Tiles of one vector are limited by loads.
  const Index all_runs = s.images * s.runs, all_k = s.k, a_k = s.a_k, b_k = s.b_k;
  const T* run_a = a;
  const T* run_b = s.b;
  for (Index run = 0, in_image = 0; run < all_runs; ++run) {
    const T* base[kBases];
#pragma GCC unroll 8
    for (int i = 0; i < kBases; ++i) base[i] = run_a + 3 * i * a_row;
    const T* b = run_b;
    for (Index k = 0; k < all_k; ++k) {
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
      for (int i = 0; i < (kUnitRows ? 1 : kBases); ++i) base[i] += a_k;
      b += b_k;
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
  } else {  // through a buffer, so that nothing after the last column of C is touched
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

// Tiles one below the other; the last ones have fewer rows.
template <int kVectors, bool kEdge, bool kUnitRows, bool kAhead, class D, class T>
HWY_NOINLINE void tiles_of(D d, const TileArgs<T>& s, Index rows) {
  constexpr Index kLine = static_cast<Index>(64 / sizeof(T));
  const T* a = s.a;
  T* c = s.c;
  Index ahead = s.ahead;
  const auto go = [&](auto count) HWY_ATTR {
    constexpr int kRows = decltype(count)::value;
    tile<kRows, kVectors, kEdge, kUnitRows, kAhead>(d, s, a, c, ahead);
    // Each tile prefetches another cache line of the rows that are needed next.
    if (kAhead && ahead < s.ahead + kVectors * static_cast<Index>(hn::Lanes(d))) ahead += kLine;
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
HWY_INLINE void tiles(D d, const TileArgs<T>& s, Index rows) {
  if (s.a_row == 1) return tiles_of<kVectors, kEdge, true, false>(d, s, rows);
  if constexpr (kVectors == kWideTileVectors && !kEdge)
    if (s.ahead != 0) return tiles_of<kVectors, kEdge, false, true>(d, s, rows);
  tiles_of<kVectors, kEdge, false, false>(d, s, rows);
}

}  // namespace

template <class T>
void tile_rows(const TileArgs<T>& s, Index rows) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<Index>(hn::Lanes(d));
  if (s.columns == kTileVectors * lanes) return tiles<kTileVectors, false>(d, s, rows);
  if (!kHalfVectors && s.columns > lanes) return tiles<kTileVectors, true>(d, s, rows);
  const Index whole = s.columns / lanes, over = s.columns % lanes;
  if (whole + (over > lanes / 2) == kTileVectors) return tiles<kTileVectors, true>(d, s, rows);
  TileArgs<T> rest = s;
  if (whole == 1 || over > lanes / 2 || !kHalfVectors) {
    rest.columns = std::min(lanes, s.columns);
    tiles<1, true>(d, rest, rows);
    rest.columns = s.columns - rest.columns;
    if (rest.columns == 0) return;
    rest.b += lanes;
    rest.c += lanes;
    if (rest.bias) rest.bias += lanes;
  }
  if constexpr (kHalfVectors) tiles<1, true>(hn::Half<hn::ScalableTag<T>>(), rest, rows);
}

template <class T>
void wide_tile_rows(const TileArgs<T>& s, Index rows) {
  if constexpr (kWideTiles) {
    const hn::ScalableTag<T> d;
    if (s.columns == wide_tile_columns<T>()) return tiles<kWideTileVectors, false>(d, s, rows);
    if (s.columns > tile_columns<T>()) return tiles<kWideTileVectors, true>(d, s, rows);
  }
  tile_rows(s, rows);
}

template void tile_rows(const TileArgs<float>&, Index);
template void tile_rows(const TileArgs<double>&, Index);
template void wide_tile_rows(const TileArgs<float>&, Index);
template void wide_tile_rows(const TileArgs<double>&, Index);

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
