#include "lamina/kernels/layout.h"

#include <algorithm>

#include "lamina/kernels/machine/chunks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/layout.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/machine/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Interleaves three planes to three channels per pixel, for the images that enter a net. Returns how many columns it
// did.
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

// Columns first to last - 1 of one matrix.
template <class T>
void transpose_columns(Index rows, Index columns, const T* HWY_RESTRICT x, T* HWY_RESTRICT out, Index first,
                       Index last) {
  constexpr Index side = kBlockSide<T>;
  constexpr Index tile = 32;  // columns whose output stays in the L1 cache while the loop runs over the rows
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

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

template <class T>
void transpose(Index count, Index rows, Index columns, const T* x, T* out) {
  const Index size = rows * columns;
  if (count * size == 0) return;
  const auto kernel = LAMINA_DISPATCH(transpose_columns<T>);
  // A chunk is several whole matrices, or a band of columns of a large one.
  constexpr Index kElements = 1 << 15;
  const Chunks matrices = Chunks::about(kElements, count, size);
  const Index band = matrices.size > 1 ? columns : std::max<Index>(64, kElements / rows / 64 * 64);
  for_grid(Chunks{columns, band}, matrices, [=](Index first_column, Index length, Index first, Index some) {
    for (Index m = first; m < first + some; ++m)
      kernel(rows, columns, x + m * size, out + m * size, first_column, first_column + length);
  });
}

template <class T>
void copy_columns(Index rows, Index columns, const T* from, Index from_pitch, T* to, Index to_pitch) {
  for_chunks(Chunks::about(1 << 15, rows, columns), [=](Index first, Index length) {
    for (Index row = first; row < first + length; ++row)
      std::copy_n(from + row * from_pitch, columns, to + row * to_pitch);
  });
}

LAMINA_FLOAT_AND_DOUBLE(transpose);
LAMINA_FLOAT_AND_DOUBLE(copy_columns);

}  // namespace lamina::kernels
#endif
