#include "lamina/kernels/products/gemm.h"

#include <algorithm>
#include <optional>
#include <type_traits>

#include "lamina/kernels/amx/amx.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/products/plan.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/products/gemm.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/products/pack-inl.h"
#include "lamina/kernels/products/thin-inl.h"
#include "lamina/kernels/products/tile-inl.h"
#include "lamina/kernels/products/two_halves-inl.h"

#ifndef LAMINA_KERNELS_PRODUCTS_GEMM_SLOTS
#define LAMINA_KERNELS_PRODUCTS_GEMM_SLOTS
namespace lamina::kernels {
namespace {

// Scratch memory (machine/workspace.h).
struct CopyOfA {};
struct PackedB {};
struct PackedThin {};
struct BlockOfA {};
struct PanelsOfChunk {};
struct OtherHalf {};

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

template <class T>
HWY_INLINE ProductSize size_of(const Product<T>& s) {
  return {s.transpose_a, s.transpose_b, s.m, s.n, s.k, s.lda, static_cast<Index>(sizeof(T))};
}
template <class T>
HWY_INLINE TileShape tile_shape() {
  return {kWideTileRows, wide_tile_columns<T>(), static_cast<Index>(hn::Lanes(hn::ScalableTag<T>())), kMaskedLoads,
          kThin ? kThinColumns<T> : 0};
}

// What all chunks read: the operands in place, or copies of them.
template <class T>
struct Operands {
  const T* a;
  Index lda;
  const T* panels;   // the packed panels, from plan.first_packed on; null unless plan.pack_b is PackB::once
  ThinArgs<T> thin;  // with its B already packed
};

template <class T>
HWY_INLINE void pack_thin_columns(const Plan& p, const Product<T>& s, ThinArgs<T>& t) {
  const Index pitch = round_up(s.k, kBlockK);
  T* b = workspace<PackedThin, T>(kThinColumns<T> * pitch);
  for_chunks(Chunks{pitch, 1024}, [&](Index k, Index rows) HWY_ATTR { pack_thin(s, k, rows, p.thin, pitch, b); });
  t.b = b;
  t.b_pitch = pitch;
  t.ldc = s.ldc;
  t.columns = p.thin;
}

template <class T>
HWY_INLINE Operands<T> pack(const Plan& p, const Product<T>& s) {
  Operands<T> o{s.a, s.lda, nullptr, {}};
  const Index width = wide_tile_columns<T>(), panel = s.k * width;
  if (p.pack_b == PackB::once) {
    T* panels = workspace<PackedB, T>((p.panels - p.first_packed) * panel);
    for_chunks(Chunks{p.panels - p.first_packed, 1}, [&](Index i, Index) HWY_ATTR {
      pack_panel(s, (p.first_packed + i) * width, width, panels + i * panel);
    });
    o.panels = panels;
  }
  if constexpr (kThin)
    if (p.thin > 0) pack_thin_columns(p, s, o.thin);
  if (p.copy_a == CopyA::once) {
    o.lda = s.k + static_cast<Index>(64 / sizeof(T));  // a cache line of padding, so that rows map to different sets
    T* copy = workspace<CopyOfA, T>(s.m * o.lda);
    for_chunks(Chunks{s.m, 4}, [&](Index first, Index rows) HWY_ATTR {
      for (Index i = first; i < first + rows; ++i) std::copy_n(s.a + i * s.lda, s.k, copy + i * o.lda);
    });
    o.a = copy;
  }
  return o;
}

// The last plan.thin columns of `rows` rows of C, summed over k0 .. k0 + k - 1; op(A)'s rows begin at a.
template <class T>
HWY_INLINE void multiply_thin(const Product<T>& s, const Operands<T>& o, const T* a, Index lda, Index row, Index rows,
                              Index k0, Index k) {
  ThinArgs<T> t = o.thin;
  const Index column = s.n - t.columns;
  t.a = a;
  t.lda = lda;
  t.c = s.c + row * s.ldc + column;
  t.k = k;
  t.accumulate = k0 > 0;
  const bool last = k0 + k == s.k;
  t.bias = last && s.bias ? s.bias + column : nullptr;
  t.relu = last && s.relu;
  if constexpr (kThin) {
    t.b += s.transpose_a ? k0 * kThinColumns<T> : 0;
    s.transpose_a ? add_columns(t, rows) : dot_rows(t, rows);
  }
}

// One task: `panels` panels from `first` on, for `rows` rows of C from `row` on. The outer loop runs over blocks of k.
template <class T>
HWY_INLINE void multiply_chunk(const Plan& p, const Product<T>& s, const Operands<T>& o, Index row, Index rows,
                               Index first, Index panels) {
  const Index width = wide_tile_columns<T>(), end = first + panels, n = s.n - p.thin;
  T* own = nullptr;
  if (p.pack_b == PackB::by_chunk) {
    own = workspace<PanelsOfChunk, T>(panels * s.k * width);
    for (Index i = 0; i < panels; ++i) pack_panel(s, (first + i) * width, width, own + i * s.k * width);
  }
  const T* packed = own ? own : o.panels;
  const Index first_packed = own ? first : p.first_packed;
  const bool has_thin = p.thin > 0 && end == p.panels;

  // The copy of a block of A has a cache line of padding between its rows.
  const Index line = static_cast<Index>(64 / sizeof(T)), block_k = std::min(kBlockK, s.k);
  const bool copy = p.copy_a == CopyA::by_block;
  const Index pitch = s.transpose_a ? round_up(rows, line) : block_k + line, lda = copy ? pitch : o.lda;
  T* block = copy ? workspace<BlockOfA, T>((s.transpose_a ? block_k : rows) * pitch) : nullptr;

  TileArgs<T> t{};
  t.a_row = s.transpose_a ? 1 : lda;
  t.a_k = s.transpose_a ? lda : 1;
  t.ldc = s.ldc;
  for (Index k0 = 0; k0 < s.k; k0 += kBlockK) {
    t.k = std::min(kBlockK, s.k - k0);
    t.a = o.a + (s.transpose_a ? k0 * o.lda + row : row * o.lda + k0);
    if (copy) {
      for (Index i = 0; i < (s.transpose_a ? t.k : rows); ++i)
        std::copy_n(t.a + i * o.lda, s.transpose_a ? rows : t.k, block + i * pitch);
      t.a = block;
    }
    t.accumulate = k0 > 0;
    const bool last = k0 + t.k == s.k;
    t.relu = last && s.relu;
    for (Index panel = first; panel < end; ++panel) {
      const bool in_place = panel < first_packed;
      t.b_k = in_place ? s.ldb : width;
      t.b = in_place ? s.b + k0 * s.ldb + panel * width : packed + ((panel - first_packed) * s.k + k0) * width;
      t.c = s.c + row * s.ldc + panel * width;
      // Prefetch what comes next: the same block of the next panel, or the next block of the first panel.
      t.ahead = !in_place         ? 0
                : panel + 1 < end ? width
                                  : (t.k == kBlockK ? kBlockK * s.ldb : 0) - (panel - first) * width;
      t.bias = last && s.bias ? s.bias + panel * width : nullptr;
      t.columns = std::min(width, n - panel * width);
      wide_tile_rows(t, rows);
    }
    if (has_thin && s.transpose_a) multiply_thin(s, o, t.a, lda, row, rows, k0, t.k);
  }
  if (has_thin && !s.transpose_a) multiply_thin(s, o, o.a + row * o.lda, o.lda, row, rows, 0, s.k);
}

template <class T>
HWY_NOINLINE void multiply(const Plan& p, const Product<T>& s) {
  const Operands<T> o = pack(p, s);
  for_grid(p.rows, p.chunks_of_panels, [&](Index row, Index rows, Index first, Index panels) HWY_ATTR {
    multiply_chunk(p, s, o, row, rows, first, panels);
  });
}

// A split sum: the two halves of k as separate products, then their sum with the epilogue.
template <class T>
HWY_INLINE void multiply_in_halves(const Plan& p, const Product<T>& s, const Machine& machine) {
  T* other = workspace<OtherHalf, T>(s.m * s.n);
  for_grid(p.rows, Chunks{s.k, p.half}, [&](Index row, Index rows, Index k0, Index k) HWY_ATTR {
    Product<T> part = s;
    part.m = rows;
    part.k = k;
    part.a += row * s.lda + k0;
    part.b += s.transpose_b ? k0 : k0 * s.ldb;
    part.c = k0 == 0 ? s.c + row * s.ldc : other + row * s.n;
    part.ldc = k0 == 0 ? s.ldc : s.n;
    part.bias = nullptr;
    part.relu = false;
    multiply(plan_half(size_of(part), tile_shape<T>(), machine), part);
  });
  for_chunks(p.rows, [&](Index row, Index rows) HWY_ATTR {
    add_other_half(rows, s.n, s.c + row * s.ldc, s.ldc, other + row * s.n, s.bias, s.relu);
  });
}

template <class T>
void multiply_on(const Machine& machine, const Product<T>& s) {
  const Plan p = plan(size_of(s), tile_shape<T>(), machine);
  std::optional<Alone> no_pool;
  if (p.one_chunk) no_pool.emplace();
  p.half > 0 ? multiply_in_halves(p, s, machine) : multiply(p, s);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// C if k is 0, when there is nothing to sum.
template <class T>
void fill_from_bias(const Product<T>& s) {
  for (Index i = 0; i < s.m; ++i)
    for (Index j = 0; j < s.n; ++j) {
      const T value = s.bias ? s.bias[j] : T{0};
      s.c[i * s.ldc + j] = s.relu && value < 0 ? T{0} : value;
    }
}

}  // namespace

template <class T>
void gemm_on(const Machine& machine, const Product<T>& s) {
  if (s.work() == 0) return fill_from_bias(s);
  LAMINA_DISPATCH(multiply_on<T>)(machine, s);
}

template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const T* a, Index lda, const T* b, Index ldb,
          T* c, Index ldc, const T* bias, bool relu) {
  const Product<T> s{transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, bias, relu};
  if constexpr (std::is_same_v<T, float>)
    if (try_amx(s, AmxInput::float32)) return;
  gemm_on(this_machine(), s);
}

LAMINA_FLOAT_AND_DOUBLE(gemm_on);
LAMINA_FLOAT_AND_DOUBLE(gemm);

}  // namespace lamina::kernels
#endif
