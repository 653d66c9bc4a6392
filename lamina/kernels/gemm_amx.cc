#include "lamina/kernels/gemm_amx.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "lamina/kernels/gemm.h"
#include "lamina/kernels/parallel.h"
#include "lamina/kernels/target.h"
#include "lamina/kernels/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/gemm_amx.cc"
#include "lamina/kernels/simd.h"
#include "lamina/kernels/split_bf16-inl.h"
#include "lamina/kernels/tile_unit-inl.h"
#include "lamina/kernels/two_halves-inl.h"

#ifndef LAMINA_KERNELS_GEMM_AMX_SIZES
#define LAMINA_KERNELS_GEMM_AMX_SIZES
namespace lamina::kernels {
namespace {

struct AmxTiles {};
struct AmxOtherHalf {};

constexpr Index kStepsOfBlock = 4;         // of B's tiles so many stay in the first-level cache while rows of A pass by
constexpr Index kRowsOfGroup = 128;        // of A, cut into tiles at a time
constexpr Index kColumnsOfGroup = 512;     // of B
constexpr Index kNumbersOfSums = 1 << 17;  // of C that are kept tile by tile while k goes on
constexpr Index kNumbersOfSum = 1 << 14;   // that a thread adds to their other half
constexpr Index kLeastBytes = 1 << 20;     // of a thread's tiles: so many lie on a large page of the system
constexpr Index kLeastShare = 48;          // of rows or columns, for one thread
constexpr Index kMostOfChunk = 1 << 29;    // multiply-adds between two looks at whether to stop
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

// Tiles of `height` rows of op(A) from row `first` on, k from k0 on: whole steps, then the rest.
template <int kPieces>
HWY_INLINE void cut_a(const FloatProduct& s, Index first, Index height, Index end, Index k0, Index k,
                      const TileBlock& t, const Rest& rest, char* to, Largest& largest) {
  const Index steps = t.steps, strip = t.a_strip;
  for (Index row = first; row < end; row += height, to += strip) {
    const Index rows = std::min(height, end - row);
    char* tile = to;
    for (Index step = 0; step < steps; ++step, tile += kPieces * kTileBytes) {
      const Index at = k0 + step * kStep, left = k - step * kStep;
      if (s.transpose_a) {
        const float* from = s.a + at * s.lda + row;
        cut_across<kPieces>({from, left, rows}, {from + kTile * s.lda, left - kTile, rows}, s.lda, rows, tile, largest);
      } else {
        const float* from = s.a + row * s.lda + at;
        cut_along<kPieces>({from, rows, left}, {from + kTile, rows, left - kTile}, s.lda, rows, tile, largest);
      }
    }
    if (t.rest == 0) continue;
    const Index at = k0 + steps * kStep;
    if (s.transpose_a) {
      const float* from = s.a + at * s.lda + row;
      __m512 x[16], y[16];
      load_across({from, rest.half, rows}, s.lda, x);
      load_across({from + rest.half * s.lda, rest.left - rest.half, rows}, s.lda, y);
      for (Index r = 0; r < rows; ++r) store_of_a(rest, parts(x[r], y[r], largest), r, tile);
    } else {
      const float* from = s.a + row * s.lda + at;
      const __mmask16 mask_x = first_lanes(rest.half), mask_y = first_lanes(rest.left - rest.half);
      for (Index r = 0; r < rows; ++r, from += s.lda) {
        const __m512 x = _mm512_maskz_loadu_ps(mask_x, from), y = _mm512_maskz_loadu_ps(mask_y, from + rest.half);
        store_of_a(rest, parts(x, y, largest), r, tile);
      }
    }
  }
}

// Tiles of columns `first` to `end` of op(B), as cut_a().
template <int kPieces>
HWY_INLINE void cut_b(const FloatProduct& s, Index first, Index end, Index k0, Index k, const TileBlock& t,
                      const Rest& rest, char* to, Largest& largest) {
  const Index steps = t.steps, strip = t.b_strip;
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
  if (t.rest == 0) return;
  const Index at = k0 + steps * kStep;
  for (Index column = first; column < end; column += kTile, to += strip) {
    const Index columns = std::min(kTile, end - column);
    if (s.transpose_b) {
      const float* from = s.b + column * s.ldb + at;
      __m512 x[16], y[16];
      load_across({from, columns, rest.half}, s.ldb, x);
      load_across({from + rest.half, columns, rest.left - rest.half}, s.ldb, y);
      for (Index pair = 0; pair < rest.half; ++pair) store_of_b(rest, parts(x[pair], y[pair], largest), pair, to);
    } else {
      const float* from = s.b + at * s.ldb + column;
      const __mmask16 mask = first_lanes(columns);
      for (Index pair = 0; pair < rest.half; ++pair, from += s.ldb) {
        const bool has_y = pair + rest.half < rest.left;
        const __m512 x = _mm512_maskz_loadu_ps(mask, from);
        const __m512 y = _mm512_maskz_loadu_ps(has_y ? mask : 0, from + rest.half * s.ldb);
        store_of_b(rest, parts(x, y, largest), pair, to);
      }
    }
    end_of_b(rest, to);
  }
}

// The product on one thread, but for operands with a number that has no parts: then C is left. What it has cut counts
// in `largest`.
template <int kPieces>
HWY_NOINLINE void multiply_alone(const FloatProduct& s, LargestOfBoth& largest) {
  const Index groups = (s.m + kRowsOfGroup - 1) / kRowsOfGroup, group = (s.m + groups - 1) / groups;
  // Tiles of the same height, as a tile's time is that of its rows, and an even number of them: two by two keep the
  // unit busy while each of their sums is on its way through it.
  const Index tiles = (group + 2 * kTile - 1) / (2 * kTile) * 2, height = (group + tiles - 1) / tiles;
  const Rest rest(kPieces == 3 ? s.k % kStep : 0);
  const Index strip = strip_bytes(kPieces * kStepsOfBlock + 1);  // a rest may be a tile longer than a step
  const Index column_tiles = (std::min(kColumnsOfGroup, s.n) + kTile - 1) / kTile;
  const Index numbers = groups * tiles * column_tiles * kTile * kTile;
  const bool keeps_sums = s.k > kStepsOfBlock * kStep && numbers <= kNumbersOfSums;
  const Index bytes_of_a = in_pages(tiles * strip), bytes_of_b = in_pages(column_tiles * strip);
  const Index bytes = bytes_of_a + bytes_of_b + (keeps_sums ? numbers * static_cast<Index>(sizeof(float)) : 0);
  char* a = workspace<AmxTiles, char>(std::max(bytes, kLeastBytes));
  char* b = a + bytes_of_a;
  float* sums = keeps_sums ? reinterpret_cast<float*>(b + bytes_of_b) : nullptr;
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
      t.last = k0 + k == s.k;
      t.rest = t.last ? rest.tiles : 0;
      t.steps = (t.rest > 0 ? k : k + kStep - 1) / kStep;
      t.a_strip = t.b_strip = strip_bytes(kPieces * t.steps + t.rest);
      t.accumulate = k0 > 0;
      t.relu = t.last && s.relu;
      cut_b<kPieces>(s, first, end, k0, k, t, rest, b, largest_b);
      finite = kPieces == 1 || largest_b.largest() < kNoParts;
      for (Index g = 0; finite && g < groups; ++g) {
        const Index row = g * group, end_row = std::min(s.m, row + group);
        cut_a<kPieces>(s, row, height, end_row, k0, k, t, rest, a, largest_a);
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
HWY_INLINE bool multiply(const FloatProduct& s) {
  // How C is shared out changes no sum. A long sum's two halves do, and so depend on its length alone; they keep the
  // rows of B, which are a layer's weights, with the core that makes their gradient.
  const Index halves = s.k >= kSumInHalves ? 2 : 1, half = (s.k / 2 + kStep - 1) / kStep * kStep;
  const bool by_columns = s.n > s.m;  // the shorter operand is cut for every share
  const Index length = by_columns ? s.n : s.m, across = by_columns ? s.m : s.n;
  const Index threads = works_alone() ? 1 : num_threads(), shares = (threads + halves - 1) / halves;
  const Index most = std::max(kLeastShare, kMostOfChunk / (across * (s.k / halves)));
  const Index share = (std::clamp((length + shares - 1) / shares, kLeastShare, most) + kTile - 1) / kTile * kTile;
  const Index chunks = (length + share - 1) / share;
  float* other = halves == 2 ? workspace<AmxOtherHalf, float>(s.m * s.n) : nullptr;
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
