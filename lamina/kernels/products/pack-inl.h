// Packing: copying panels of op(B) so that their rows are contiguous. Compiled once for each instruction set.
#if defined(LAMINA_KERNELS_PRODUCTS_PACK_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_PRODUCTS_PACK_INL_H_
#undef LAMINA_KERNELS_PRODUCTS_PACK_INL_H_
#else
#define LAMINA_KERNELS_PRODUCTS_PACK_INL_H_
#endif

#include <algorithm>

#include "lamina/kernels/machine/transpose-inl.h"
#include "lamina/kernels/products/product.h"
#include "lamina/kernels/products/thin-inl.h"
#include "lamina/kernels/products/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

// Transposes a matrix (rows, columns) whose rows are `pitch` elements apart; those of the result are `to_pitch` apart.
template <class T>
HWY_INLINE void transpose(const T* from, Index rows, Index columns, Index pitch, T* to, Index to_pitch) {
  constexpr Index kSide = kBlockSide<T>;
  const Index whole_rows = rows / kSide * kSide, whole_columns = columns / kSide * kSide;
  for (Index j = 0; j < whole_columns; j += kSide)
    for (Index i = 0; i < whole_rows; i += kSide)
      transpose_block(from + i * pitch + j, pitch, to + j * to_pitch + i, to_pitch);
  for (Index i = 0; i < rows; ++i)
    for (Index j = i < whole_rows ? whole_columns : 0; j < columns; ++j) to[j * to_pitch + i] = from[i * pitch + j];
}

// Packs the panel (k, width) of op(B) from column `first` on. Columns from n on are zeros, unless loads are masked.
template <class T>
HWY_INLINE void pack_panel(const Product<T>& s, Index first, Index width, T* panel) {
  const Index columns = std::min(width, s.n - first);
  if (s.transpose_b)
    transpose(s.b + first * s.ldb, columns, s.k, s.ldb, panel, width);
  else
    for (Index k = 0; k < s.k; ++k) std::copy_n(s.b + k * s.ldb + first, columns, panel + k * width);
  if (columns < width && !kMaskedLoads)
    for (Index k = 0; k < s.k; ++k) std::fill_n(panel + k * width + columns, width - columns, T{0});
}

// Packs `rows` rows from `first` on of the last `columns` columns of op(B) for the kernel in thin-inl.h: as rows of
// kThinColumns<T> elements if A is transposed, else as columns that are `pitch` apart. The rest is filled with zeros.
template <class T>
HWY_INLINE void pack_thin(const Product<T>& s, Index first, Index rows, Index columns, Index pitch, T* packed) {
  constexpr Index kColumns = kThinColumns<T>;
  const Index step_k = s.transpose_a ? kColumns : 1, step_j = s.transpose_a ? 1 : pitch;
  const Index b_k = s.transpose_b ? 1 : s.ldb, b_j = s.transpose_b ? s.ldb : 1;
  const T* b = s.b + (s.n - columns) * b_j;
  for (Index k = first; k < first + rows; ++k)
    for (Index j = 0; j < kColumns; ++j)
      packed[k * step_k + j * step_j] = k < s.k && j < columns ? b[k * b_k + j * b_j] : T{0};
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_KERNELS_PRODUCTS_PACK_INL_H_
