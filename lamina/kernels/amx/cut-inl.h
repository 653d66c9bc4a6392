// Packing op(A) and op(B) into tiles of the matrix unit. Compiled for AVX-512 alone, which every processor with the
// unit has.
#if defined(LAMINA_KERNELS_AMX_CUT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_AMX_CUT_INL_H_
#undef LAMINA_KERNELS_AMX_CUT_INL_H_
#else
#define LAMINA_KERNELS_AMX_CUT_INL_H_
#endif

#include <algorithm>

#include "hwy/highway.h"
#include "lamina/kernels/amx/split_bf16-inl.h"
#include "lamina/kernels/amx/tile_unit-inl.h"
#include "lamina/kernels/products/product.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

// Calls put(r, X[r], Y[r]) for `rows` rows of op(A) from row `first` on, at most 16. `left` numbers are left along k:
// X[r] holds the first `half` of them, Y[r] the next.
template <class Put>
HWY_INLINE void each_of_a(const Product<float>& s, Index first, Index rows, Index k, Index left, Index half,
                          const Put& put) {
  const Index of_x = std::min(left, half), of_y = left - half;
  if (s.transpose_a) {
    const float* from = s.a + k * s.lda + first;
    each_across({from, of_x, rows}, {from + half * s.lda, of_y, rows}, s.lda, rows, put);
  } else {
    const float* from = s.a + first * s.lda + k;
    each_along({from, rows, of_x}, {from + half, rows, of_y}, s.lda, rows, put);
  }
}

// Calls put(r, X[r], Y[r]) for each r below `half`, with `columns` columns of op(B) from column `first` on: X[r] holds
// row k + r and Y[r] row k + half + r. `left` rows are left along k; rows after these count as zero.
template <class Put>
HWY_INLINE void each_of_b(const Product<float>& s, Index first, Index columns, Index k, Index left, Index half,
                          const Put& put) {
  const Index of_x = std::min(left, half), of_y = left - half;
  if (s.transpose_b) {
    const float* from = s.b + first * s.ldb + k;
    each_across({from, columns, of_x}, {from + half, columns, of_y}, s.ldb, half, put);
  } else {
    const float* from = s.b + k * s.ldb + first;
    each_along({from, of_x, columns}, {from + half * s.ldb, of_y, columns}, s.ldb, half, put);
  }
}

HWY_INLINE void cut_rest_of_a(const Product<float>& s, Index first, Index rows, Index k, const Rest& rest, char* tile,
                              Largest& largest) {
  each_of_a(s, first, rows, k, rest.left, rest.half,
            [&](Index r, __m512 x, __m512 y) HWY_ATTR { store_of_a(rest, parts(x, y, largest), r, tile); });
}

// Packs rows `first` to end - 1 of op(A) into tiles of `height` rows: first the whole steps of the block of k from k0
// on, then the rest.
template <int kPieces>
HWY_INLINE void cut_a(const Product<float>& s, Index first, Index height, Index end, Index k0, Index k,
                      const TileBlock& t, const Rest& rest, char* to, Largest& largest) {
  const Index steps = t.steps, strip = t.a_strip;
  for (Index row = first; row < end; row += height, to += strip) {
    const Index rows = std::min(height, end - row);
    char* tile = to;
    for (Index step = 0; step < steps; ++step, tile += kPieces * kTileBytes)
      each_of_a(s, row, rows, k0 + step * kStep, k - step * kStep, kTile,
                [&](Index r, __m512 x, __m512 y) HWY_ATTR { cut<kPieces>(x, y, tile + r * 64, largest); });
    if (t.rest > 0) cut_rest_of_a(s, row, rows, k0 + steps * kStep, rest, tile, largest);
  }
}

// Packs the last few rows, from row `first` on.
HWY_INLINE void cut_few_rows(const Product<float>& s, Index first, Index few, Index k0, Index k, const TileBlock& t,
                             const Rest& rest, char* to, Largest& largest) {
  for (Index step = 0; step < t.steps; ++step, to += kTilesOfFewRows * kTileBytes)
    each_of_a(s, first, few, k0 + step * kStep, k - step * kStep, kTile,
              [&](Index r, __m512 x, __m512 y) HWY_ATTR { store_few_of_a(few, parts(x, y, largest), r, to); });
  if (t.rest == 0) return;
  cut_rest_of_a(s, first, few, k0 + t.steps * kStep, rest, to, largest);
  for (Index tile = 0; tile < t.rest; ++tile, to += kTileBytes)  // zeros in the rows that hold other parts elsewhere
    for (Index r = few; r < kTile; ++r) _mm512_store_si512(to + r * 64, _mm512_setzero_si512());
}

// Packs columns `first` to end - 1 of op(B), as cut_a() does op(A), and the last few columns after them.
template <int kPieces>
HWY_INLINE void cut_b(const Product<float>& s, Index first, Index end, Index few, Index k0, Index k, const TileBlock& t,
                      const Rest& rest, char* to, Largest& largest) {
  const Index steps = t.steps, strip = t.b_strip;
  const Choice choice = few_of_b(few);
  char *whole = to, *beside = to + (end - first) / kTile * strip;
  for (Index step = 0; step < steps; ++step, whole += kPieces * kTileBytes, beside += kTileBytes) {
    const Index at = k0 + step * kStep, left = k - step * kStep;
    const auto put_few = [&](Index r, __m512 x, __m512 y)
                             HWY_ATTR { _mm512_store_si512(beside + r * 64, choice.of(parts(x, y, largest))); };
    if (s.transpose_b) {
      for (Index column = first; column < end; column += kTile) {
        char* tile = whole + (column - first) / kTile * strip;
        each_of_b(s, column, std::min(kTile, end - column), at, left, kTile,
                  [&](Index r, __m512 x, __m512 y) HWY_ATTR { cut<kPieces>(x, y, tile + r * 64, largest); });
      }
      if (few > 0) each_of_b(s, end, few, at, left, kTile, put_few);
      continue;
    }
    for (Index r = 0; r < kTile; ++r) {  // along the rows of B, so that the hardware prefetcher follows
      const float* x = s.b + (at + r) * s.ldb;
      const float* y = x + kTile * s.ldb;
      const auto put = [&](Index column, Index columns, const auto& store) HWY_ATTR {
        const __mmask16 mask = first_lanes(columns);
        store(r, _mm512_maskz_loadu_ps(r < left ? mask : 0, x + column),
              _mm512_maskz_loadu_ps(r + kTile < left ? mask : 0, y + column));
      };
      char* tile = whole;
      for (Index column = first; column < end; column += kTile, tile += strip)
        put(column, end - column,
            [&](Index row, __m512 v, __m512 w) HWY_ATTR { cut<kPieces>(v, w, tile + row * 64, largest); });
      if (few > 0) put(end, few, put_few);
    }
  }
  if (t.rest == 0) return;
  const auto cut_rest = [&](Index column, Index columns, char* tiles) HWY_ATTR {
    each_of_b(s, column, columns, k0 + steps * kStep, rest.left, rest.half,
              [&](Index pair, __m512 x, __m512 y) HWY_ATTR { store_of_b(rest, parts(x, y, largest), pair, tiles); });
    end_of_b(rest, tiles);
  };
  for (Index column = first; column < end; column += kTile, whole += strip)
    cut_rest(column, std::min(kTile, end - column), whole);
  if (few > 0) cut_rest(end, few, beside);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_AVX3

#endif  // LAMINA_KERNELS_AMX_CUT_INL_H_
