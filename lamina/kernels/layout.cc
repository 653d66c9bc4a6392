#include "lamina/kernels/layout.h"

#include <algorithm>
#include <type_traits>

#include "lamina/kernels/machine/parallel.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/layout.cc"
#include "lamina/kernels/machine/simd.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
// Blocks of a 128-bit vector's lanes squared.
HWY_INLINE void transpose_block(const float* HWY_RESTRICT x, Index x_step, float* HWY_RESTRICT out, Index out_step) {
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<double, 2> d2;
  const auto a = hn::LoadU(d, x), b = hn::LoadU(d, x + x_step);
  const auto e = hn::LoadU(d, x + 2 * x_step), f = hn::LoadU(d, x + 3 * x_step);
  const auto ab_low = hn::BitCast(d2, hn::InterleaveLower(d, a, b)),
             ef_low = hn::BitCast(d2, hn::InterleaveLower(d, e, f));
  const auto ab_up = hn::BitCast(d2, hn::InterleaveUpper(d, a, b)),
             ef_up = hn::BitCast(d2, hn::InterleaveUpper(d, e, f));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d2, ab_low, ef_low)), d, out);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d2, ab_low, ef_low)), d, out + out_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d2, ab_up, ef_up)), d, out + 2 * out_step);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d2, ab_up, ef_up)), d, out + 3 * out_step);
}
HWY_INLINE void transpose_block(const double* HWY_RESTRICT x, Index x_step, double* HWY_RESTRICT out, Index out_step) {
  const hn::FixedTag<double, 2> d;
  const auto a = hn::LoadU(d, x), b = hn::LoadU(d, x + x_step);
  hn::StoreU(hn::InterleaveLower(d, a, b), d, out);
  hn::StoreU(hn::InterleaveUpper(d, a, b), d, out + out_step);
}
template <class T>
constexpr Index block_side() {
  return static_cast<Index>(16 / sizeof(T));
}
#else
template <class T>
HWY_INLINE void transpose_block(const T* x, Index, T* out, Index) {
  *out = *x;
}
template <class T>
constexpr Index block_side() {
  return 1;
}
#endif

// Three planes to three channels a pixel and back: the images that nets start from.
template <class T>
Index interleave_3(Index columns, const T* HWY_RESTRICT x, Index x_step, T* HWY_RESTRICT out) {
  const hn::ScalableTag<T> d;
  const Index lanes = static_cast<Index>(hn::Lanes(d));
  Index j = 0;
  for (; j + lanes <= columns; j += lanes)
    hn::StoreInterleaved3(hn::LoadU(d, x + j), hn::LoadU(d, x + x_step + j), hn::LoadU(d, x + 2 * x_step + j), d,
                          out + 3 * j);
  return j;
}

// Columns [first, last) of one matrix.
template <class T>
void transpose_columns(Index rows, Index columns, const T* HWY_RESTRICT x, T* HWY_RESTRICT out, Index first,
                       Index last) {
  constexpr Index side = block_side<T>();
  constexpr Index tile = 32;  // a tile of columns stays in the first-level cache while its rows pass
  Index j0 = first;
  if (rows == 3) j0 += interleave_3(last - first, x + first, columns, out + 3 * first);
  for (; j0 < last; j0 += tile) {
    const Index j1 = std::min(last, j0 + tile);
    Index i = 0;
    for (; i + side <= rows; i += side) {
      Index j = j0;
      for (; j + side <= j1; j += side) transpose_block(x + i * columns + j, columns, out + j * rows + i, rows);
      for (; j < j1; ++j)
        for (Index k = i; k < i + side; ++k) out[j * rows + k] = x[k * columns + j];
    }
    for (; i < rows; ++i)
      for (Index j = j0; j < j1; ++j) out[j * rows + i] = x[i * columns + j];
  }
}

void TransposeFloat(Index rows, Index columns, const float* x, float* out, Index first, Index last) {
  transpose_columns(rows, columns, x, out, first, last);
}
void TransposeDouble(Index rows, Index columns, const double* x, double* out, Index first, Index last) {
  transpose_columns(rows, columns, x, out, first, last);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
namespace {
HWY_EXPORT(TransposeFloat);
HWY_EXPORT(TransposeDouble);
}  // namespace

template <class T>
void transpose(Index count, Index rows, Index columns, const T* x, T* out) {
  const Index size = rows * columns;
  if (count * size == 0) return;
  const auto run = [] {
    if constexpr (std::is_same_v<T, float>)
      return LAMINA_DISPATCH(TransposeFloat);
    else
      return LAMINA_DISPATCH(TransposeDouble);
  }();
  // A chunk is some whole matrices, or a band of columns of a large one.
  constexpr Index kWork = 1 << 15;
  const Index matrices = std::max<Index>(1, kWork / size);
  const Index band = std::min(columns, std::max<Index>(64, kWork / rows / 64 * 64));
  const Index bands = matrices > 1 ? 1 : (columns + band - 1) / band;
  parallel_for((count + matrices - 1) / matrices * bands, [&](Index chunk) {
    const Index first = chunk / bands * matrices, last = std::min(count, first + matrices);
    const Index j0 = bands == 1 ? 0 : chunk % bands * band, j1 = bands == 1 ? columns : std::min(columns, j0 + band);
    for (Index m = first; m < last; ++m) run(rows, columns, x + m * size, out + m * size, j0, j1);
  });
}

template <class T>
void copy_columns(Index rows, Index columns, const T* from, Index from_pitch, T* to, Index to_pitch) {
  constexpr Index kWork = 1 << 15;
  const Index height = std::max<Index>(1, kWork / std::max<Index>(1, columns));
  parallel_for((rows + height - 1) / height, [&](Index chunk) {
    const Index end = std::min(rows, (chunk + 1) * height);
    for (Index row = chunk * height; row < end; ++row)
      std::copy_n(from + row * from_pitch, columns, to + row * to_pitch);
  });
}

template void copy_columns(Index, Index, const float*, Index, float*, Index);
template void copy_columns(Index, Index, const double*, Index, double*, Index);
template void transpose(Index, Index, Index, const float*, float*);
template void transpose(Index, Index, Index, const double*, double*);

}  // namespace lamina::kernels
#endif
