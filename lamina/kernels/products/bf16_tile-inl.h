// The inner loop of products of bfloat16: one tile of C, held in registers while sums of pairs run over k.
// Included by kernel sources; empty but for the instruction set that the instructions belong to.
#if defined(LAMINA_KERNELS_PRODUCTS_BF16_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_PRODUCTS_BF16_TILE_INL_H_
#undef LAMINA_KERNELS_PRODUCTS_BF16_TILE_INL_H_
#else
#define LAMINA_KERNELS_PRODUCTS_BF16_TILE_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "hwy/highway.h"
#include "lamina/kernels/products/bf16.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Pair = std::uint32_t;  // two bfloat16, the first in the lower half

inline constexpr Index kPairLanes = 16;  // of a vector
inline constexpr int kMaxTileQuads = 6;

// sum += the products of b's pairs with the pair at a.
HWY_INLINE void add_products(__m512& sum, __m512i b, const char* a) {
  using Unaligned [[gnu::may_alias, gnu::aligned(1)]] = Pair;
  asm("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(b), "m"(*reinterpret_cast<const Unaligned*>(a)));
}
HWY_INLINE void add_products(__m512& sum, __m512i b, __m512i a) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(b), "v"(a));
}

// C (rows, columns) = [C +] sum over images n, runs r and pairs k of A_nr(i, k) B_nr(k, j) [+ bias_j]
// [then max(0, .)], where A_nr(i, k) is the pair of bfloat16 at a[i / 4] + (i % 4) a_row + n a_image + r a_step + k a_k
// and B_nr(k, j) the pair b[n b_image + r b_step + k b_k + j]; row i of C begins at c[i / 4] + (i % 4) ldc.
// Rows stand in fours so that those of several images or image rows fill one tile.
struct PairTile {
  const std::uint16_t* a[kMaxTileQuads];
  float* c[kMaxTileQuads];
  const Pair* b;
  const float* bias = nullptr;  // of the tile's columns
  Index k;                      // pairs a run
  bool odd = false;             // the last pair of each run counts by its first half alone
  Index a_row, a_k, b_k, ldc;   // of A in bfloat16
  Index runs = 1, a_step = 0, b_step = 0;
  Index images = 1, a_image = 0, b_image = 0;
  Index columns;  // of C to write, at most kVectors * 16; B is readable up to the next whole vector
  bool accumulate = false, relu = false;

  // All rows follow one another from here on.
  void set_rows(const std::uint16_t* first_a, float* first_c) {
    for (int g = 0; g < kMaxTileQuads; ++g) {
      a[g] = first_a + 4 * g * a_row;
      c[g] = first_c + 4 * g * ldc;
    }
  }
};

template <int kRows, int kVectors>
HWY_NOINLINE void pair_tile(const PairTile& s) {
  constexpr int kQuads = (kRows + 3) / 4;
  const hn::ScalableTag<float> d;
  const Index row = 2 * s.a_row, row3 = 3 * row, a_k = 2 * s.a_k;  // bytes
  __m512 sum[kRows][kVectors];
#pragma GCC unroll 24
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) sum[i][v] = _mm512_setzero_ps();

  const Index steps = s.k - (s.odd ? 1 : 0);
  for (Index n = 0; n < s.images; ++n)
    for (Index r = 0; r < s.runs; ++r) {
      const char* base[kQuads];
#pragma GCC unroll 6
      for (int g = 0; g < kQuads; ++g) base[g] = reinterpret_cast<const char*>(s.a[g] + n * s.a_image + r * s.a_step);
      const Pair* b = s.b + n * s.b_image + r * s.b_step;
      __m512i bv[kVectors];
      for (Index k = 0; k < steps; ++k) {
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) bv[v] = _mm512_loadu_si512(b + v * kPairLanes);
        b += s.b_k;
#pragma GCC unroll 24
        for (int i = 0; i < kRows; ++i) {
          const char* a = base[i / 4] + (i % 4 == 3 ? row3 : i % 4 * row);
#pragma GCC unroll 2
          for (int v = 0; v < kVectors; ++v) add_products(sum[i][v], bv[v], a);
        }
#pragma GCC unroll 6
        for (int g = 0; g < kQuads; ++g) base[g] += a_k;
      }
      if (s.odd) {
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) bv[v] = _mm512_loadu_si512(b + v * kPairLanes);
#pragma GCC unroll 24
        for (int i = 0; i < kRows; ++i) {
          std::uint16_t first;
          std::memcpy(&first, base[i / 4] + i % 4 * row, sizeof first);
          const __m512i a = _mm512_set1_epi32(first);
#pragma GCC unroll 2
          for (int v = 0; v < kVectors; ++v) add_products(sum[i][v], bv[v], a);
        }
      }
    }

