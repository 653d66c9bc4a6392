// The micro-kernels of the matrix unit: its tile registers, and products that keep up to four tiles of accumulators in
// them. Compiled for AVX-512 alone, which every processor with the unit has.
#if defined(LAMINA_KERNELS_AMX_TILE_UNIT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_AMX_TILE_UNIT_INL_H_
#undef LAMINA_KERNELS_AMX_TILE_UNIT_INL_H_
#else
#define LAMINA_KERNELS_AMX_TILE_UNIT_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "lamina/kernels/amx/split_bf16-inl.h"
#include "lamina/tensor.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

// The configuration of the eight tile registers: 0 to 3 hold accumulators, 4 and 5 tiles of A, 6 and 7 tiles of B.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  // Tiles of accumulators and of A have `height` rows, which may be fewer than a register holds.
  explicit TileShapes(Index height) {
    for (int i = 0; i < 8; ++i) {
      row_bytes[i] = 64;
      rows[i] = static_cast<std::uint8_t>(i < 6 ? height : kTile);
    }
  }
};

HWY_INLINE void set_shapes(const TileShapes& shapes) { asm volatile("ldtilecfg %0" : : "m"(shapes)); }
HWY_INLINE void release_tiles() { asm volatile("tilerelease"); }
template <int kRegister>
HWY_INLINE void zero_tile() {
  asm volatile("tilezero %%tmm%c0" : : "i"(kRegister));
}
template <int kRegister>
HWY_INLINE void load_tile(const void* from, Index row_bytes) {
  asm volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(kRegister), "r"(from), "r"(row_bytes) : "memory");
}
template <int kRegister>
HWY_INLINE void store_tile(void* to, Index row_bytes) {
  asm volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(kRegister), "r"(to), "r"(row_bytes) : "memory");
}
// Accumulators += tile of A times tile of B.
template <int kSums, int kA, int kB>
HWY_INLINE void multiply_tiles() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
}

// Up to four tiles of C, at most 2 x 2 or else 4 x 1, for one block of k.
struct TileBlock {
  const char *a, *b;       // the first tiles of A and of B
  Index a_strip, b_strip;  // bytes from one row of tiles of A, or column of tiles of B, to the next
  Index steps, rest;       // whole steps along k, and tiles of the rest
  float* sums;             // holds accumulators from block to block as tiles of 1 KiB; null: they are held in C
  Index sums_strip;        // tiles from one row of tiles of `sums` to the next
  float* c;
  Index ldc;
  Index height;         // rows of a tile
  Index rows, columns;  // of C
  const float* bias;
  bool accumulate, last, relu;  // last: this is the last block of k
};

// Prefetches the rows of C at the start of the block that will store them. Tile loads wait for earlier stores, and
// those would wait for cache misses.
HWY_INLINE void prefetch_rows(const TileBlock& s, Index i, Index j) {
  const float* c = s.c + i * s.height * s.ldc + j * kTile;
  const Index rows = std::min(s.height, s.rows - i * s.height), end = std::min(kTile, s.columns - j * kTile) - 1;
  for (Index r = 0; r < rows; ++r, c += s.ldc) {
    __builtin_prefetch(c, 1);
    __builtin_prefetch(c + end, 1);
  }
}

template <int kRegister>
HWY_INLINE void load_sums(const TileBlock& s, Index i, Index j) {
  if (s.last) prefetch_rows(s, i, j);
  if (!s.accumulate) return zero_tile<kRegister>();
  if (s.sums) return load_tile<kRegister>(s.sums + (i * s.sums_strip + j) * kTile * kTile, 64);
  const Index rows = std::min(s.height, s.rows - i * s.height), columns = std::min(kTile, s.columns - j * kTile);
  const float* c = s.c + i * s.height * s.ldc + j * kTile;
  if (rows == s.height && columns == kTile) return load_tile<kRegister>(c, s.ldc * 4);
  alignas(64) float edge[kTile][kTile];
  for (Index r = 0; r < rows; ++r) _mm512_store_ps(edge[r], _mm512_maskz_loadu_ps(first_lanes(columns), c + r * s.ldc));
  load_tile<kRegister>(edge, 64);
}

