#include "lamina/kernels/gemm_amx.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "lamina/kernels/parallel.h"
#include "lamina/kernels/target.h"
#include "lamina/kernels/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/gemm_amx.cc"
#include "lamina/kernels/bf16_tile-inl.h"
#include "lamina/kernels/simd.h"
#include "lamina/kernels/two_halves-inl.h"

#ifndef LAMINA_KERNELS_GEMM_AMX_SIZES
#define LAMINA_KERNELS_GEMM_AMX_SIZES
namespace lamina::kernels {
namespace {

struct AmxA {};
struct AmxB {};
struct AmxSums {};
struct AmxOtherHalf {};

constexpr Index kTile = 16;  // rows of a tile at most, and columns of one of C
constexpr Index kStep = 32;  // k of one tile of A or B
constexpr Index kTileBytes = 1024;
constexpr Index kStepsOfBlock = 4;         // of B's tiles so many stay in the first-level cache while rows of A pass by
constexpr Index kRowsOfGroup = 128;        // of A, cut into tiles at a time
constexpr Index kColumnsOfGroup = 512;     // of B
constexpr Index kNumbersOfSums = 1 << 17;  // of C that are kept tile by tile while k goes on
constexpr Index kNumbersOfSum = 1 << 14;   // that a thread adds to their other half
constexpr Index kLeastShare = 48;          // of rows or columns, for one thread
constexpr Index kMostOfChunk = 1 << 29;    // multiply-adds between two looks at whether to stop
constexpr int kNoParts = (127 + 127) << 7;  // bits of bfloat16 from which on, with NaN, a number is no sum of three
constexpr Index kLongSum = 2048;            // sums from here on are made in two halves, by different threads

}  // namespace
}  // namespace lamina::kernels
#endif

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

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

HWY_INLINE __mmask16 first_lanes(Index count) {
  return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1u << count) - 1);
}

// The largest number that cutting has met, to eight bits.
struct Largest {
  __m512i bits;  // of bfloat16, without signs

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

// Of both operands, over all threads.
class LargestOfBoth {
 public:
  void meet(std::uint16_t a, std::uint16_t b) {
    raise(a_, a);
    raise(b_, b);
  }
  // Whether six products of parts stand for each float32 product of a sum of k: nothing overflows, and what vanishes
  // (the unit takes subnormal numbers for zero) is small beside the largest.
  bool suits(Index k) const {
    const int a = a_ >> 7, b = b_ >> 7;  // exponents, with a bias of 127
    if (std::max(a, b) >= kNoParts >> 7) return false;
    if (a_ == 0 || b_ == 0) return true;
    return std::min(a, b) >= 127 - 50 && a + b - 2 * 127 + std::bit_width(static_cast<std::uint64_t>(k)) + 2 < 127;
  }

 private:
  static void raise(std::atomic<std::uint16_t>& to, std::uint16_t value) {
    std::uint16_t before = to.load(std::memory_order_relaxed);
    while (before < value && !to.compare_exchange_weak(before, value, std::memory_order_relaxed)) {
    }
  }

  std::atomic<std::uint16_t> a_{0}, b_{0};
};

// The pairs (x, y) of two vectors' lanes in bfloat16, as kPieces tile rows that lie a tile apart.
template <int kPieces>
HWY_INLINE void cut(__m512 x, __m512 y, char* to, Largest& largest) {
  if constexpr (kPieces == 1) {
    _mm512_store_si512(to, rounded_pairs(x, y));
    return;
  }
  const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
  const auto pairs = [](__m512i first, __m512i second)
                         HWY_ATTR { return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(first, 16), second); };
  // The first eight bits of each number,
  __m512i p = _mm512_and_si512(_mm512_castps_si512(x), upper), q = _mm512_and_si512(_mm512_castps_si512(y), upper);
  __m512i piece = pairs(p, q);
  largest.meet(piece);
  _mm512_store_si512(to, piece);
  // the eight that come nearest to the other sixteen, so that what is left has either sign and errors cancel out,
  x = _mm512_sub_ps(x, _mm512_castsi512_ps(p));
  y = _mm512_sub_ps(y, _mm512_castsi512_ps(q));
  const __m512i half = _mm512_set1_epi32(0x8000);
  p = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), half), upper);
  q = _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(y), half), upper);
  _mm512_store_si512(to + kTileBytes, pairs(p, q));
  // and what is left: no more than eight.
  x = _mm512_sub_ps(x, _mm512_castsi512_ps(p));
  y = _mm512_sub_ps(y, _mm512_castsi512_ps(q));
  _mm512_store_si512(to + 2 * kTileBytes, pairs(_mm512_castps_si512(x), _mm512_castps_si512(y)));
}

