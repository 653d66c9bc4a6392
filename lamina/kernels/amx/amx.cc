#include "lamina/kernels/amx/amx.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/products/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/amx/amx.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/amx/split_bf16-inl.h"
#include "lamina/kernels/amx/tile_unit-inl.h"
#include "lamina/kernels/products/two_halves-inl.h"

#ifndef LAMINA_KERNELS_GEMM_AMX_SIZES
#define LAMINA_KERNELS_GEMM_AMX_SIZES
namespace lamina::kernels {
namespace {

struct AmxTiles {};
struct AmxOtherHalf {};

constexpr Index kStepsOfBlock = 4;        // of B's tiles so many stay in the first-level cache while rows of A pass by
constexpr Index kRowsOfGroup = 128;       // of A, cut into tiles at a time
constexpr Index kColumnsOfGroup = 512;    // of B
constexpr Index kMostSums = 512;          // tiles of C that are kept as such while k goes on
constexpr Index kNumbersOfSum = 1 << 14;  // that a thread adds to their other half
constexpr Index kLeastBytes = 1 << 20;    // of a thread's tiles: so many lie on a large page of the system
constexpr Index kLeastShare = 48;         // of rows or columns, for one thread
constexpr Index kMostOfChunk = 1 << 29;   // multiply-adds between two looks at whether to stop
constexpr int kNoParts = (127 + 127) << 7;  // bits of bfloat16 from which on, with NaN, a number is no sum of three

constexpr Index in_pages(Index bytes) { return (bytes + 4095) / 4096 * 4096; }

}  // namespace
}  // namespace lamina::kernels
#endif

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

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
    const int product = a + b - 2 * 127, terms = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(k)));
    return std::min(a, b) >= 127 - 90 && product >= -100 && product + terms + 2 < 127;
  }

 private:
  static void raise(std::atomic<std::uint16_t>& to, std::uint16_t value) {
    std::uint16_t before = to.load(std::memory_order_relaxed);
    while (before < value && !to.compare_exchange_weak(before, value, std::memory_order_relaxed)) {
    }
  }

  std::atomic<std::uint16_t> a_{0}, b_{0};
};