// Stores of_row(r), row r of a tile, for `rows` rows of C from c on, with bias and ReLU.
template <class OfRow>
HWY_INLINE void put_rows(const TileBlock& s, Index rows, Index j, const OfRow& of_row, float* c) {
  const __mmask16 mask = first_lanes(s.columns - j * kTile);
  const __m512 bias = s.bias ? _mm512_maskz_loadu_ps(mask, s.bias + j * kTile) : _mm512_setzero_ps();
  for (Index r = 0; r < rows; ++r, c += s.ldc) {
    __m512 value = of_row(r);
    if (s.bias) value = _mm512_add_ps(value, bias);
    if (s.relu) value = _mm512_max_ps(_mm512_setzero_ps(), value);  // a NaN in the second operand stays
    _mm512_mask_storeu_ps(c, mask, value);
  }
}

template <int kRegister>
HWY_INLINE void store_sums(const TileBlock& s, Index i, Index j) {
  if (s.sums && !s.last) return store_tile<kRegister>(s.sums + (i * s.sums_strip + j) * kTile * kTile, 64);
  const Index rows = std::min(s.height, s.rows - i * s.height), columns = std::min(kTile, s.columns - j * kTile);
  float* c = s.c + i * s.height * s.ldc + j * kTile;
  if (!s.bias && !s.relu && rows == s.height && columns == kTile) return store_tile<kRegister>(c, s.ldc * 4);
  alignas(64) float edge[kTile][kTile];
  store_tile<kRegister>(edge, 64);
  put_rows(
      s, rows, j, [&](Index r) HWY_ATTR { return _mm512_load_ps(edge[r]); }, c);
}

template <int kRegister, bool kTwo>
HWY_INLINE void load_two(const char* from, Index strip) {
  load_tile<kRegister>(from, 64);
  if constexpr (kTwo) load_tile<kRegister + 1>(from + strip, 64);
}

template <bool kTwoRows, bool kTwoColumns>
HWY_INLINE void multiply_four() {
  multiply_tiles<0, 4, 6>();
  if constexpr (kTwoColumns) multiply_tiles<1, 4, 7>();
  if constexpr (kTwoRows) multiply_tiles<2, 5, 6>();
  if constexpr (kTwoRows && kTwoColumns) multiply_tiles<3, 5, 7>();
}

template <int kPieces, bool kTwoRows, bool kTwoColumns>
HWY_INLINE void multiply_block(const TileBlock& s) {
  load_sums<0>(s, 0, 0);
  if constexpr (kTwoColumns) load_sums<1>(s, 0, 1);
  if constexpr (kTwoRows) load_sums<2>(s, 1, 0);
  if constexpr (kTwoRows && kTwoColumns) load_sums<3>(s, 1, 1);
  // Local copies stay in registers. Anything in memory is reloaded after each tile instruction, which clobbers memory.
  const char *a = s.a, *b = s.b;
  const Index a_strip = s.a_strip, b_strip = s.b_strip, steps = s.steps, rest = s.rest;
  for (Index step = 0; step < steps; ++step, a += kPieces * kTileBytes, b += kPieces * kTileBytes) {
    if constexpr (kPieces == 3) {
      load_two<4, kTwoRows>(a + 2 * kTileBytes, a_strip);
      load_two<6, kTwoColumns>(b, b_strip);
      multiply_four<kTwoRows, kTwoColumns>();
      load_two<4, kTwoRows>(a + kTileBytes, a_strip);
      multiply_four<kTwoRows, kTwoColumns>();
      load_two<6, kTwoColumns>(b + kTileBytes, b_strip);
      multiply_four<kTwoRows, kTwoColumns>();
      load_two<4, kTwoRows>(a, a_strip);
      multiply_four<kTwoRows, kTwoColumns>();
      load_two<6, kTwoColumns>(b + 2 * kTileBytes, b_strip);
      multiply_four<kTwoRows, kTwoColumns>();
      load_two<6, kTwoColumns>(b, b_strip);
      multiply_four<kTwoRows, kTwoColumns>();
    } else {
      load_two<4, kTwoRows>(a, a_strip);
      load_two<6, kTwoColumns>(b, b_strip);
      multiply_four<kTwoRows, kTwoColumns>();
    }
  }
  for (Index tile = 0; tile < rest; ++tile, a += kTileBytes, b += kTileBytes) {
    load_two<4, kTwoRows>(a, a_strip);
    load_two<6, kTwoColumns>(b, b_strip);
    multiply_four<kTwoRows, kTwoColumns>();
  }
  store_sums<0>(s, 0, 0);
  if constexpr (kTwoColumns) store_sums<1>(s, 0, 1);
  if constexpr (kTwoRows) store_sums<2>(s, 1, 0);
  if constexpr (kTwoRows && kTwoColumns) store_sums<3>(s, 1, 1);
}

