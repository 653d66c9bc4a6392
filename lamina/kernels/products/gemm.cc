#include "lamina/kernels/products/gemm.h"

#include <algorithm>

#include "lamina/kernels/amx/amx.h"
#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/machine/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/products/gemm.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/products/thin-inl.h"
#include "lamina/kernels/products/tile-inl.h"
#include "lamina/kernels/products/two_halves-inl.h"

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
  bool alone = false;  // on one thread
};

struct PackedA {};
struct PackedB {};
struct OwnB {};
struct BlockOfA {};
struct PackedThin {};
struct OtherHalf {};

constexpr Index kBlockK = 128;                  // of B a block of so many rows stays in the first-level cache
constexpr Index kSmall = 1 << 18;               // multiply-adds below which one thread is quicker
constexpr Index kFewRows = 128;                 // of A, where they all stay in the second-level cache
constexpr Index kLongSum = 256;                 // for sums of so many, vectors along k are worth adding up their lanes
constexpr Index kMostOfOwnB = 1 << 19;          // numbers of B that each thread may pack for itself alone
constexpr Index kRowsOfPack = 1024;             // of the last few columns of B
constexpr Index kRowsOfChunk[] = {96, 48, 24};  // multiples of every tile's rows

template <class T, class Body>
void for_each_chunk(const GemmArgs<T>& s, Index chunks, Body&& body) {
  if (s.m * s.n * s.k < kSmall)
    for (Index i = 0; i < chunks; ++i) body(i);
  else
    parallel_for(chunks, body);
}

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
// The transpose of 4 rows of 4, `pitch` apart, as rows `to_pitch` apart.
HWY_INLINE void transpose_4x4(const float* from, Index pitch, float* to, Index to_pitch) {
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<double, 2> pairs;
  const auto r0 = hn::LoadU(d, from), r1 = hn::LoadU(d, from + pitch);
  const auto r2 = hn::LoadU(d, from + 2 * pitch), r3 = hn::LoadU(d, from + 3 * pitch);
  const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, r0, r1));
  const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, r0, r1));
  const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, r2, r3));
  const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, r2, r3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, to + to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, to + 2 * to_pitch);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, to + 3 * to_pitch);
}
#endif

// The transpose of `rows` rows of `columns` elements, `pitch` apart, as rows `to_pitch` apart.
template <class T>
HWY_INLINE void transpose(const T* from, Index rows, Index columns, Index pitch, T* to, Index to_pitch) {
  Index whole_rows = 0, whole_columns = 0;
#if HWY_TARGET != HWY_SCALAR
  if constexpr (sizeof(T) == sizeof(float)) {
    whole_rows = rows / 4 * 4;
    whole_columns = columns / 4 * 4;
    for (Index j = 0; j < whole_columns; j += 4)  // reads run along the rows
      for (Index i = 0; i < whole_rows; i += 4)
        transpose_4x4(from + i * pitch + j, pitch, to + j * to_pitch + i, to_pitch);
  }
#endif
  for (Index i = 0; i < rows; ++i)
    for (Index j = i < whole_rows ? whole_columns : 0; j < columns; ++j) to[j * to_pitch + i] = from[i * pitch + j];
}

// The panel of op(B) from column `first`, (k, width), with zeros behind column n: rows of `width` elements one after
// the other.
template <class T>
HWY_INLINE void pack_b(const GemmArgs<T>& s, Index first, Index width, T* panel) {
  const Index columns = std::min(width, s.n - first);
  if (s.transpose_b)
    transpose(s.b + first * s.ldb, columns, s.k, s.ldb, panel, width);
  else
    for (Index k = 0; k < s.k; ++k) std::copy_n(s.b + k * s.ldb + first, columns, panel + k * width);
  if (columns < width && !kMaskedLoads)
    for (Index k = 0; k < s.k; ++k) std::fill_n(panel + k * width + columns, width - columns, T{0});
}

// Rows `first` to `end` of the last `columns` of B, as thin-inl.h wants them: with A transposed rows of
// kThinColumns, else columns `pitch` apart; zeros fill both up.
template <class T>
HWY_INLINE void pack_thin(const GemmArgs<T>& s, Index first, Index end, Index columns, Index pitch, T* packed) {
  constexpr Index kColumns = kThinColumns<T>;
  const Index step_k = s.transpose_a ? kColumns : 1, step_j = s.transpose_a ? 1 : pitch;
  const Index b_k = s.transpose_b ? 1 : s.ldb, b_j = s.transpose_b ? s.ldb : 1;
  const T* b = s.b + (s.n - columns) * b_j;
  for (Index k = first; k < end; ++k)
    for (Index j = 0; j < kColumns; ++j)
      packed[k * step_k + j * step_j] = k < s.k && j < columns ? b[k * b_k + j * b_j] : T{0};
}