// The transpose of 16 vectors.
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

// Half a step of k of an operand, up to 16 by 16 numbers, as it is stored. What lies outside counts as zero.
struct Half {
  const float* from;
  Index rows, columns;
};

// The first rows of a tile: row r holds the pairs (X[r][j], Y[r][j]), where X and Y are the two halves of a step: their
// stored rows (along) or their stored columns (across).

template <int kPieces>
HWY_INLINE void cut_along(const Half& x, const Half& y, Index pitch, Index rows, char* tile, Largest& largest) {
  const __mmask16 mask_x = first_lanes(x.columns), mask_y = first_lanes(y.columns);
  for (Index r = 0; r < rows; ++r) {
    const __m512 v = _mm512_maskz_loadu_ps(r < x.rows ? mask_x : 0, x.from + r * pitch);
    const __m512 w = _mm512_maskz_loadu_ps(r < y.rows ? mask_y : 0, y.from + r * pitch);
    cut<kPieces>(v, w, tile + r * 64, largest);
  }
}

template <int kPieces>
HWY_INLINE void cut_across(const Half& x, const Half& y, Index pitch, Index rows, char* tile, Largest& largest) {
  const auto transposed = [pitch](const Half& half, __m512(&v)[16]) HWY_ATTR {
    const __mmask16 mask = first_lanes(half.columns);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) v[i] = _mm512_maskz_loadu_ps(i < half.rows ? mask : 0, half.from + i * pitch);
    transpose_16(v);
  };
  __m512 v[16], w[16];
  transposed(x, v);
  transposed(y, w);
  for (Index i = 0; i < rows; ++i) cut<kPieces>(v[i], w[i], tile + i * 64, largest);
}

// Bytes of `steps` steps of a row of tiles; a line more, so that neighbours fall into different sets of a cache.
template <int kPieces>
constexpr Index strip_bytes(Index steps) {
  return steps * kPieces * kTileBytes + 64;
}

// Tiles of `height` rows of op(A) from row `first` on, k from k0 on.
template <int kPieces>
HWY_INLINE void cut_a(const AmxProduct& s, Index first, Index height, Index end, Index k0, Index k, char* to,
                      Largest& largest) {
  const Index steps = (k + kStep - 1) / kStep;
  for (Index row = first; row < end; row += height, to += strip_bytes<kPieces>(steps))
    for (Index step = 0; step < steps; ++step) {
      const Index rows = std::min(height, end - row), at = k0 + step * kStep, left = k - step * kStep;
      char* tile = to + step * kPieces * kTileBytes;
      if (s.transpose_a) {
        const float* from = s.a + at * s.lda + row;
        cut_across<kPieces>({from, left, rows}, {from + kTile * s.lda, left - kTile, rows}, s.lda, rows, tile, largest);
      } else {
        const float* from = s.a + row * s.lda + at;
        cut_along<kPieces>({from, rows, left}, {from + kTile, rows, left - kTile}, s.lda, rows, tile, largest);
      }
    }
}