// Multiplies the tiles of A of kRows rows of tiles by the tile of B in register 6.
template <int kRows>
HWY_INLINE void multiply_rows(const char* a, Index strip) {
  load_tile<4>(a, 64);
  multiply_tiles<0, 4, 6>();
  if constexpr (kRows > 1) {
    load_tile<5>(a + strip, 64);
    multiply_tiles<1, 5, 6>();
  }
  if constexpr (kRows > 2) {
    load_tile<4>(a + 2 * strip, 64);
    multiply_tiles<2, 4, 6>();
  }
  if constexpr (kRows > 3) {
    load_tile<5>(a + 3 * strip, 64);
    multiply_tiles<3, 5, 6>();
  }
}

// Four rows of tiles by one column. As in multiply_block(), four independent accumulators hide the unit's latency.
template <int kPieces>
HWY_INLINE void multiply_column(const TileBlock& s) {
  load_sums<0>(s, 0, 0);
  load_sums<1>(s, 1, 0);
  load_sums<2>(s, 2, 0);
  load_sums<3>(s, 3, 0);
  const char *a = s.a, *b = s.b;
  const Index a_strip = s.a_strip, steps = s.steps, rest = s.rest;
  for (Index step = 0; step < steps; ++step, a += kPieces * kTileBytes, b += kPieces * kTileBytes) {
    load_tile<6>(b, 64);
    if constexpr (kPieces == 3) {
      multiply_rows<4>(a + 2 * kTileBytes, a_strip);
      multiply_rows<4>(a + kTileBytes, a_strip);
      load_tile<6>(b + kTileBytes, 64);
      multiply_rows<4>(a + kTileBytes, a_strip);
      multiply_rows<4>(a, a_strip);
      load_tile<6>(b + 2 * kTileBytes, 64);
      multiply_rows<4>(a, a_strip);
      load_tile<6>(b, 64);
    }
    multiply_rows<4>(a, a_strip);
  }
  for (Index tile = 0; tile < rest; ++tile, a += kTileBytes, b += kTileBytes) {
    load_tile<6>(b, 64);
    multiply_rows<4>(a, a_strip);
  }
  store_sums<0>(s, 0, 0);
  store_sums<1>(s, 1, 0);
  store_sums<2>(s, 2, 0);
  store_sums<3>(s, 3, 0);
}

// One or two columns of tiles, for a group of rows.
template <int kPieces>
HWY_INLINE void multiply_columns(TileBlock t, Index rows) {
  const Index columns = t.columns;
  for (Index row = 0; row < rows;) {
    const Index left = (rows - row + t.height - 1) / t.height;  // tiles
    const Index tiles = columns > kTile ? std::min<Index>(left, 2) : left >= 4 ? 4 : std::min<Index>(left, 2);
    t.rows = std::min(tiles * t.height, rows - row);
    if (tiles == 4)
      multiply_column<kPieces>(t);
    else if (tiles == 2 && columns > kTile)
      multiply_block<kPieces, true, true>(t);
    else if (tiles == 2)
      multiply_block<kPieces, true, false>(t);
    else if (columns > kTile)
      multiply_block<kPieces, false, true>(t);
    else
      multiply_block<kPieces, false, false>(t);
    row += tiles * t.height;
    t.a += tiles * t.a_strip;
    t.c += tiles * t.height * t.ldc;
    if (t.sums) t.sums += tiles * t.sums_strip * kTile * kTile;
  }
}

// Loads the accumulators of few rows or columns, which are never held in C.
template <int kRegister>
HWY_INLINE void load_sums_of_few(const TileBlock& s, Index i, Index j) {
  if (!s.accumulate) return zero_tile<kRegister>();
  load_tile<kRegister>(s.sums + (i * s.sums_strip + j) * kTile * kTile, 64);
}

