// The bfloat16 micro-kernel, and rounding to pairs of bfloat16. A tile of C stays in registers while the loop runs over
// pairs along k. bf16_tile.cc defines what is declared here. It exists for AVX-512 only, and may be called only if
// has_bf16_products().
#if defined(LAMINA_KERNELS_PRODUCTS_BF16_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_PRODUCTS_BF16_TILE_INL_H_
#undef LAMINA_KERNELS_PRODUCTS_BF16_TILE_INL_H_
#else
#define LAMINA_KERNELS_PRODUCTS_BF16_TILE_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "lamina/kernels/products/bf16.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Pair = std::uint32_t;  // two bfloat16; the first is the lower half

inline constexpr int kMaxTileQuads = 6;

// What the micro-kernel computes: C (rows, columns) = [C +] sum over images n, runs r and pairs k of
// A_nr(i, k) B_nr(k, j) [+ bias_j] [then max(0, .)], where A_nr(i, k) is the pair of bfloat16 at
// a[i / 4] + (i % 4) a_row + n a_image + r a_step + k a_k, and B_nr(k, j) the pair
// b[n b_image + r b_step + k b_k + j]. Row i of C begins at c[i / 4] + (i % 4) ldc. Every four rows have pointers of
// their own, so that pixels of several images, or of several rows of an image, can fill one tile.
struct PairTile {
  const std::uint16_t* a[kMaxTileQuads];
  float* c[kMaxTileQuads];
  const Pair* b;
  const float* bias = nullptr;  // for the tile's columns
  Index k;                      // pairs of each run
  bool odd = false;             // the second half of each run's last pair is ignored
  Index a_row, a_k, b_k, ldc;   // A's strides count bfloat16
  Index runs = 1, a_step = 0, b_step = 0;
  Index images = 1, a_image = 0, b_image = 0;
  Index columns;  // of C. B must be readable to the end of the last vector
  bool accumulate = false, relu = false;

  // Sets the pointers of rows that are evenly spaced.
  void set_rows(const std::uint16_t* first_a, float* first_c) {
    for (int g = 0; g < kMaxTileQuads; ++g) {
      a[g] = first_a + 4 * g * a_row;
      c[g] = first_c + 4 * g * ldc;
    }
  }
};

// Computes one tile: 1 to 24 rows of at most kPairLanes columns, or 1 to 12 rows of at most twice as many.
void pair_tile(const PairTile& s, Index rows);

// Computes one output row of several images: pixel j of image n reads from a + n a_image + j t.a_row on and is stored
// at c + n c_image + j t.ldc. If a row's pixels are no multiple of four, its last four overlap those before, and some
// pixels are computed twice.
void pixels_of_images(PairTile& t, Index images, Index pixels, const std::uint16_t* a, Index a_image, float* c,
                      Index c_image);

HWY_INLINE __m256i rounded(__m512 x) {
  __m256i v;
  asm("vcvtneps2bf16 %1, %0" : "=v"(v) : "v"(x));
  return v;
}

// Rounds x and y and interleaves them: lane i becomes the pair (x[i], y[i]).
HWY_INLINE __m512i rounded_pairs(__m512 x, __m512 y) {
  alignas(64) static constexpr std::uint16_t kOrder[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                           21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                           11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  __m512i v;
  asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(v) : "v"(x), "v"(y));
  return _mm512_permutexvar_epi16(_mm512_load_si512(kOrder), v);
}

// to[i] = x[i] rounded to bfloat16.
HWY_INLINE void round_row(const float* x, Index n, std::uint16_t* to) {
  Index i = 0;
  for (; i + 16 <= n; i += 16) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), rounded(_mm512_loadu_ps(x + i)));
  if (i < n) {
    const auto mask = static_cast<__mmask16>((1u << (n - i)) - 1);
    _mm256_mask_storeu_epi16(to + i, mask, rounded(_mm512_maskz_loadu_ps(mask, x + i)));
  }
}

// to[i] = the pair (x[i], y[i]), rounded; (x[i], 0) where y is null.
HWY_INLINE void round_pairs(const float* x, const float* y, Index n, Pair* to) {
  for (Index i = 0; i < n; i += 16) {
    const auto mask = static_cast<__mmask16>(n - i >= 16 ? 0xffff : (1u << (n - i)) - 1);
    const __m512 first = _mm512_maskz_loadu_ps(mask, x + i);
    const __m512 second = y ? _mm512_maskz_loadu_ps(mask, y + i) : _mm512_setzero_ps();
    _mm512_mask_storeu_epi32(to + i, mask, rounded_pairs(first, second));
  }
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_AVX3

#endif  // LAMINA_KERNELS_PRODUCTS_BF16_TILE_INL_H_