// Tiles of columns `first` to `end` of op(B), k from k0 on.
template <int kPieces>
HWY_INLINE void cut_b(const AmxProduct& s, Index first, Index end, Index k0, Index k, char* to, Largest& largest) {
  const Index steps = (k + kStep - 1) / kStep, strip = strip_bytes<kPieces>(steps);
  for (Index step = 0; step < steps; ++step, to += kPieces * kTileBytes) {
    const Index at = k0 + step * kStep, left = k - step * kStep;
    if (s.transpose_b) {
      for (Index column = first; column < end; column += kTile) {
        const Index columns = std::min(kTile, end - column);
        const float* from = s.b + column * s.ldb + at;
        cut_across<kPieces>({from, columns, left}, {from + kTile, columns, left - kTile}, s.ldb, kTile,
                            to + (column - first) / kTile * strip, largest);
      }
      continue;
    }
    for (Index r = 0; r < kTile; ++r) {  // along B's rows, which the processor fetches ahead
      const float* x = s.b + (at + r) * s.ldb;
      const float* y = x + kTile * s.ldb;
      const bool has_x = r < left, has_y = r + kTile < left;
      char* tile = to + r * 64;
      for (Index column = first; column < end; column += kTile, tile += strip) {
        const __mmask16 mask = first_lanes(end - column);
        const __m512 v = _mm512_maskz_loadu_ps(has_x ? mask : 0, x + column);
        const __m512 w = _mm512_maskz_loadu_ps(has_y ? mask : 0, y + column);
        cut<kPieces>(v, w, tile, largest);
      }
    }
  }
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

// The product on one thread, but for operands with a number that has no parts: then C is left. What it has cut counts
// in `largest`.
template <int kPieces>
HWY_NOINLINE void multiply_alone(const AmxProduct& s, LargestOfBoth& largest) {
  const Index groups = (s.m + kRowsOfGroup - 1) / kRowsOfGroup, group = (s.m + groups - 1) / groups;
  // Tiles of the same height, as a tile's time is that of its rows, and an even number of them: two by two keep the
  // unit busy while each of their sums is on its way through it.
  const Index tiles = (group + 2 * kTile - 1) / (2 * kTile) * 2, height = (group + tiles - 1) / tiles;
  const Index strip = strip_bytes<kPieces>(kStepsOfBlock);
  const Index column_tiles = (std::min(kColumnsOfGroup, s.n) + kTile - 1) / kTile;
  char* a = workspace<AmxA, char>(tiles * strip);
  char* b = workspace<AmxB, char>(column_tiles * strip);
  const Index numbers = groups * tiles * column_tiles * kTile * kTile;
  float* sums = s.k > kStepsOfBlock * kStep && numbers <= kNumbersOfSums ? workspace<AmxSums, float>(numbers) : nullptr;
  TileShapes shapes;
  for (int i = 0; i < 8; ++i) {
    shapes.row_bytes[i] = 64;
    shapes.rows[i] = static_cast<std::uint8_t>(i < 6 ? height : kTile);
  }
  set_shapes(shapes);
  TileBlock t{};
  t.sums_strip = column_tiles;
  t.ldc = s.ldc;
  t.height = height;
  Largest largest_a, largest_b;
  bool finite = true;
  for (Index first = 0; finite && first < s.n; first += kColumnsOfGroup)
    for (Index k0 = 0; finite && k0 < s.k; k0 += kStepsOfBlock * kStep) {
      const Index end = std::min(s.n, first + kColumnsOfGroup), k = std::min(kStepsOfBlock * kStep, s.k - k0);
      t.steps = (k + kStep - 1) / kStep;
      t.a_strip = t.b_strip = strip_bytes<kPieces>(t.steps);
      t.accumulate = k0 > 0;
      t.last = k0 + k == s.k;
      t.relu = t.last && s.relu;
      cut_b<kPieces>(s, first, end, k0, k, b, largest_b);
      finite = kPieces == 1 || largest_b.largest() < kNoParts;
      for (Index g = 0; finite && g < groups; ++g) {
        const Index row = g * group, end_row = std::min(s.m, row + group);
        cut_a<kPieces>(s, row, height, end_row, k0, k, a, largest_a);
        finite = kPieces == 1 || largest_a.largest() < kNoParts;
        for (Index column = first; finite && column < end; column += 2 * kTile) {
          const Index tile = (column - first) / kTile;
          t.a = a;
          t.b = b + tile * t.b_strip;
          t.sums = sums ? sums + (g * tiles * column_tiles + tile) * kTile * kTile : nullptr;
          t.c = s.c + row * s.ldc + column;
          t.bias = t.last && s.bias ? s.bias + column : nullptr;
          multiply_columns<kPieces>(t, end_row - row, std::min(2 * kTile, end - column));
        }
      }
    }
  release_tiles();
  largest.meet(largest_a.largest(), largest_b.largest());
}

template <int kPieces>
HWY_INLINE bool multiply(const AmxProduct& s) {
  // How C is shared out changes no sum. A long sum's two halves do, and so depend on its length alone; they keep the
  // rows of B, which are a layer's weights, with the core that makes their gradient.
  const Index halves = s.k >= kLongSum ? 2 : 1, half = (s.k / 2 + kStep - 1) / kStep * kStep;
  const bool by_columns = s.n > s.m;  // the shorter operand is cut for every share
  const Index length = by_columns ? s.n : s.m, across = by_columns ? s.m : s.n;
  const Index threads = works_alone() ? 1 : num_threads(), shares = (threads + halves - 1) / halves;
  const Index most = std::max(kLeastShare, kMostOfChunk / (across * (s.k / halves)));
  const Index share = (std::clamp((length + shares - 1) / shares, kLeastShare, most) + kTile - 1) / kTile * kTile;
  const Index chunks = (length + share - 1) / share;
  float* other = halves == 2 ? workspace<AmxOtherHalf, float>(s.m * s.n) : nullptr;
  LargestOfBoth largest;
  parallel_for(halves * chunks, [&](Index chunk) HWY_ATTR {
    AmxProduct part = s;
    const Index first = chunk / halves * share, count = std::min(share, length - first);
    if (by_columns) {
      part.n = count;
      part.b += s.transpose_b ? first * s.ldb : first;
      part.c += first;
      if (s.bias) part.bias += first;
    } else {
      part.m = count;
      part.a += s.transpose_a ? first : first * s.lda;
      part.c += first * s.ldc;
    }
    if (halves == 2) {
      part.bias = nullptr;
      part.relu = false;
      part.k = chunk % 2 == 0 ? half : s.k - half;
      if (chunk % 2 == 1) {
        part.a += s.transpose_a ? half * s.lda : half;
        part.b += s.transpose_b ? half : half * s.ldb;
        part.c = other + (by_columns ? first : first * s.n);
        part.ldc = s.n;
      }
    }
    multiply_alone<kPieces>(part, largest);
  });
  if (kPieces == 3 && !largest.suits(s.k)) return false;
  if (halves == 2) {
    const Index rows = std::max<Index>(1, kNumbersOfSum / s.n);
    parallel_for((s.m + rows - 1) / rows, [&](Index chunk) HWY_ATTR {
      const Index row = chunk * rows;
      add_other_half(std::min(rows, s.m - row), s.n, s.c + row * s.ldc, s.ldc, other + row * s.n, s.bias, s.relu);
    });
  }
  return true;
}

}  // namespace

bool AmxGemm(const AmxProduct& s) { return multiply<3>(s); }
void AmxGemmOfBf16(const AmxProduct& s) { multiply<1>(s); }

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace lamina::kernels {

#if HWY_TARGETS & HWY_AVX3
bool amx_suits(Index m, Index n, Index k) {
  return has_amx() && m >= 32 && n >= 32 && k >= 64 && m * n * k >= (1 << 21);
}
bool gemm_amx(const AmxProduct& product) { return N_AVX3::AmxGemm(product); }
void gemm_amx_bf16(const AmxProduct& product) { N_AVX3::AmxGemmOfBf16(product); }
#else
bool amx_suits(Index, Index, Index) { return false; }
bool gemm_amx(const AmxProduct&) { return false; }
void gemm_amx_bf16(const AmxProduct&) {}
#endif

}  // namespace lamina::kernels
#endif
