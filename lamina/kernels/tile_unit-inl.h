// The matrix unit itself: its registers, and products of up to four tiles of sums at a time.
// Included by kernel sources; empty but for the instruction set that has the unit.
#if defined(LAMINA_KERNELS_TILE_UNIT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_TILE_UNIT_INL_H_
#undef LAMINA_KERNELS_TILE_UNIT_INL_H_
#else
#define LAMINA_KERNELS_TILE_UNIT_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "lamina/kernels/split_bf16-inl.h"
#include "lamina/tensor.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// The unit's tile registers: 0 to 3 hold sums, 4 and 5 tiles of A, 6 and 7 tiles of B.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
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
// The sums += A's rows of pairs times B's columns of pairs.
template <int kSums, int kA, int kB>
HWY_INLINE void multiply_tiles() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSums), "i"(kA), "i"(kB));
}

// The sums of up to four tiles: 2 by 2, or fewer, or 4 by 1.
struct TileBlock {
  const char *a, *b;       // the first of each, in pieces
  Index a_strip, b_strip;  // bytes to the next
  Index steps;
  float* sums;  // where tiles stay between blocks of k, 1 KiB each, the next row's sums_strip tiles further; or null:
  Index sums_strip;
  float* c;  // in C itself
  Index ldc;
  Index height, rows, columns;  // of a tile; of C in all
  const float* bias;
  bool accumulate, last, relu;
};

template <int kRegister>
HWY_INLINE void load_sums(const TileBlock& s, Index i, Index j) {
  if (!s.accumulate) return zero_tile<kRegister>();
  if (s.sums) return load_tile<kRegister>(s.sums + (i * s.sums_strip + j) * kTile * kTile, 64);
  const Index rows = std::min(s.height, s.rows - i * s.height), columns = std::min(kTile, s.columns - j * kTile);
  const float* c = s.c + i * s.height * s.ldc + j * kTile;
  if (rows == s.height && columns == kTile) return load_tile<kRegister>(c, s.ldc * 4);
  alignas(64) float edge[kTile][kTile];
  for (Index r = 0; r < rows; ++r) _mm512_store_ps(edge[r], _mm512_maskz_loadu_ps(first_lanes(columns), c + r * s.ldc));
  load_tile<kRegister>(edge, 64);
}

template <int kRegister>
HWY_INLINE void store_sums(const TileBlock& s, Index i, Index j) {
  if (s.sums && !s.last) return store_tile<kRegister>(s.sums + (i * s.sums_strip + j) * kTile * kTile, 64);
  const Index rows = std::min(s.height, s.rows - i * s.height), columns = std::min(kTile, s.columns - j * kTile);
  float* c = s.c + i * s.height * s.ldc + j * kTile;
  if (!s.bias && !s.relu && rows == s.height && columns == kTile) return store_tile<kRegister>(c, s.ldc * 4);
  alignas(64) float edge[kTile][kTile];
  store_tile<kRegister>(edge, 64);
  const __mmask16 mask = first_lanes(columns);
  const __m512 bias = s.bias ? _mm512_maskz_loadu_ps(mask, s.bias + j * kTile) : _mm512_setzero_ps();
  for (Index r = 0; r < rows; ++r) {
    __m512 value = _mm512_load_ps(edge[r]);
    if (s.bias) value = _mm512_add_ps(value, bias);
    if (s.relu) value = _mm512_max_ps(_mm512_setzero_ps(), value);  // NaN stays NaN: the second operand's
    _mm512_mask_storeu_ps(c + r * s.ldc, mask, value);
  }
}

// multiply(piece of A, piece of B) for the products that count, small ones first; one of the two pieces stays.
template <int kPieces, class Multiply>
HWY_INLINE void for_pieces(Multiply&& multiply) {
  if constexpr (kPieces == 3) {
    multiply(2, 0);
    multiply(1, 0);
    multiply(1, 1);
    multiply(0, 1);
    multiply(0, 2);
  }
  multiply(0, 0);
}

template <int kPieces, bool kTwoRows, bool kTwoColumns>
HWY_INLINE void multiply_block(const TileBlock& s) {
  load_sums<0>(s, 0, 0);
  if constexpr (kTwoColumns) load_sums<1>(s, 0, 1);
  if constexpr (kTwoRows) load_sums<2>(s, 1, 0);
  if constexpr (kTwoRows && kTwoColumns) load_sums<3>(s, 1, 1);
  const char *a = s.a, *b = s.b;
  for (Index step = 0; step < s.steps; ++step, a += kPieces * kTileBytes, b += kPieces * kTileBytes) {
    int of_a = -1, of_b = -1;  // in the registers
    for_pieces<kPieces>([&](int piece_a, int piece_b) HWY_ATTR {
      if (piece_a != of_a) {
        load_tile<4>(a + piece_a * kTileBytes, 64);
        if constexpr (kTwoRows) load_tile<5>(a + s.a_strip + piece_a * kTileBytes, 64);
      }
      if (piece_b != of_b) {
        load_tile<6>(b + piece_b * kTileBytes, 64);
        if constexpr (kTwoColumns) load_tile<7>(b + s.b_strip + piece_b * kTileBytes, 64);
      }
      of_a = piece_a;
      of_b = piece_b;
      multiply_tiles<0, 4, 6>();
      if constexpr (kTwoColumns) multiply_tiles<1, 4, 7>();
      if constexpr (kTwoRows) multiply_tiles<2, 5, 6>();
      if constexpr (kTwoRows && kTwoColumns) multiply_tiles<3, 5, 7>();
    });
  }
  store_sums<0>(s, 0, 0);
  if constexpr (kTwoColumns) store_sums<1>(s, 0, 1);
  if constexpr (kTwoRows) store_sums<2>(s, 1, 0);
  if constexpr (kTwoRows && kTwoColumns) store_sums<3>(s, 1, 1);
}

// Four rows of tiles by one column: four sums on their way through the unit too.
template <int kPieces>
HWY_INLINE void multiply_column(const TileBlock& s) {
  load_sums<0>(s, 0, 0);
  load_sums<1>(s, 1, 0);
  load_sums<2>(s, 2, 0);
  load_sums<3>(s, 3, 0);
  const char *a = s.a, *b = s.b;
  for (Index step = 0; step < s.steps; ++step, a += kPieces * kTileBytes, b += kPieces * kTileBytes) {
    int of_b = -1;
    for_pieces<kPieces>([&](int piece_a, int piece_b) HWY_ATTR {
      if (piece_b != of_b) load_tile<6>(b + piece_b * kTileBytes, 64);
      of_b = piece_b;
      const char* from = a + piece_a * kTileBytes;
      load_tile<4>(from, 64);
      multiply_tiles<0, 4, 6>();
      load_tile<5>(from + s.a_strip, 64);
      multiply_tiles<1, 5, 6>();
      load_tile<4>(from + 2 * s.a_strip, 64);
      multiply_tiles<2, 4, 6>();
      load_tile<5>(from + 3 * s.a_strip, 64);
      multiply_tiles<3, 5, 6>();
    });
  }
  store_sums<0>(s, 0, 0);
  store_sums<1>(s, 1, 0);
  store_sums<2>(s, 2, 0);
  store_sums<3>(s, 3, 0);
}

// C's columns `column` on, one or two tiles wide, of a group of rows.
template <int kPieces>
HWY_INLINE void multiply_columns(TileBlock t, Index rows, Index columns) {
  t.columns = columns;
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

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_AVX3

#endif  // LAMINA_KERNELS_TILE_UNIT_INL_H_
