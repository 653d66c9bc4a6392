// The micro-kernel of matrix products and convolutions: a tile of C stays in registers while the loop runs over k.
// tile.cc defines what is declared here. Compiled once for each instruction set.
#if defined(LAMINA_KERNELS_PRODUCTS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_PRODUCTS_TILE_INL_H_
#undef LAMINA_KERNELS_PRODUCTS_TILE_INL_H_
#else
#define LAMINA_KERNELS_PRODUCTS_TILE_INL_H_
#endif

#include "hwy/highway.h"
#include "lamina/tensor.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What the micro-kernel computes: C (rows, columns) = [C +] sum over images n, runs r and k of A_nr(i, k) B_nr(k, j)
// [+ bias_j] [then max(0, .)], where A_nr(i, k) = a[n a_image + r a_step + i a_row + k a_k] and
// B_nr(k, j) = b[n b_image + r b_step + k b_k + j].
//
// A matrix product is one run. A convolution has one run for each filter row, because the elements (filter column,
// channel) of a filter row are contiguous, both in channels-last images and in packed filters. The gradient of filters
// has one run for each output row, over several images.
template <class T>
struct TileArgs {
  const T* a;
  const T* b;
  T* c;
  const T* bias = nullptr;  // for the tile's columns
  Index k;
  Index a_row, a_k, b_k, ldc;
  Index runs = 1, a_step = 0, b_step = 0;
  Index images = 1, a_image = 0, b_image = 0;
  Index columns;            // of C. Unless kMaskedLoads, B must be readable to the end of the last vector
  bool accumulate = false;  // add to what C holds
  bool relu = false;
  // If not 0, tiles of full width prefetch into the L2 cache what lies `ahead` elements after each row of B that they
  // read. Ignored if a_row is 1.
  Index ahead = 0;
};

// The shape of a tile. kTileRows x kTileVectors accumulators, kTileVectors vectors of B and one broadcast element of A
// fill the vector registers: 32 on AVX-512 and NEON, 16 on the others.
inline constexpr bool kNeon = HWY_TARGET == HWY_NEON || HWY_TARGET == LAMINA_NEON_WITHOUT_AES;
inline constexpr int kTileRows = HWY_TARGET == HWY_AVX3 || kNeon ? 12 : 6;
inline constexpr int kTileVectors = 2;
// A wide tile has more vectors and fewer rows, so it reads fewer rows of A at a time. That matters if the rows of A map
// to a few sets of the cache. It needs 32 registers.
inline constexpr bool kWideTiles = HWY_TARGET == HWY_AVX3;
inline constexpr int kWideTileVectors = kWideTiles ? 3 : kTileVectors;
inline constexpr int kWideTileRows = kWideTiles ? 8 : kTileRows;
// Whether loads and stores can be masked, so that they touch nothing after the last column. Then the last panel of B
// needs no packing.
inline constexpr bool kMaskedLoads = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2;

// The width, in elements, of a tile and of a wide tile.
template <class T>
HWY_INLINE Index tile_columns() {
  return kTileVectors * static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
}
template <class T>
HWY_INLINE Index wide_tile_columns() {
  return kWideTileVectors * static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
}

// Computes `rows` rows of at most tile_columns<T>() columns, or wide_tile_columns<T>(), as tiles one below the other.
// Every element of C is summed in the order of images, runs and k, whatever tile it falls into. So results have the
// same bits however rows and columns are divided among calls.
template <class T>
void tile_rows(const TileArgs<T>& s, Index rows);
template <class T>
void wide_tile_rows(const TileArgs<T>& s, Index rows);

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