#pragma GCC unroll 2
  for (int v = 0; v < kVectors; ++v) {
    const Index columns = std::clamp<Index>(s.columns - v * kPairLanes, 0, kPairLanes);
    const auto mask = static_cast<__mmask16>((1u << columns) - 1);
    const __m512 bias = s.bias ? _mm512_maskz_loadu_ps(mask, s.bias + v * kPairLanes) : _mm512_setzero_ps();
#pragma GCC unroll 24
    for (int i = 0; i < kRows; ++i) {
      float* to = s.c[i / 4] + i % 4 * s.ldc + v * kPairLanes;
      __m512 value = sum[i][v];
      if (s.accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, to));
      if (s.bias) value = _mm512_add_ps(value, bias);
      if (s.relu) value = _mm512_max_ps(_mm512_setzero_ps(), value);  // NaN stays NaN: the second operand's
      _mm512_mask_storeu_ps(to, mask, value);
    }
  }
}

template <int kVectors, std::size_t... kRows>
HWY_INLINE void pair_tile_of(const PairTile& s, Index rows, std::index_sequence<kRows...>) {
  static constexpr void (*kTiles[])(const PairTile&) = {pair_tile<kRows + 1, kVectors>...};
  kTiles[rows - 1](s);
}

// 1 .. 24 rows of up to one vector of columns, 1 .. 12 of up to two.
HWY_INLINE void pair_tile(const PairTile& s, Index rows) {
  if (s.columns <= kPairLanes)
    pair_tile_of<1>(s, rows, std::make_index_sequence<24>());
  else
    pair_tile_of<2>(s, rows, std::make_index_sequence<12>());
}

// One output row of several images: pixel j of image n reads at a + n a_image + j t.a_row, its sums go to
// c + n c_image + j t.ldc. The last four of a row's pixels may overlap those before them: they are computed twice.
HWY_INLINE void pixels_of_images(PairTile& t, Index images, Index pixels, const std::uint16_t* a, Index a_image,
                                 float* c, Index c_image) {
  if (pixels == 0) return;
  if (pixels < 4) {
    for (Index n = 0; n < images; ++n) {
      t.a[0] = a + n * a_image;
      t.c[0] = c + n * c_image;
      pair_tile(t, pixels);
    }
    return;
  }
  const Index most = t.columns <= kPairLanes ? 6 : 3;
  Index left = images * ((pixels + 3) / 4), n = 0, j = 0;
  while (left > 0) {
    const Index quads = left >= most ? most : left == 4 ? 2 : std::min<Index>(left, 3);
    for (Index g = 0; g < quads; ++g) {
      const Index from = std::min(j, pixels - 4);
      t.a[g] = a + n * a_image + from * t.a_row;
      t.c[g] = c + n * c_image + from * t.ldc;
      j += 4;
      if (j >= pixels) {
        j = 0;
        ++n;
      }
    }
    pair_tile(t, 4 * quads);
    left -= quads;
  }
}

HWY_INLINE __m256i rounded(__m512 x) {
  __m256i v;
  asm("vcvtneps2bf16 %1, %0" : "=v"(v) : "v"(x));
  return v;
}

// The pairs of x's and y's lanes.
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

// to[i] = the pair of x[i] and y[i], rounded; y null: of x[i] and 0.
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
