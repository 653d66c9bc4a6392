#include "lamina/kernels/gemm.h"

#include <algorithm>

#include "lamina/kernels/parallel.h"
#include "lamina/kernels/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/gemm.cc"
#include "lamina/kernels/simd.h"
#include "lamina/kernels/tile-inl.h"

#ifndef LAMINA_KERNELS_GEMM_ARGS
#define LAMINA_KERNELS_GEMM_ARGS
namespace lamina::kernels {
namespace {

template <class T>
struct GemmArgs {
  bool transpose_a, transpose_b;
  Index m, n, k;
  const T* a;
  Index lda;
  const T* b;
  Index ldb;
  T* c;
  Index ldc;
  const T* bias;
  bool relu;
};

struct PackedB {};
struct BlockOfA {};

constexpr Index kBlockK = 512;                  // of B a block of so many rows stays in the second-level cache
constexpr Index kSmall = 1 << 18;               // multiply-adds below which one thread is quicker
constexpr Index kRowsOfChunk[] = {96, 48, 24};  // multiples of every tile's rows

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// Panel p of op(B), (k, width) with zeros behind column n: rows of `width` elements one after the other.
template <class T>
HWY_INLINE void pack_b(const GemmArgs<T>& s, Index first, Index width, T* panel) {
  const Index columns = std::min(width, s.n - first);
  if (s.transpose_b) {
    for (Index k0 = 0; k0 < s.k; k0 += 8)  // 8 rows at a time: reads run along B's rows
      for (Index j = 0; j < width; ++j)
        for (Index k = k0; k < std::min(k0 + 8, s.k); ++k)
          panel[k * width + j] = j < columns ? s.b[(first + j) * s.ldb + k] : T{0};
  } else {
    for (Index k = 0; k < s.k; ++k)
      for (Index j = 0; j < width; ++j) panel[k * width + j] = j < columns ? s.b[k * s.ldb + first + j] : T{0};
  }
}

template <class T>
HWY_INLINE void gemm(const GemmArgs<T>& s) {
  const Index width = tile_columns<T>();
  const Index panels = (s.n + width - 1) / width;
  // A panel of whole width is read where B lies; others are packed, with zeros behind the last column.
  const Index first_packed = s.transpose_b ? 0 : s.n / width;
  T* packed = panels > first_packed ? workspace<PackedB, T>((panels - first_packed) * s.k * width) : nullptr;
  const bool small = s.m * s.n * s.k < kSmall;
  const auto for_each = [small](Index chunks, auto&& body) HWY_ATTR {
    if (small)
      for (Index i = 0; i < chunks; ++i) body(i);
    else
      parallel_for(chunks, body);
  };
  for_each(panels - first_packed,
           [&](Index p) HWY_ATTR { pack_b(s, (first_packed + p) * width, width, packed + p * s.k * width); });

  Index height = kRowsOfChunk[0];
  for (Index candidate : kRowsOfChunk)
    if (s.m / height < 4) height = candidate;
  const Index row_chunks = (s.m + height - 1) / height;
  const Index wide = row_chunks >= 4 ? panels : std::max<Index>(1, panels * row_chunks / 8);  // panels a chunk
  const Index column_chunks = (panels + wide - 1) / wide;
  for_each(row_chunks * column_chunks, [&](Index chunk) HWY_ATTR {
    const Index row = chunk % row_chunks * height, first = chunk / row_chunks * wide;
    const Index rows = std::min(height, s.m - row);
    // Rows that lie a multiple of 1 KiB apart fall into the same few sets of the first-level cache: copied closer.
    const bool copy = !s.transpose_a && s.lda * static_cast<Index>(sizeof(T)) % 1024 == 0;
    const Index pitch = std::min(kBlockK, s.k) + static_cast<Index>(64 / sizeof(T));
    T* block = copy ? workspace<BlockOfA, T>(rows * pitch) : nullptr;
    TileArgs<T> t{};
    t.a_row = s.transpose_a ? 1 : copy ? pitch : s.lda;
    t.a_k = s.transpose_a ? s.lda : 1;
    t.ldc = s.ldc;
    for (Index k0 = 0; k0 < s.k; k0 += kBlockK) {
      t.k = std::min(kBlockK, s.k - k0);
      if (copy)
        for (Index i = 0; i < rows; ++i) std::copy_n(s.a + (row + i) * s.lda + k0, t.k, block + i * pitch);
      t.a = copy ? block : s.a + row * t.a_row + k0 * t.a_k;
      t.accumulate = k0 > 0;
      const bool last = k0 + t.k == s.k;
      t.relu = last && s.relu;
      for (Index p = first; p < std::min(first + wide, panels); ++p) {
        const bool direct = p < first_packed;
        t.b_k = direct ? s.ldb : width;
        t.b = direct ? s.b + k0 * s.ldb + p * width : packed + ((p - first_packed) * s.k + k0) * width;
        t.c = s.c + row * s.ldc + p * width;
        t.bias = last && s.bias ? s.bias + p * width : nullptr;
        t.columns = std::min(width, s.n - p * width);
        tile_rows(t, rows);
      }
    }
  });
}

void GemmFloat(const GemmArgs<float>& s) { gemm(s); }
void GemmDouble(const GemmArgs<double>& s) { gemm(s); }

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {

// C where there is nothing to sum.
template <class T>
void fill_from_bias(Index m, Index n, T* c, Index ldc, const T* bias, bool relu) {
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      const T value = bias ? bias[j] : T{0};
      c[i * ldc + j] = relu && value < 0 ? T{0} : value;
    }
}

}  // namespace

HWY_EXPORT(GemmFloat);
HWY_EXPORT(GemmDouble);

template <>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const float* a, Index lda, const float* b,
          Index ldb, float* c, Index ldc, const float* bias, bool relu) {
  if (m == 0 || n == 0 || k == 0) return fill_from_bias(m, n, c, ldc, bias, relu);
  LAMINA_DISPATCH(GemmFloat)(GemmArgs<float>{transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, bias, relu});
}
template <>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const double* a, Index lda, const double* b,
          Index ldb, double* c, Index ldc, const double* bias, bool relu) {
  if (m == 0 || n == 0 || k == 0) return fill_from_bias(m, n, c, ldc, bias, relu);
  LAMINA_DISPATCH(GemmDouble)(GemmArgs<double>{transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, bias, relu});
}

}  // namespace lamina::kernels
#endif
