// Matrix products with operands rounded to bfloat16 and sums in float32.
#include <algorithm>

#include "lamina/kernels/amx/amx.h"
#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/products/bf16.h"
#include "lamina/kernels/products/gemm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/products/gemm_bf16.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/products/bf16_tile-inl.h"

#ifndef LAMINA_KERNELS_GEMM_BF16_ARGS
#define LAMINA_KERNELS_GEMM_BF16_ARGS
namespace lamina::kernels {
namespace {

struct PackedA {};
struct PackedB {};
struct RoundedA {};
struct RoundedB {};

constexpr Index kSmall = 1 << 18;               // multiply-adds below which one thread is quicker
constexpr Index kRowsOfChunk[] = {96, 48, 24};  // multiples of kBlock
constexpr Index kBlock = 24;                    // rows of A^T that stand together

}  // namespace
}  // namespace lamina::kernels
#endif

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// Panel of op(B) from column `first` on, (pairs of k, width), with zeros behind the last column and the last row.
HWY_INLINE void pack_b(const FloatProduct& s, Index first, Index width, Pair* panel) {
  const Index columns = std::min(width, s.n - first), pairs = (s.k + 1) / 2;
  if (!s.transpose_b) {
    for (Index k = 0; k < pairs; ++k) {
      const float* from = s.b + 2 * k * s.ldb + first;
      round_pairs(from, 2 * k + 1 < s.k ? from + s.ldb : nullptr, columns, panel + k * width);
      std::fill(panel + k * width + columns, panel + (k + 1) * width, Pair{0});
    }
    return;
  }
  constexpr Index kTogether = 16;  // pairs: writes stay in the first-level cache
  for (Index k0 = 0; k0 < pairs; k0 += kTogether)
    for (Index j = 0; j < width; ++j) {
      Pair row[kTogether] = {};
      const Index count = std::min(kTogether, pairs - k0);
      if (j < columns)
        round_row(s.b + (first + j) * s.ldb + 2 * k0, std::min(2 * count, s.k - 2 * k0),
                  reinterpret_cast<std::uint16_t*>(row));
      for (Index k = 0; k < count; ++k) panel[(k0 + k) * width + j] = row[k];
    }
}

void Bf16Gemm(const FloatProduct& s) {
  const Index width = s.n <= kPairLanes ? kPairLanes : 2 * kPairLanes, panels = (s.n + width - 1) / width;
  const Index pairs = (s.k + 1) / 2, blocks = (s.m + kBlock - 1) / kBlock;
  const bool small = s.m * s.n * s.k < kSmall;
  const auto for_each = [small](Index chunks, auto&& body) HWY_ATTR {
    if (small)
      for (Index i = 0; i < chunks; ++i) body(i);
    else
      parallel_for(chunks, body);
  };
  Pair* packed_b = workspace<PackedB, Pair>(panels * pairs * width);
  // A's rows, (m, pairs); those that would lie a multiple of 1 KiB apart, in few sets of the cache, a line further.
  // Or A^T in blocks (pairs, kBlock).
  const Index pitch = s.transpose_a ? 0 : pairs + (pairs % 256 == 0 ? 16 : 0);
  Pair* packed_a = workspace<PackedA, Pair>(s.transpose_a ? blocks * pairs * kBlock : s.m * pitch);
  for_each(panels, [&](Index p) HWY_ATTR { pack_b(s, p * width, width, packed_b + p * pairs * width); });
  for_each(blocks, [&](Index block) HWY_ATTR {
    const Index first = block * kBlock, rows = std::min(kBlock, s.m - first);
    if (s.transpose_a) {
      for (Index k = 0; k < pairs; ++k) {
        const float* from = s.a + 2 * k * s.lda + first;
        round_pairs(from, 2 * k + 1 < s.k ? from + s.lda : nullptr, rows, packed_a + (block * pairs + k) * kBlock);
      }
    } else {
      for (Index i = first; i < first + rows; ++i) {
        packed_a[i * pitch + pairs - 1] = 0;
        round_row(s.a + i * s.lda, s.k, reinterpret_cast<std::uint16_t*>(packed_a + i * pitch));
      }
    }
  });

  Index height = kRowsOfChunk[0];
  for (Index candidate : kRowsOfChunk)
    if (s.m / height < 4) height = candidate;
  const Index row_chunks = (s.m + height - 1) / height;
  const Index wide = row_chunks >= 4 ? panels : std::max<Index>(1, panels * row_chunks / 8);  // panels a chunk
  const Index column_chunks = (panels + wide - 1) / wide;
  const Index tile = width == kPairLanes ? 24 : 12;
  for_each(row_chunks * column_chunks, [&](Index chunk) HWY_ATTR {
    const Index row = chunk % row_chunks * height, first = chunk / row_chunks * wide;
    const Index end = std::min(row + height, s.m);
    PairTile t{};
    t.k = pairs;
    t.a_row = s.transpose_a ? 2 : 2 * pitch;
    t.a_k = s.transpose_a ? 2 * kBlock : 2;
    t.b_k = width;
    t.ldc = s.ldc;
    t.relu = s.relu;
    for (Index p = first; p < std::min(first + wide, panels); ++p) {
      t.b = packed_b + p * pairs * width;
      t.bias = s.bias ? s.bias + p * width : nullptr;
      t.columns = std::min(width, s.n - p * width);
      for (Index i = row; i < end; i += tile) {
        const Pair* a = packed_a + (s.transpose_a ? i / kBlock * pairs * kBlock + i % kBlock : i * pitch);
        t.set_rows(reinterpret_cast<const std::uint16_t*>(a), s.c + i * s.ldc + p * width);
        pair_tile(t, std::min(tile, end - i));
      }
    }
  });
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// The stored matrix (rows, columns), rounded, its rows without gaps.
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

void gemm_bf16(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const float* a, Index lda, const float* b,
               Index ldb, float* c, Index ldc, const float* bias, bool relu) {
  if (amx_suits(m, n, k)) return gemm_amx_bf16({transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, bias, relu});
#if HWY_TARGETS & HWY_AVX3
  if (has_bf16_products() && m > 0 && n > 0 && k > 0)
    return N_AVX3::Bf16Gemm({transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, bias, relu});
#endif
  const Index a_rows = transpose_a ? k : m, a_columns = transpose_a ? m : k;
  const Index b_rows = transpose_b ? n : k, b_columns = transpose_b ? k : n;
  gemm(transpose_a, transpose_b, m, n, k, rounded<RoundedA>(a_rows, a_columns, a, lda), a_columns,
       rounded<RoundedB>(b_rows, b_columns, b, ldb), b_columns, c, ldc, bias, relu);
}

}  // namespace lamina::kernels
#endif
