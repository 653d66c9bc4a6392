// Rounding to bfloat16, and matrix products with operands rounded to it and sums in float32.
#include <algorithm>

#include "lamina/kernels/amx/amx.h"
#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/products/bf16.h"
#include "lamina/kernels/products/gemm.h"
#include "lamina/kernels/products/product.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/products/gemm_bf16.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/machine/vectors-inl.h"
#include "lamina/kernels/products/bf16_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

void round_numbers(Index n, const float* x, float* out) {
  for_vectors<float>(
      n, [=](auto d, Index i) HWY_ATTR { hn::StoreU(rounded_to_bf16(d, hn::LoadU(d, x + i)), d, out + i); });
}

#if HWY_TARGET == HWY_AVX3

// Scratch memory (machine/workspace.h).
struct PackedA {};
struct PackedB {};

constexpr Index kSmall = 1 << 18;               // multiply-adds below which one thread is quicker
constexpr Index kRowsOfChunk[] = {96, 48, 24};  // multiples of kTogether
constexpr Index kTogether = 24;                 // rows of A^T whose pairs stand side by side

template <class Body>
HWY_INLINE void for_chunks_of(const Product<float>& s, const Chunks& chunks, const Body& body) {
  if (s.work() >= kSmall) return for_chunks(chunks, body);
  for (Index i = 0; i < chunks.count(); ++i) body(chunks.first(i), chunks.length(i));
}

// The panel (pairs of k, width) of op(B) from column `first` on, with zeros behind the last column and the last row.
HWY_INLINE void pack_panel(const Product<float>& s, Index first, Index width, Pair* panel) {
  const Index columns = std::min(width, s.n - first), pairs = ceil_div(s.k, 2);
  if (!s.transpose_b) {
    for (Index k = 0; k < pairs; ++k) {
      const float* from = s.b + 2 * k * s.ldb + first;
      round_pairs(from, 2 * k + 1 < s.k ? from + s.ldb : nullptr, columns, panel + k * width);
      std::fill(panel + k * width + columns, panel + (k + 1) * width, Pair{0});
    }
    return;
  }
  constexpr Index kPairs = 16;  // pairs of k at a time, so that what is written stays in the first-level cache
  for (Index k0 = 0; k0 < pairs; k0 += kPairs)
    for (Index j = 0; j < width; ++j) {
      Pair row[kPairs] = {};
      const Index count = std::min(kPairs, pairs - k0);
      if (j < columns)
        round_row(s.b + (first + j) * s.ldb + 2 * k0, std::min(2 * count, s.k - 2 * k0),
                  reinterpret_cast<std::uint16_t*>(row));
      for (Index k = 0; k < count; ++k) panel[(k0 + k) * width + j] = row[k];
    }
}

// A in pairs: its rows, `pitch` pairs apart, or of a transposed A blocks (pairs, kTogether) of its rows.
struct PackedRows {
  Pair* pairs;
  Index pitch;
};

HWY_INLINE PackedRows pack_a(const Product<float>& s) {
  const Index pairs = ceil_div(s.k, 2);
  // Rows that would lie a multiple of 1 KiB apart, in few sets of the cache, get a cache line more.
  const Index pitch = s.transpose_a ? 0 : pairs + (pairs % 256 == 0 ? 16 : 0);
  Pair* packed = workspace<PackedA, Pair>(s.transpose_a ? round_up(s.m, kTogether) * pairs : s.m * pitch);
  for_chunks_of(s, Chunks{s.m, kTogether}, [&](Index first, Index rows) HWY_ATTR {
    if (s.transpose_a) {
      for (Index k = 0; k < pairs; ++k) {
        const float* from = s.a + 2 * k * s.lda + first;
        round_pairs(from, 2 * k + 1 < s.k ? from + s.lda : nullptr, rows, packed + first * pairs + k * kTogether);
      }
    } else {
      for (Index i = first; i < first + rows; ++i) {
        packed[i * pitch + pairs - 1] = 0;
        round_row(s.a + i * s.lda, s.k, reinterpret_cast<std::uint16_t*>(packed + i * pitch));
      }
    }
  });
  return {packed, pitch};
}