template <class T>
HWY_NOINLINE void gemm(const GemmArgs<T>& s) {
  const Index width = wide_tile_columns<T>();
  // Columns behind the last whole vector, where they are few.
  const Index over = s.n % static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
  const Index thin = kThin && over <= kThinColumns<T> && over < s.n && (s.transpose_a || s.k >= kLongSum) ? over : 0;
  const Index n = s.n - thin;
  const Index panels = (n + width - 1) / width;
  // How rows and columns are shared out changes no sum, so it may follow the number of threads: where each gets enough
  // rows, one chunk a thread, else several, and panels on their own too where there are few rows.
  const Index threads = num_threads();
  const Index share = (s.m + threads - 1) / threads;
  Index height = kRowsOfChunk[0];
  for (Index candidate : kRowsOfChunk)
    if (s.m / height < 4) height = candidate;
  const bool shared = share >= kRowsOfChunk[2] && share <= kFewRows;
  if (shared) height = (share + 3) / 4 * 4;
  // Panels of B are read where they lie, but for the last columns where reads cannot be masked.
  const Index first_packed = s.transpose_b ? 0 : kMaskedLoads ? panels : n / width;
  // Where a panel serves all rows of a thread at once, who computes with it packs it: between cores it would take
  // longer to travel.
  const bool packs_own = s.transpose_b && (s.m <= kFewRows || (shared && !works_alone() && s.k * s.n <= kMostOfOwnB));
  T* packed =
      panels > first_packed && !packs_own ? workspace<PackedB, T>((panels - first_packed) * s.k * width) : nullptr;
  const auto for_each = [&s](Index chunks, auto&& body) { for_each_chunk(s, chunks, body); };
  for_each(packs_own ? 0 : panels - first_packed,
           [&](Index p) HWY_ATTR { pack_b(s, (first_packed + p) * width, width, packed + p * s.k * width); });
  ThinArgs<T> rest{};
  if (thin > 0) {
    const Index pitch = (s.k + kBlockK - 1) / kBlockK * kBlockK;
    T* b = workspace<PackedThin, T>(kThinColumns<T> * pitch);
    for_each((pitch + kRowsOfPack - 1) / kRowsOfPack, [&](Index chunk) HWY_ATTR {
      pack_thin(s, chunk * kRowsOfPack, std::min(pitch, (chunk + 1) * kRowsOfPack), thin, pitch, b);
    });
    rest.b = b;
    rest.b_pitch = pitch;
    rest.ldc = s.ldc;
    rest.columns = thin;
  }

  const bool together = s.m <= kFewRows && (panels >= 16 || packs_own || (s.alone && panels >= 8));  // B is read once
  if (together) height = s.m;
  const Index row_chunks = (s.m + height - 1) / height;
  const Index wide = s.alone || (!together && (shared || row_chunks >= 4))  // panels a chunk
                         ? panels
                         : std::max<Index>(1, panels * row_chunks / (2 * threads));
  const Index column_chunks = (panels + wide - 1) / wide;

  // Rows that lie a multiple of 1 KiB apart fall into the same few sets of the first-level cache: copied closer, unless
  // a set has room for a tile's rows of A and some lines of B.
  const Index line = static_cast<Index>(64 / sizeof(T));
  const T* all_a = s.a;
  Index lda_all = s.lda;
  bool conflicts =
      (s.transpose_a || detail::cache_ways < kWideTileRows + 4) && s.lda * static_cast<Index>(sizeof(T)) % 1024 == 0;
  if (conflicts && !s.transpose_a && column_chunks > 1) {  // once for all chunks
    lda_all = s.k + line;
    T* copy = workspace<PackedA, T>(s.m * lda_all);
    for_each((s.m + 3) / 4, [&](Index chunk) HWY_ATTR {
      for (Index i = 4 * chunk; i < std::min(4 * chunk + 4, s.m); ++i)
        std::copy_n(s.a + i * s.lda, s.k, copy + i * lda_all);
    });
    all_a = copy;
    conflicts = false;
  }
  for_each(row_chunks * column_chunks, [&](Index chunk) HWY_ATTR {
    const Index row = chunk % row_chunks * height, first = chunk / row_chunks * wide;
    const Index rows = std::min(height, s.m - row), end = std::min(first + wide, panels);
    T* own = packs_own ? workspace<OwnB, T>((end - first) * s.k * width) : nullptr;
    for (Index p = first; packs_own && p < end; ++p) pack_b(s, p * width, width, own + (p - first) * s.k * width);
    const bool ends = thin > 0 && end == panels;  // the chunk does the last few columns too
    // A transposed block is worth its copy where it is read more than once.
    const bool copy = conflicts && (!s.transpose_a || panels > 1);
    const Index block_k = std::min(kBlockK, s.k);
    const Index pitch = s.transpose_a ? (rows + line - 1) / line * line : block_k + line;
    const Index lda = copy ? pitch : lda_all;
    T* block = copy ? workspace<BlockOfA, T>((s.transpose_a ? block_k : rows) * pitch) : nullptr;
    TileArgs<T> t{};
    t.a_row = s.transpose_a ? 1 : lda;
    t.a_k = s.transpose_a ? lda : 1;
    t.ldc = s.ldc;
    for (Index k0 = 0; k0 < s.k; k0 += kBlockK) {
      t.k = std::min(kBlockK, s.k - k0);
      const T* a = all_a + (s.transpose_a ? k0 * lda_all + row : row * lda_all + k0);
      if (copy)
        for (Index i = 0; i < (s.transpose_a ? t.k : rows); ++i)
          std::copy_n(a + i * lda_all, s.transpose_a ? rows : t.k, block + i * pitch);
      t.a = copy ? block : a;
      t.accumulate = k0 > 0;
      const bool last = k0 + t.k == s.k;
      t.relu = last && s.relu;
      for (Index p = first; p < end; ++p) {
        const bool direct = p < first_packed;
        t.b_k = direct ? s.ldb : width;
        t.b = direct      ? s.b + k0 * s.ldb + p * width
              : packs_own ? own + ((p - first) * s.k + k0) * width
                          : packed + ((p - first_packed) * s.k + k0) * width;
        t.c = s.c + row * s.ldc + p * width;
        // The block that comes next: the panel behind this, or the rows behind these of the first panel.
        t.ahead = !direct ? 0 : p + 1 < end ? width : (t.k == kBlockK ? kBlockK * s.ldb : 0) - (p - first) * width;
        t.bias = last && s.bias ? s.bias + p * width : nullptr;
        t.columns = std::min(width, n - p * width);
        wide_tile_rows(t, rows);
      }
      if (s.transpose_a && ends) {
        ThinArgs<T> u = rest;
        u.a = t.a;
        u.lda = lda;
        u.b += k0 * kThinColumns<T>;
        u.c = s.c + row * s.ldc + n;
        u.k = t.k;
        u.bias = last && s.bias ? s.bias + n : nullptr;
        u.accumulate = t.accumulate;
        u.relu = t.relu;
        add_columns(u, rows);
      }
    }
    if (!s.transpose_a && ends) {
      ThinArgs<T> u = rest;
      u.a = all_a + row * lda_all;
      u.lda = lda_all;
      u.c = s.c + row * s.ldc + n;
      u.k = s.k;
      u.bias = s.bias ? s.bias + n : nullptr;
      u.relu = s.relu;
      dot_rows(u, rows);
    }
  });
}

