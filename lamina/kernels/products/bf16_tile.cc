// The bfloat16 micro-kernel, in a source file of its own because products and convolutions share it and it takes long
// to compile.
#include <algorithm>
#include <cstring>
#include <utility>

#define LAMINA_AVX512_ALONE
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/products/bf16_tile.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/products/bf16_tile-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

// sum += the dot product of each pair of b with the pair at a.
HWY_INLINE void add_products(__m512& sum, __m512i b, const char* a) {
  using Unaligned [[gnu::may_alias, gnu::aligned(1)]] = Pair;
  asm("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(b), "m"(*reinterpret_cast<const Unaligned*>(a)));
}
HWY_INLINE void add_products(__m512& sum, __m512i b, __m512i a) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(b), "v"(a));
}

// A tile of kRows rows and kVectors vectors of columns.
template <int kRows, int kVectors>
HWY_NOINLINE void tile(const PairTile& s) {
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

// Calls the instance of tile() for `rows` rows, from a table.
template <int kVectors, std::size_t... kRows>
HWY_INLINE void tile_of(const PairTile& s, Index rows, std::index_sequence<kRows...>) {
  static constexpr void (*kTiles[])(const PairTile&) = {tile<kRows + 1, kVectors>...};
  kTiles[rows - 1](s);
}

}  // namespace

void pair_tile(const PairTile& s, Index rows) {
  if (s.columns <= kPairLanes)
    tile_of<1>(s, rows, std::make_index_sequence<24>());
  else
    tile_of<2>(s, rows, std::make_index_sequence<12>());
}

void pixels_of_images(PairTile& t, Index images, Index pixels, const std::uint16_t* a, Index a_image, float* c,
                      Index c_image) {
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

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