void multiply(const Product<float>& s) {
  const Index width = s.n <= kPairLanes ? kPairLanes : 2 * kPairLanes, panels = ceil_div(s.n, width);
  const Index pairs = ceil_div(s.k, 2);
  Pair* packed_b = workspace<PackedB, Pair>(panels * pairs * width);
  for_chunks_of(s, Chunks{panels, 1},
                [&](Index p, Index) HWY_ATTR { pack_panel(s, p * width, width, packed_b + p * pairs * width); });
  const PackedRows a = pack_a(s);

  Chunks rows{s.m, kRowsOfChunk[0]};
  for (const Index candidate : kRowsOfChunk)
    if (s.m / rows.size < 4) rows.size = candidate;
  const Chunks columns{panels,
                       rows.count() >= 4 ? panels : std::max<Index>(1, panels * rows.count() / 8)};  // panels a chunk
  const Index tile = width == kPairLanes ? 24 : 12;
  const auto multiply_chunk = [&](Index row, Index height, Index first, Index some) HWY_ATTR {
    PairTile t{};
    t.k = pairs;
    t.a_row = s.transpose_a ? 2 : 2 * a.pitch;
    t.a_k = s.transpose_a ? 2 * kTogether : 2;
    t.b_k = width;
    t.ldc = s.ldc;
    t.relu = s.relu;
    for (Index p = first; p < first + some; ++p) {
      t.b = packed_b + p * pairs * width;
      t.bias = s.bias ? s.bias + p * width : nullptr;
      t.columns = std::min(width, s.n - p * width);
      for (Index i = row; i < row + height; i += tile) {
        const Pair* from = a.pairs + (s.transpose_a ? i / kTogether * kTogether * pairs + i % kTogether : i * a.pitch);
        t.set_rows(reinterpret_cast<const std::uint16_t*>(from), s.c + i * s.ldc + p * width);
        pair_tile(t, std::min(tile, row + height - i));
      }
    }
  };
  if (s.work() >= kSmall) return for_grid(rows, columns, multiply_chunk);
  for (Index i = 0; i < rows.count(); ++i) multiply_chunk(rows.first(i), rows.length(i), 0, panels);
}

#endif  // HWY_AVX3

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

struct RoundedA {};
struct RoundedB {};

// The stored matrix (rows, columns), rounded, with rows that follow one another.
template <class Slot>
const float* rounded(Index rows, Index columns, const float* x, Index pitch) {
  float* to = workspace<Slot, float>(rows * columns);
  if (pitch == columns) {
    round_to_bf16(rows * columns, x, to);
  } else {
    for (Index i = 0; i < rows; ++i) round_to_bf16(columns, x + i * pitch, to + i * columns);
  }
  return to;
}

}  // namespace

void round_to_bf16(Index n, const float* x, float* out) {
  const auto kernel = LAMINA_DISPATCH(round_numbers);
  for_chunks(Chunks{n, 1 << 16}, [=](Index i, Index length) { kernel(length, x + i, out + i); });
}

void gemm_bf16(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const float* a, Index lda, const float* b,
               Index ldb, float* c, Index ldc, const float* bias, bool relu) {
  const Product<float> s{transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, bias, relu};
  if (try_amx(s, AmxInput::bf16)) return;
#if HWY_TARGETS & HWY_AVX3
  if (has_bf16_products() && s.work() > 0) return N_AVX3::multiply(s);
#endif
  const Index a_rows = transpose_a ? k : m, a_columns = transpose_a ? m : k;
  const Index b_rows = transpose_b ? n : k, b_columns = transpose_b ? k : n;
  gemm(transpose_a, transpose_b, m, n, k, rounded<RoundedA>(a_rows, a_columns, a, lda), a_columns,
       rounded<RoundedB>(b_rows, b_columns, b, ldb), b_columns, c, ldc, bias, relu);
}

}  // namespace lamina::kernels
#endif
