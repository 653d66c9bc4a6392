// The formats of transformed values: floats, or pairs of bfloat16. Compiled once for each instruction set.
#if defined(LAMINA_KERNELS_CONVOLUTION_WINOGRAD_FORMATS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_CONVOLUTION_WINOGRAD_FORMATS_INL_H_
#undef LAMINA_KERNELS_CONVOLUTION_WINOGRAD_FORMATS_INL_H_
#else
#define LAMINA_KERNELS_CONVOLUTION_WINOGRAD_FORMATS_INL_H_
#endif

#include "hwy/highway.h"
#include "lamina/kernels/convolution/winograd-inl.h"
#include "lamina/kernels/machine/vectors-inl.h"
#include "lamina/kernels/products/bf16_tile-inl.h"
#include "lamina/kernels/products/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;

HWY_INLINE Index float_lanes() { return static_cast<Index>(hn::Lanes(Floats())); }

// The product at one point, for `lines` lines of `places` places. Place j of line i is a row of A: k values from
// a[i a_line + j a_row] on, and k more for each further run, a_step apart. B is (k, columns) for each run, b_step
// apart. The result of place j of line i is stored at c[i c_line + j ldc].
template <class Single, class Joint>
struct ProductLines {
  const Single* a;
  const Joint* b;
  float* c;
  Index lines, a_line, c_line, places;
  Index k, a_row, runs, a_step, b_k, b_step, ldc, columns;
};

// C (rows, columns) = [C +] sum over images n, runs r and k of A_nr(k, i) B_nr(k, j), where A_nr(k, i) =
// a[n a_image + r a_step + k a_k + i] and B_nr(k, j) = b[n b_image + r b_step + k b_k + j].
template <class Joint>
struct SumsOverTiles {
  const Joint* a;
  const Joint* b;
  float* c;
  Index images, a_image, b_image, runs, a_step, b_step, k, a_k, b_k, rows, ldc, columns;
  bool accumulate;
};

// Floats, optionally rounded to bfloat16.
struct FloatFormat {
  using Single = float;                // one value of an input
  using Joint = float;                 // kTogether values that are summed over:
  static constexpr int kTogether = 1;  // channels of filters, or images for the filters' gradient
  bool rounded;

  template <class V>
  HWY_INLINE void put(V value, Single* to) const {
    hn::StoreU(rounded ? rounded_to_bf16(Floats(), value) : value, Floats(), to);
  }
  // Transforms the kTogether squares load(n, y, x) and stores their values at point p at at[p apart].
  template <int kIn, int kOut, class Line, class Load>
  HWY_INLINE void transform(Line line, Load load, Joint* at, Index apart) const {
    const auto format = *this;
    both_ways<kIn, kOut>(
        Floats(), line, [&](int y, int x) HWY_ATTR { return load(0, y, x); },
        [=](int y, int x, auto value) HWY_ATTR { format.put(value, at + (y * kOut + x) * apart); });
  }
  static HWY_INLINE void multiply(const ProductLines<Single, Joint>& p) {
    TileArgs<float> t{};
    t.a_row = p.a_row;
    t.a_k = 1;
    t.a_step = p.a_step;
    t.b = p.b;
    t.b_k = p.b_k;
    t.b_step = p.b_step;
    t.k = p.k;
    t.runs = p.runs;
    t.ldc = p.ldc;
    t.columns = p.columns;
    for (Index i = 0; i < p.lines; ++i) {
      t.a = p.a + i * p.a_line;
      t.c = p.c + i * p.c_line;
      tile_rows(t, p.places);
    }
  }
  static HWY_INLINE void sum(const SumsOverTiles<Joint>& s) {
    TileArgs<float> t{};
    t.a = s.a;
    t.b = s.b;
    t.c = s.c;
    t.k = s.k;
    t.a_row = 1;
    t.a_k = s.a_k;
    t.b_k = s.b_k;
    t.ldc = s.ldc;
    t.runs = s.runs;
    t.a_step = s.a_step;
    t.b_step = s.b_step;
    t.images = s.images;
    t.a_image = s.a_image;
    t.b_image = s.b_image;
    t.columns = s.columns;
    t.accumulate = s.accumulate;
    tile_rows(t, s.rows);
  }
};

#if HWY_TARGET == HWY_AVX3
// Pairs of bfloat16, for processors that have dot products of them.
struct PairFormat {
  using Single = std::uint16_t;
  using Joint = Pair;
  static constexpr int kTogether = 2;

  static HWY_INLINE void put(hn::Vec<Floats> value, Single* to) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), rounded(value.raw));
  }
  template <int kIn, int kOut, class Line, class Load>
  static HWY_INLINE void transform(Line line, Load load, Joint* at, Index apart) {
    HWY_ALIGN float first[kOut * kOut][kPairLanes];
    both_ways<kIn, kOut>(
        Floats(), line, [&](int y, int x) HWY_ATTR { return load(0, y, x); },
        [&](int y, int x, auto value) HWY_ATTR { hn::Store(value, Floats(), first[y * kOut + x]); });
    both_ways<kIn, kOut>(
        Floats(), line, [&](int y, int x) HWY_ATTR { return load(1, y, x); },
        [&](int y, int x, auto value) HWY_ATTR {
          const int p = y * kOut + x;
          _mm512_storeu_si512(at + p * apart, rounded_pairs(_mm512_load_ps(first[p]), value.raw));
        });
  }
  static HWY_INLINE void multiply(const ProductLines<Single, Joint>& p) {
    PairTile t{};
    t.a_row = p.a_row;
    t.a_k = 2;
    t.a_step = p.a_step;
    t.b = p.b;
    t.b_k = p.b_k;
    t.b_step = p.b_step;
    t.k = p.k / 2;
    t.runs = p.runs;
    t.ldc = p.ldc;
    t.columns = p.columns;
    pixels_of_images(t, p.lines, p.places, p.a, p.a_line, p.c, p.c_line);
  }
  static HWY_INLINE void sum(const SumsOverTiles<Joint>& s) {
    PairTile t{};
    t.b = s.b;
    t.k = s.k;
    t.a_row = 2;
    t.a_k = 2 * s.a_k;
    t.b_k = s.b_k;
    t.ldc = s.ldc;
    t.runs = s.runs;
    t.a_step = 2 * s.a_step;
    t.b_step = s.b_step;
    t.images = s.images;
    t.a_image = 2 * s.a_image;
    t.b_image = s.b_image;
    t.columns = s.columns;
    t.accumulate = s.accumulate;
    const Index most = s.columns <= kPairLanes ? 24 : 12, tiles = (s.rows + most - 1) / most;
    for (Index i = 0; i < tiles; ++i) {
      const Index row = i * s.rows / tiles, last = (i + 1) * s.rows / tiles;
      t.set_rows(reinterpret_cast<const std::uint16_t*>(s.a + row), s.c + row * s.ldc);
      pair_tile(t, last - row);
    }
  }
};
#endif

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_KERNELS_CONVOLUTION_WINOGRAD_FORMATS_INL_H_