// A long sum is made in two halves, each by other threads: so the rows of B, which are a layer's weights, stay in the
// cache of the core that makes their gradient and updates them.
template <class T>
HWY_INLINE void gemm_in_halves(const GemmArgs<T>& s) {
  const Index half = (s.k / 2 + kBlockK - 1) / kBlockK * kBlockK;
  const Index share = 2 * s.m / num_threads();
  const Index height = std::clamp((share + 3) / 4 * 4, kRowsOfChunk[2], kFewRows);
  const Index groups = (s.m + height - 1) / height;
  T* other = workspace<OtherHalf, T>(s.m * s.n);
  for_each_chunk(s, 2 * groups, [&](Index chunk) HWY_ATTR {
    const Index row = chunk % groups * height, k0 = chunk < groups ? 0 : half;
    GemmArgs<T> u = s;
    u.m = std::min(height, s.m - row);
    u.k = k0 == 0 ? half : s.k - half;
    u.a += row * s.lda + k0;
    u.b += s.transpose_b ? k0 : k0 * s.ldb;
    u.c = k0 == 0 ? s.c + row * s.ldc : other + row * s.n;
    u.ldc = k0 == 0 ? s.ldc : s.n;
    u.bias = nullptr;
    u.relu = false;
    u.alone = true;
    gemm(u);
  });
  for_each_chunk(s, groups, [&](Index group) HWY_ATTR {
    const Index row = group * height;
    add_other_half(std::min(height, s.m - row), s.n, s.c + row * s.ldc, s.ldc, other + row * s.n, s.bias, s.relu);
  });
}

template <class T>
HWY_INLINE void gemm_of_any_size(const GemmArgs<T>& s) {
  if (!s.transpose_a && s.k >= kSumInHalves)
    gemm_in_halves(s);
  else
    gemm(s);
}

void GemmFloat(const GemmArgs<float>& s) { gemm_of_any_size(s); }
void GemmDouble(const GemmArgs<double>& s) { gemm_of_any_size(s); }

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
  if (amx_suits(m, n, k) && gemm_amx({transpose_a, transpose_b, m, n, k, a, lda, b, ldb, c, ldc, bias, relu})) return;
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