// Stores these accumulators, after the last block of k to `complete` instead.
template <int kRegister>
HWY_INLINE void store_sums_of_few(const TileBlock& s, Index i, Index j, float* complete) {
  store_tile<kRegister>(s.last ? complete : s.sums + (i * s.sums_strip + j) * kTile * kTile, 64);
}

// Row r of the last few rows: the sum of the first part's row and the second part's, which lies `few` rows below it.
HWY_INLINE __m512 added_rows(Index few, const float* sums, Index r) {
  return _mm512_add_ps(_mm512_load_ps(sums + (few + r) * kTile), _mm512_load_ps(sums + r * kTile));
}
// The first `few` lanes: the sums of the three parts of the last few columns, which lie side by side; small ones are
// added first. The other lanes are not used.
HWY_INLINE __m512 added_lanes(Index few, __m512 sums) {
  const auto shifted = [&](Index by) HWY_ATTR {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_permutexvar_ps(_mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(by))), sums);
  };
  return _mm512_add_ps(_mm512_add_ps(shifted(2 * few), shifted(few)), sums);
}

template <bool kTwoColumns, int kOdd>
HWY_INLINE void multiply_by_piece(const char* b, Index strip) {
  load_two<6, kTwoColumns>(b, strip);
  multiply_tiles<2 * kOdd, 4 + kOdd, 6>();
  if constexpr (kTwoColumns) multiply_tiles<2 * kOdd + 1, 4 + kOdd, 7>();
}

// One step along k. Even and odd steps have accumulators of their own, so that four independent ones hide the latency.
template <bool kTwoColumns, int kOdd>
HWY_INLINE void multiply_step_of_few_rows(const char* a, const char* b, Index strip) {
  load_tile<4 + kOdd>(a, 64);
  multiply_by_piece<kTwoColumns, kOdd>(b + 2 * kTileBytes, strip);
  multiply_by_piece<kTwoColumns, kOdd>(b + kTileBytes, strip);
  multiply_by_piece<kTwoColumns, kOdd>(b, strip);
  load_tile<4 + kOdd>(a + kTileBytes, 64);
  multiply_by_piece<kTwoColumns, kOdd>(b, strip);
}

template <bool kTwoColumns>
HWY_INLINE void multiply_few_rows_by(const TileBlock& s, Index few) {
  load_sums_of_few<0>(s, 0, 0);
  if constexpr (kTwoColumns) load_sums_of_few<1>(s, 0, 1);
  load_sums_of_few<2>(s, 1, 0);
  if constexpr (kTwoColumns) load_sums_of_few<3>(s, 1, 1);
  const char *a = s.a, *b = s.b;
  const Index b_strip = s.b_strip, steps = s.steps, rest = s.rest;
  constexpr Index a_step = kTilesOfFewRows * kTileBytes, b_step = 3 * kTileBytes;
  for (Index step = 0; step < steps; step += 2, a += 2 * a_step, b += 2 * b_step) {
    multiply_step_of_few_rows<kTwoColumns, 0>(a, b, b_strip);
    if (step + 1 < steps) multiply_step_of_few_rows<kTwoColumns, 1>(a + a_step, b + b_step, b_strip);
  }
  a = s.a + steps * a_step;
  b = s.b + steps * b_step;
  for (Index tile = 0; tile < rest; ++tile, a += kTileBytes, b += kTileBytes) {
    load_tile<4>(a, 64);
    multiply_by_piece<kTwoColumns, 0>(b, b_strip);
  }
  alignas(64) float sums[4][kTile * kTile];
  store_sums_of_few<0>(s, 0, 0, sums[0]);
  if constexpr (kTwoColumns) store_sums_of_few<1>(s, 0, 1, sums[1]);
  store_sums_of_few<2>(s, 1, 0, sums[2]);
  if constexpr (kTwoColumns) store_sums_of_few<3>(s, 1, 1, sums[3]);
  if (!s.last) return;
  for (Index j = 0; j < (kTwoColumns ? 2 : 1); ++j)
    put_rows(
        s, few, j,
        [&](Index r) HWY_ATTR { return _mm512_add_ps(added_rows(few, sums[j], r), added_rows(few, sums[2 + j], r)); },
        s.c + j * kTile);
}