// put(r, X[r], Y[r]) for `rows` rows of op(A) from row `first` on, at most a tile's: X and Y are the `half` numbers
// from k on and those that follow them, of `left`.
template <class Put>
HWY_INLINE void each_of_a(const FloatProduct& s, Index first, Index rows, Index k, Index left, Index half,
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

// put(r, X[r], Y[r]) for columns of op(B): row k + r of it and row k + half + r, for each r below half.
template <class Put>
HWY_INLINE void each_of_b(const FloatProduct& s, Index first, Index columns, Index k, Index left, Index half,
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

HWY_INLINE void cut_rest_of_a(const FloatProduct& s, Index first, Index rows, Index k, const Rest& rest, char* tile,
                              Largest& largest) {
  each_of_a(s, first, rows, k, rest.left, rest.half,
            [&](Index r, __m512 x, __m512 y) HWY_ATTR { store_of_a(rest, parts(x, y, largest), r, tile); });
}

// Tiles of `height` rows of op(A) from row `first` on, k from k0 on: whole steps, then the rest.
template <int kPieces>
HWY_INLINE void cut_a(const FloatProduct& s, Index first, Index height, Index end, Index k0, Index k,
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

// The tiles of few rows, from row `first` on.
HWY_INLINE void cut_few_rows(const FloatProduct& s, Index first, Index few, Index k0, Index k, const TileBlock& t,
                             const Rest& rest, char* to, Largest& largest) {
  for (Index step = 0; step < t.steps; ++step, to += kTilesOfFewRows * kTileBytes)
    each_of_a(s, first, few, k0 + step * kStep, k - step * kStep, kTile,
              [&](Index r, __m512 x, __m512 y) HWY_ATTR { store_few_of_a(few, parts(x, y, largest), r, to); });
  if (t.rest == 0) return;
  cut_rest_of_a(s, first, few, k0 + t.steps * kStep, rest, to, largest);
  for (Index tile = 0; tile < t.rest; ++tile, to += kTileBytes)  // it adds nothing to the other parts' sums
    for (Index r = few; r < kTile; ++r) _mm512_store_si512(to + r * 64, _mm512_setzero_si512());
}

// Tiles of columns `first` to `end` of op(B), as cut_a(), then those of few columns behind them.
template <int kPieces>
HWY_INLINE void cut_b(const FloatProduct& s, Index first, Index end, Index few, Index k0, Index k, const TileBlock& t,
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
    for (Index r = 0; r < kTile; ++r) {  // along B's rows, which the processor fetches ahead
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

constexpr Index bytes_of_b(Index pieces, Index columns) {
  return in_pages((columns + kTile - 1) / kTile * strip_bytes(pieces * kStepsOfBlock + 1));
}

// What one thread makes of a product.
struct Share {
  Index few_rows = 0, few_columns = 0;  // at its end
};

// The product on one thread, but for operands with a number that has no parts: then C is left. What it has cut counts
// in `largest`.
template <int kPieces>
HWY_NOINLINE void multiply_alone(const FloatProduct& s, const Share& share, LargestOfBoth& largest) {
  const Index few_rows = share.few_rows, few_columns = share.few_columns;
  const Index rows = s.m - few_rows, whole_columns = s.n - few_columns;
  const Index groups = std::max<Index>(1, (rows + kRowsOfGroup - 1) / kRowsOfGroup);
  // Tiles of the same height, as a tile's time is that of its rows, and an even number of them: two by two keep the
  // unit busy while each of their sums is on its way through it.
  const Index most = (rows + groups - 1) / groups, tiles = (most + 2 * kTile - 1) / (2 * kTile) * 2;
  const Index height = few_rows > 0 ? kTile : (most + tiles - 1) / tiles;
  const Index group = few_rows > 0 ? tiles * kTile : most;
  const Rest rest(kPieces == 3 ? s.k % kStep : 0);
  const Index strip = strip_bytes(kPieces * kStepsOfBlock + 1);  // a rest may be a tile longer than a step
  const Index column_tiles = (std::min(kColumnsOfGroup, s.n) + kTile - 1) / kTile;
  // Sums stay in tiles while k goes on, those of whole tiles only where these are not many.
  const Index sums_of_few_columns = few_columns > 0 ? groups * tiles : 0;
  const Index sums_of_few_rows = few_rows > 0 ? 2 * column_tiles : 0;
  const Index sums_of_whole = groups * tiles * column_tiles;
  const bool keeps_sums = sums_of_whole <= kMostSums;
  const Index all_sums = sums_of_few_columns + sums_of_few_rows + (keeps_sums ? sums_of_whole : 0);
  const Index bytes_of_a = in_pages((tiles + 1) * strip), of_b = bytes_of_b(kPieces, std::min(kColumnsOfGroup, s.n));
  const Index bytes = bytes_of_a + of_b + (s.k > kStepsOfBlock * kStep ? all_sums * kTileBytes : 0);
  char* a = workspace<AmxTiles, char>(std::max(bytes, kLeastBytes));
  char* b = a + bytes_of_a;
  float* few_columns_sums = reinterpret_cast<float*>(a + bytes_of_a + of_b);
  float* few_rows_sums = few_columns_sums + sums_of_few_columns * kTile * kTile;
  float* sums = keeps_sums ? few_rows_sums + sums_of_few_rows * kTile * kTile : nullptr;
  TileShapes shapes;
  for (int i = 0; i < 8; ++i) {
    shapes.row_bytes[i] = 64;
    shapes.rows[i] = static_cast<std::uint8_t>(i < 6 ? height : kTile);
  }
  set_shapes(shapes);
  TileBlock t{};
  t.ldc = s.ldc;
  t.height = height;
  Largest largest_a, largest_b;
  bool finite = true;
  for (Index first = 0; finite && first < s.n; first += kColumnsOfGroup)
    for (Index k0 = 0; finite && k0 < s.k; k0 += kStepsOfBlock * kStep) {
      const Index end = std::min(whole_columns, first + kColumnsOfGroup), k = std::min(kStepsOfBlock * kStep, s.k - k0);
      const Index last_columns = first + kColumnsOfGroup >= s.n ? few_columns : 0;
      t.last = k0 + k == s.k;
      t.rest = t.last ? rest.tiles : 0;
      t.steps = (t.rest > 0 ? k : k + kStep - 1) / kStep;
      t.a_strip = t.b_strip = strip_bytes(kPieces * t.steps + t.rest);
      t.accumulate = k0 > 0;
      t.relu = t.last && s.relu;
      cut_b<kPieces>(s, first, end, last_columns, k0, k, t, rest, b, largest_b);
      finite = kPieces == 1 || largest_b.largest() < kNoParts;
      for (Index g = 0; finite && g < groups; ++g) {
        const Index row = g * group, end_row = std::min(rows, row + group);
        const Index tiles_here = (end_row - row + height - 1) / height;
        const Index last_rows = g + 1 == groups ? few_rows : 0;
        cut_a<kPieces>(s, row, height, end_row, k0, k, t, rest, a, largest_a);
        if (last_rows > 0) cut_few_rows(s, end_row, last_rows, k0, k, t, rest, a + tiles_here * t.a_strip, largest_a);
        finite = kPieces == 1 || largest_a.largest() < kNoParts;
        // The same columns of the group's rows.
        const auto place = [&](Index column) {
          const Index tile = (column - first) / kTile;
          t.a = a;
          t.b = b + tile * t.b_strip;
          t.sums = sums ? sums + (g * tiles * column_tiles + tile) * kTile * kTile : nullptr;
          t.sums_strip = column_tiles;
          t.c = s.c + row * s.ldc + column;
          t.bias = t.last && s.bias ? s.bias + column : nullptr;
        };
        const auto place_few_rows = [&](Index column) {
          t.a = a + tiles_here * t.a_strip;
          t.c = s.c + end_row * s.ldc + column;
          t.sums = few_rows_sums + (column - first) / kTile * kTile * kTile;
          t.sums_strip = column_tiles;
        };
        for (Index column = first; finite && column < end; column += 2 * kTile) {
          place(column);
          t.columns = std::min(2 * kTile, end - column);
          multiply_columns<kPieces>(t, end_row - row);
          if (last_rows == 0) continue;
          place_few_rows(column);
          multiply_few_rows(t, last_rows);
        }
        if (last_columns == 0 || !finite) continue;
        place(end);
        t.sums = few_columns_sums + g * tiles * kTile * kTile;
        t.sums_strip = 1;
        multiply_few_columns(t, end_row - row, last_columns);
        if (last_rows == 0) continue;
        place_few_rows(end);
        multiply_few(t, last_rows, last_columns);
      }
    }
  release_tiles();
  largest.meet(largest_a.largest(), largest_b.largest());
}

// What stands behind whole tiles, if it is not too much and if the whole ones are pairs. Depends on the whole product's
// size alone, not on how it is shared out.
constexpr Index few_rows_behind_pairs(Index rows) {
  const Index few = rows % kTile;  // fewer are not worth it
  return rows / kTile % 2 == 1 || few <= kTile / 3 || few > kMostFewRows ? 0 : few;
}
constexpr Index few_columns_behind_pairs(Index columns) {
  const Index few = columns % kTile;
  return columns / kTile % 2 == 1 || few > kMostFewColumns ? 0 : few;
}

template <int kPieces>
HWY_INLINE bool multiply(const FloatProduct& s) {
  // How C is shared out changes no sum. A long sum's two halves do, and so depend on its length alone; they keep the
  // rows of B, which are a layer's weights, with the core that makes their gradient.
  const Index halves = s.k >= kSumInHalves ? 2 : 1, half = (s.k / 2 + kStep - 1) / kStep * kStep;
  const bool by_columns = s.n > s.m;  // the shorter operand is cut for every share
  const Index length = by_columns ? s.n : s.m, across = by_columns ? s.m : s.n;
  const Index threads = works_alone() ? 1 : num_threads(), shares = (threads + halves - 1) / halves;
  const Index most = std::max(kLeastShare, kMostOfChunk / (across * (s.k / halves)));
  const Index equal = (length + shares - 1) / shares;
  const Index share = (std::clamp(equal, kLeastShare, most) + kTile - 1) / kTile * kTile;
  const Index chunks = (length + share - 1) / share;
  float* other = halves == 2 ? workspace<AmxOtherHalf, float>(s.m * s.n) : nullptr;
  const Index few_rows = kPieces == 3 ? few_rows_behind_pairs(s.m) : 0;
  const Index few_columns = kPieces == 3 ? few_columns_behind_pairs(s.n) : 0;
  LargestOfBoth largest;
  parallel_for(halves * chunks, [&](Index chunk) HWY_ATTR {
    FloatProduct part = s;
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
    const bool ends = first + count == length;
    multiply_alone<kPieces>(part, {by_columns || ends ? few_rows : 0, by_columns && !ends ? 0 : few_columns}, largest);
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

bool AmxGemm(const FloatProduct& s) { return multiply<3>(s); }
void AmxGemmOfBf16(const FloatProduct& s) { multiply<1>(s); }

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace lamina::kernels {

#if HWY_TARGETS & HWY_AVX3
bool amx_suits(Index m, Index n, Index k) {
  return has_amx() && m >= 32 && n >= 32 && k >= 64 && m * n * k >= kLeastForAmx;
}
bool gemm_amx(const FloatProduct& product) { return N_AVX3::AmxGemm(product); }
void gemm_amx_bf16(const FloatProduct& product) { N_AVX3::AmxGemmOfBf16(product); }
#else
bool amx_suits(Index, Index, Index) { return false; }
bool gemm_amx(const FloatProduct&) { return false; }
void gemm_amx_bf16(const FloatProduct&) {}
#endif

}  // namespace lamina::kernels
#endif
