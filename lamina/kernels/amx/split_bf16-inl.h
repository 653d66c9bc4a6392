// Splitting floats into sums of three bfloat16, and the layout of these parts in tiles of the matrix unit. Compiled for
// AVX-512 alone, which every processor with the unit has.
#if defined(LAMINA_KERNELS_AMX_SPLIT_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_AMX_SPLIT_BF16_INL_H_
#undef LAMINA_KERNELS_AMX_SPLIT_BF16_INL_H_
#else
#define LAMINA_KERNELS_AMX_SPLIT_BF16_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "lamina/kernels/products/bf16_tile-inl.h"
#include "lamina/tensor.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

constexpr Index kTile = 16;  // the most rows of a tile, and the columns of a tile of C
constexpr Index kStep = 32;  // the numbers along k in a tile of A or B
constexpr Index kTileBytes = 1024;

HWY_INLINE __mmask16 first_lanes(Index count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1u << count) - 1);
}

// The largest magnitude of all numbers that were split, truncated to eight significant bits.
struct Largest {
  __m512i bits;  // of bfloat16, without the sign

  HWY_INLINE Largest() : bits(_mm512_setzero_si512()) {}
  HWY_INLINE void meet(__m512i pairs) {
    bits = _mm512_max_epu16(bits, _mm512_and_si512(pairs, _mm512_set1_epi16(0x7fff)));
  }
  std::uint16_t largest() const {
    alignas(64) std::uint16_t all[32];
    _mm512_store_si512(all, bits);
    return *std::max_element(all, all + 32);
  }
};

// The pairs (x[i], y[i]) of two vectors, split into three parts: of[0] + of[1] + of[2], each a vector of bfloat16
// pairs.
struct Parts {
  __m512i of[3];
};

HWY_INLINE Parts parts(__m512 x, __m512 y, Largest& largest) {
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
  const auto pairs = [](__m512i first, __m512i second)
                         HWY_ATTR { return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(first, 16), second); };
  Parts all;
  // The first part is the upper eight significant bits of each number.
  __m512i p = _mm512_and_si512(_mm512_castps_si512(x), upper), q = _mm512_and_si512(_mm512_castps_si512(y), upper);
  all.of[0] = pairs(p, q);
  largest.meet(all.of[0]);
  // The second part rounds what is left to eight bits, so that the third has either sign and errors cancel out.
  x = _mm512_sub_ps(x, _mm512_castsi512_ps(p));
  y = _mm512_sub_ps(y, _mm512_castsi512_ps(q));
  const __m512i half = _mm512_set1_epi32(0x8000);
  p = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), half), upper);
  q = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(y), half), upper);
  all.of[1] = pairs(p, q);
  // The third part is the rest, which fits into eight bits.
  x = _mm512_sub_ps(x, _mm512_castsi512_ps(p));
  y = _mm512_sub_ps(y, _mm512_castsi512_ps(q));
  all.of[2] = pairs(_mm512_castps_si512(x), _mm512_castps_si512(y));
  return all;
}

// Stores the pairs (x, y) as a row of kPieces contiguous tiles: the three parts or, if kPieces is 1, the numbers
// rounded to bfloat16.
template <int kPieces>
HWY_INLINE void cut(__m512 x, __m512 y, char* to, Largest& largest) {
  if constexpr (kPieces == 1) {
    _mm512_store_si512(to, rounded_pairs(x, y));
    return;
  }
  const Parts all = parts(x, y, largest);
#pragma GCC unroll 3
  for (int i = 0; i < 3; ++i) _mm512_store_si512(to + i * kTileBytes, all.of[i]);
}