// One or two columns of tiles, for the last few rows.
HWY_INLINE void multiply_few_rows(const TileBlock& t, Index few) {
  if (t.columns > kTile)
    multiply_few_rows_by<true>(t, few);
  else
    multiply_few_rows_by<false>(t, few);
}

template <int kRows>
HWY_INLINE void multiply_few_columns_by(const TileBlock& s, Index few) {
  load_sums_of_few<0>(s, 0, 0);
  if constexpr (kRows > 1) load_sums_of_few<1>(s, 1, 0);
  if constexpr (kRows > 2) load_sums_of_few<2>(s, 2, 0);
  if constexpr (kRows > 3) load_sums_of_few<3>(s, 3, 0);
  const char *a = s.a, *b = s.b;
  const Index a_strip = s.a_strip, steps = s.steps, rest = s.rest;
  for (Index step = 0; step < steps; ++step, a += 3 * kTileBytes, b += kTileBytes) {
    load_tile<6>(b, 64);
    multiply_rows<kRows>(a + 2 * kTileBytes, a_strip);
    multiply_rows<kRows>(a + kTileBytes, a_strip);
    multiply_rows<kRows>(a, a_strip);
  }
  for (Index tile = 0; tile < rest; ++tile, a += kTileBytes, b += kTileBytes) {
    load_tile<6>(b, 64);
    multiply_rows<kRows>(a, a_strip);
  }
  alignas(64) float sums[kRows][kTile * kTile];
  store_sums_of_few<0>(s, 0, 0, sums[0]);
  if constexpr (kRows > 1) store_sums_of_few<1>(s, 1, 0, sums[1]);
  if constexpr (kRows > 2) store_sums_of_few<2>(s, 2, 0, sums[2]);
  if constexpr (kRows > 3) store_sums_of_few<3>(s, 3, 0, sums[3]);
  if (!s.last) return;
  const float* row = sums[0];
  for (Index i = 0; i < kRows; ++i, row += kTile * kTile)
    put_rows(
        s, std::min(s.height, s.rows - i * s.height), 0,
        [&](Index r) HWY_ATTR { return added_lanes(few, _mm512_load_ps(row + r * kTile)); },
        s.c + i * s.height * s.ldc);
}

// The last few columns, for a group of rows.
HWY_INLINE void multiply_few_columns(TileBlock t, Index rows, Index few) {
  t.columns = few;
  for (Index row = 0; row < rows;) {
    const Index left = (rows - row + t.height - 1) / t.height;
    // Three or four tiles at a time, because fewer accumulators would not hide the latency.
    const Index tiles = left % 3 == 0 || left == 5 ? 3 : std::min<Index>(left, 4);
    t.rows = std::min(tiles * t.height, rows - row);
    if (tiles == 4)
      multiply_few_columns_by<4>(t, few);
    else if (tiles == 3)
      multiply_few_columns_by<3>(t, few);
    else if (tiles == 2)
      multiply_few_columns_by<2>(t, few);
    else
      multiply_few_columns_by<1>(t, few);
    row += tiles * t.height;
    t.a += tiles * t.a_strip;
    t.c += tiles * t.height * t.ldc;
    if (t.sums) t.sums += tiles * t.sums_strip * kTile * kTile;
  }
}

// The last few columns of the last few rows.
HWY_INLINE void multiply_few(TileBlock t, Index few_rows, Index few_columns) {
  t.columns = few_columns;
  load_sums_of_few<0>(t, 0, 0);
  const char *a = t.a, *b = t.b;
  const auto multiply = [&] {
    load_tile<4>(a, 64);
    multiply_tiles<0, 4, 6>();
    a += kTileBytes;
  };
  for (Index step = 0; step < t.steps; ++step, b += kTileBytes) {
    load_tile<6>(b, 64);
    multiply();
    multiply();
  }
  for (Index tile = 0; tile < t.rest; ++tile, b += kTileBytes) {
    load_tile<6>(b, 64);
    multiply();
  }
  alignas(64) float sums[kTile * kTile];
  store_sums_of_few<0>(t, 0, 0, sums);
  if (!t.last) return;
  put_rows(
      t, few_rows, 0, [&](Index r) HWY_ATTR { return added_lanes(few_columns, added_rows(few_rows, sums, r)); }, t.c);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_AVX3

#endif  // LAMINA_KERNELS_AMX_TILE_UNIT_INL_H_
