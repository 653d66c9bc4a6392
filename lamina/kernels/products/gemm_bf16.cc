// Rounding to bfloat16, and matrix products with operands rounded to it and sums in float32.
#include <algorithm>
#include <optional>

#include "lamina/kernels/amx/amx.h"
#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/products/bf16.h"
#include "lamina/kernels/products/gemm.h"
#include "lamina/kernels/products/plan.h"

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

// Packs the panel (pairs, width) of op(B) from column `first` on, padded with zeros.
HWY_INLINE void pack_panel(const PairPlan& p, const Product<float>& s, Index first, Pair* panel) {
  const Index width = p.width, columns = std::min(width, s.n - first);
  if (!s.transpose_b) {
    for (Index k = 0; k < p.pairs; ++k) {
      const float* from = s.b + 2 * k * s.ldb + first;
      round_pairs(from, 2 * k + 1 < s.k ? from + s.ldb : nullptr, columns, panel + k * width);
      std::fill(panel + k * width + columns, panel + (k + 1) * width, Pair{0});
    }
    return;
  }
  constexpr Index kPairs = 16;  // pairs along k at a time, so that what is written stays in the L1 cache
  for (Index k0 = 0; k0 < p.pairs; k0 += kPairs)
    for (Index j = 0; j < width; ++j) {
      Pair row[kPairs] = {};
      const Index count = std::min(kPairs, p.pairs - k0);
      if (j < columns)
        round_row(s.b + (first + j) * s.ldb + 2 * k0, std::min(2 * count, s.k - 2 * k0),
                  reinterpret_cast<std::uint16_t*>(row));
      for (Index k = 0; k < count; ++k) panel[(k0 + k) * width + j] = row[k];
    }
}

// Packs A: its rows, p.a_pitch pairs apart, or of a transposed A blocks (pairs, kPairRows).
HWY_INLINE const Pair* pack_a(const PairPlan& p, const Product<float>& s) {
  const Index pairs = p.pairs, pitch = p.a_pitch;
  Pair* packed = workspace<PackedA, Pair>(s.transpose_a ? round_up(s.m, kPairRows) * pairs : s.m * pitch);
  for_chunks(Chunks{s.m, kPairRows}, [&](Index first, Index rows) HWY_ATTR {
    if (s.transpose_a) {
      for (Index k = 0; k < pairs; ++k) {
        const float* from = s.a + 2 * k * s.lda + first;
        round_pairs(from, 2 * k + 1 < s.k ? from + s.lda : nullptr, rows, packed + first * pairs + k * kPairRows);
      }
    } else {
      for (Index i = first; i < first + rows; ++i) {
        packed[i * pitch + pairs - 1] = 0;
        round_row(s.a + i * s.lda, s.k, reinterpret_cast<std::uint16_t*>(packed + i * pitch));
      }
    }
  });
  return packed;
}

void multiply(const Product<float>& s) {
  const PairPlan p = plan_pairs({s.transpose_a, s.transpose_b, s.m, s.n, s.k, s.lda, sizeof(float)});
  std::optional<Alone> no_pool;
  if (p.one_chunk) no_pool.emplace();
  const Index panel_size = p.pairs * p.width, panels = p.chunks_of_panels.items;
  Pair* packed_b = workspace<PackedB, Pair>(panels * panel_size);
  for_chunks(Chunks{panels, 1},
             [&](Index panel, Index) HWY_ATTR { pack_panel(p, s, panel * p.width, packed_b + panel * panel_size); });
  const Pair* packed_a = pack_a(p, s);
  for_grid(p.rows, p.chunks_of_panels, [&](Index row, Index rows, Index first, Index some) HWY_ATTR {
    PairTile t{};
    t.k = p.pairs;
    t.a_row = s.transpose_a ? 2 : 2 * p.a_pitch;
    t.a_k = s.transpose_a ? 2 * kPairRows : 2;
    t.b_k = p.width;
    t.ldc = s.ldc;
    t.relu = s.relu;
    for (Index panel = first; panel < first + some; ++panel) {
      const Index column = panel * p.width;
      t.b = packed_b + panel * panel_size;
      t.bias = s.bias ? s.bias + column : nullptr;
      t.columns = std::min(p.width, s.n - column);
      for (Index i = row; i < row + rows; i += p.tile_rows) {
        const Pair* from =
            packed_a + (s.transpose_a ? i / kPairRows * kPairRows * p.pairs + i % kPairRows : i * p.a_pitch);
        t.set_rows(reinterpret_cast<const std::uint16_t*>(from), s.c + i * s.ldc + column);
        pair_tile(t, std::min(p.tile_rows, row + rows - i));
      }
    }
  });
}

#endif  // HWY_AVX3

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// Scratch memory (machine/workspace.h).
struct RoundedA {};
struct RoundedB {};

// The stored matrix (rows, columns), rounded and contiguous.
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