// Transposes a block of 16 x 16 floats in registers.
HWY_INLINE void transpose_16(__m512 (&v)[16]) {
  __m512 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
  }
  const auto pairs = [](__m512 x) HWY_ATTR { return _mm512_castps_pd(x); };
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4)
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      v[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(pairs(t[i + j]), pairs(t[i + j + 2])));
      v[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(pairs(t[i + j]), pairs(t[i + j + 2])));
    }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    v[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    v[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    v[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

// Half a step along k of an operand, as it is stored: at most 16 x 16 numbers. Numbers outside count as zero.
struct Half {
  const float* from;
  Index rows, columns;
};

HWY_INLINE void load_across(const Half& half, Index pitch, __m512 (&v)[16]) {
  const __mmask16 mask = first_lanes(half.columns);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) v[i] = _mm512_maskz_loadu_ps(i < half.rows ? mask : 0, half.from + i * pitch);
  transpose_16(v);
}

// Calls put(r, X[r], Y[r]) for the first `rows` vectors of the two halves of a step. The vectors are the stored rows
// (each_along) or the stored columns (each_across).
template <class Put>
HWY_INLINE void each_along(const Half& x, const Half& y, Index pitch, Index rows, const Put& put) {
  const __mmask16 mask_x = first_lanes(x.columns), mask_y = first_lanes(y.columns);
  for (Index r = 0; r < rows; ++r)
    put(r, _mm512_maskz_loadu_ps(r < x.rows ? mask_x : 0, x.from + r * pitch),
        _mm512_maskz_loadu_ps(r < y.rows ? mask_y : 0, y.from + r * pitch));
}

template <class Put>
HWY_INLINE void each_across(const Half& x, const Half& y, Index pitch, Index rows, const Put& put) {
  __m512 v[16], w[16];
  load_across(x, pitch, v);
  load_across(y, pitch, w);
  for (Index r = 0; r < rows; ++r) put(r, v[r], w[r]);
}

// The six partial products that count, as (part of A, part of B), small ones first. Each shares a part with the one
// before it, so that this part's tile is loaded only once.
constexpr int kProducts[6][2] = {{2, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 2}, {0, 0}};

// A vector assembled from three parts: lane i is lane[i] of part p if bit i of from[p] is set, and zero if no bit is.
struct Choice {
  __m512i lane;
  __mmask16 from[3] = {};

  HWY_INLINE __m512i of(const Parts& all) const {
    __m512i chosen = _mm512_maskz_permutexvar_epi32(from[0], lane, all.of[0]);
    chosen = _mm512_mask_permutexvar_epi32(chosen, from[1], lane, all.of[1]);
    return _mm512_mask_permutexvar_epi32(chosen, from[2], lane, all.of[2]);
  }
};

// The last numbers along k, fewer than a step. Laid out like whole steps, their tiles would be mostly zeros. Instead
// the parts of all six partial products are placed side by side along k, which takes fewer tiles. `tiles` is 0 if it
// does not.
struct Rest {
  static constexpr Index kMostTiles = 4;

  explicit Rest(Index numbers = 0) : left(numbers), half((numbers + 1) / 2), tiles((6 * half + kTile - 1) / kTile) {
    if (tiles > kMostTiles) tiles = 0;
    for (Index tile = 0; tile < tiles; ++tile) {
      alignas(64) std::int32_t lanes[kTile] = {};
      for (Index lane = 0; lane < kTile; ++lane) {
        const Index at = tile * kTile + lane, product = at / half;
        if (product >= 6) break;
        lanes[lane] = static_cast<std::int32_t>(at % half);
        of_a[tile].from[kProducts[product][0]] |= static_cast<__mmask16>(1 << lane);
      }
      of_a[tile].lane = _mm512_load_si512(lanes);
    }
  }

  Index left, half, tiles;  // how many numbers, pairs and tiles
  Choice of_a[kMostTiles];  // how to assemble a row of each tile of A
};

// Stores row r of the rest's tiles of A.
HWY_INLINE void store_of_a(const Rest& rest, const Parts& all, Index r, char* tiles) {
  for (Index i = 0; i < rest.tiles; ++i) _mm512_store_si512(tiles + i * kTileBytes + r * 64, rest.of_a[i].of(all));
}

// Stores pair `pair` of the rest, for 16 columns, in the rest's tiles of B, whose rows are contiguous.
HWY_INLINE void store_of_b(const Rest& rest, const Parts& all, Index pair, char* tiles) {
#pragma GCC unroll 6
  for (Index i = 0; i < 6; ++i) _mm512_store_si512(tiles + (i * rest.half + pair) * 64, all.of[kProducts[i][1]]);
}
// Fills the unused rows of the rest's tiles of B with zeros. They meet zeros of A, but a NaN there would spoil the
// sums.
HWY_INLINE void end_of_b(const Rest& rest, char* tiles) {
  for (Index row = 6 * rest.half; row < rest.tiles * kTile; ++row)
    _mm512_store_si512(tiles + row * 64, _mm512_setzero_si512());
}

// The last few columns of B, after its whole tiles, have all three parts side by side in one tile, so that one product
// of tiles does the work of three. The last few rows of A have the first two parts one below the other in one tile, and
// the third part in a second tile. This also computes products of two small parts, which are too small to matter. At
// the end the sums of one element of C, which lie side by side or one below the other, are added up.
constexpr Index kMostFewColumns = kTile / 3, kMostFewRows = kTile / 2;
constexpr Index kTilesOfFewRows = 2;

// Stores row r of the last few rows in their tiles of A.
HWY_INLINE void store_few_of_a(Index few, const Parts& all, Index r, char* tiles) {
  char* row = tiles + r * 64;
  _mm512_store_si512(row, all.of[0]);
  _mm512_store_si512(row + few * 64, all.of[1]);
  _mm512_store_si512(row + kTileBytes, all.of[2]);
  _mm512_store_si512(row + kTileBytes + few * 64, _mm512_setzero_si512());
}

// How to assemble a row of the tile for the last few columns of B.
HWY_INLINE Choice few_of_b(Index few) {
  Choice choice;
  alignas(64) std::int32_t lanes[kTile] = {};
  for (Index lane = 0; lane < 3 * few; ++lane) {
    lanes[lane] = static_cast<std::int32_t>(lane % few);
    choice.from[lane / few] |= static_cast<__mmask16>(1 << lane);
  }
  choice.lane = _mm512_load_si512(lanes);
  return choice;
}

// The distance, in bytes, between rows of `tiles` tiles: a cache line more than they need, so that adjacent rows map to
// different sets of the cache.
constexpr Index strip_bytes(Index tiles) { return tiles * kTileBytes + 64; }

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_AVX3

#endif  // LAMINA_KERNELS_AMX_SPLIT_BF16_INL_H_
