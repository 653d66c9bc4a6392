#include "lamina/kernels/convolution/conv.h"

#include <algorithm>
#include <type_traits>

#include "lamina/kernels/convolution/geometry.h"
#include "lamina/kernels/convolution/winograd.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/convolution/conv.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/products/tile-inl.h"

#ifndef LAMINA_KERNELS_CONVOLUTION_CONV_SLOTS
#define LAMINA_KERNELS_CONVOLUTION_CONV_SLOTS
namespace lamina::kernels {
namespace {
using namespace convolution;  // NOLINT

// Scratch memory (machine/workspace.h).
struct PackedFilters {};
struct PaddedRows {};
struct PaddedImages {};
struct FilterGradient {};
struct LastColumns {};

constexpr Index kGroupBytes = 2 << 20;  // images and gradients that the filter gradient sums over at a time

// Copies the rows `rows` of x, each of `row` elements, to `out`, each with `left` zeros before it and `right` after it.
template <class T>
void pad_rows(const T* x, Range rows, Index row, Index left, Index right, T* out) {
  for (Index h = rows.first; h < rows.end; ++h) {
    out = std::fill_n(out, left, T{0});
    out = std::copy_n(x + h * row, row, out);
    out = std::fill_n(out, right, T{0});
  }
}

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {

// The width of panels for `columns` columns: one vector if that is enough, else the width of a tile.
template <class T>
HWY_INLINE Index panel_width(Index columns) {
  const auto lanes = static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
  return columns <= lanes ? lanes : tile_columns<T>();
}

// Packs filters (F, C, HH, WW) into panels of filters, [panel][p][q][c][f]. The last panel is padded with zeros.
template <class T>
HWY_INLINE void pack_filters(const ConvShape& s, const T* w, Index width, T* packed) {
  const Index panel_size = s.HH * s.WW * s.C * width;
  parallel_for(ceil_div(s.F, width), [&](Index panel) HWY_ATTR {
    T* to = packed + panel * panel_size;
    for (Index p = 0; p < s.HH; ++p)
      for (Index q = 0; q < s.WW; ++q)
        for (Index c = 0; c < s.C; ++c)
          for (Index j = 0; j < width; ++j) {
            const Index f = panel * width + j;
            *to++ = f < s.F ? w[((f * s.C + c) * s.HH + p) * s.WW + q] : T{0};
          }
  });
}

template <class T>
void forward(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out) {
  const Index width = panel_width<T>(s.F), panels = ceil_div(s.F, width);
  const Index taps = s.WW * s.C;  // of one filter row; they are contiguous in a channels-last image
  const Index panel_size = s.HH * taps * width;
  T* packed = workspace<PackedFilters, T>(panels * panel_size);
  pack_filters(s, w, width, packed);
  for_grid(rows_of_images(s.N, s.OH), Chunks{s.N, 1}, [&](Index first, Index rows, Index n, Index) HWY_ATTR {
    const T* image = x + n * s.H * s.W * s.C;
    const Range read = rows_read(s, first, first + rows);
    const Index pitch = (s.W + 2 * s.pad) * s.C;
    if (s.pad > 0 && read.length() > 0) {
      T* padded = workspace<PaddedRows, T>(read.length() * pitch);
      pad_rows(image, read, s.W * s.C, s.pad * s.C, s.pad * s.C, padded);
      image = padded - read.first * pitch;
    }
    TileArgs<T> t{};
    t.a_row = s.stride * s.C;
    t.a_k = 1;
    t.a_step = pitch;
    t.b_k = width;
    t.b_step = taps * width;
    t.k = taps;
    t.ldc = s.F;
    t.relu = relu;
    for (Index panel = 0; panel < panels; ++panel) {
      t.columns = std::min(width, s.F - panel * width);
      t.bias = b + panel * width;
      for (Index i = first; i < first + rows; ++i) {
        const Index top = i * s.stride - s.pad;  // image row of the filter's row 0
        const Range p = taps_inside(top, s.HH, s.H);
        t.runs = p.length();
        t.a = t.runs > 0 ? image + (top + p.first) * pitch : x;
        t.b = packed + panel * panel_size + p.first * t.b_step;
        t.c = out + ((n * s.OH + i) * s.OW) * s.F + panel * width;
        tile_rows(t, s.OW);
      }
    }
  });
}

// Packs filters for the gradient of the input into panels of channels,
// [panel][phase][p reversed][q reversed][f][c]. The last panel is padded with zeros.
template <class T>
HWY_INLINE void pack_reversed_filters(const ConvShape& s, const T* w, Index width, T* packed) {
  const Index panel_size = s.HH * s.WW * s.F * width;
  parallel_for(ceil_div(s.C, width), [&](Index panel) HWY_ATTR {
    T* to = packed + panel * panel_size;
    for (Index ph = 0; ph < std::min(s.stride, s.HH); ++ph)
      for (Index pw = 0; pw < std::min(s.stride, s.WW); ++pw)
        for (Index p = ph + (s.HH - 1 - ph) / s.stride * s.stride; p >= 0; p -= s.stride)
          for (Index q = pw + (s.WW - 1 - pw) / s.stride * s.stride; q >= 0; q -= s.stride)
            for (Index f = 0; f < s.F; ++f)
              for (Index j = 0; j < width; ++j) {
                const Index c = panel * width + j;
                *to++ = c < s.C ? w[((f * s.C + c) * s.HH + p) * s.WW + q] : T{0};
              }
  });
}

// The gradient of one phase of the pixels in the image rows of `range`, for one panel of channels. `dout` points at the
// padded rows of the image, dx at the image's gradient, t.b at the panel's filters of this phase.
template <class T>
HWY_INLINE void phase_gradient(const ConvShape& s, const Phase& rows, const Phase& columns, Range range, const T* dout,
                               TileArgs<T> t, T* dx) {
  const GradientRows padding(s);
  const Index pitch = padding.pixels(s) * s.F;
  const T* filters = t.b;
  t.k = columns.taps * s.F;
  for (Index r = 0; r < rows.count; ++r) {
    const Index h = rows.first + r * s.stride;
    if (h < range.first || h >= range.end) continue;
    const Index top = rows.place + r - (rows.taps - 1);  // dout row of the phase's last tap
    const Range p = taps_inside(top, rows.taps, s.OH);
    t.runs = columns.taps > 0 ? p.length() : 0;
    t.a = dout;
    if (t.runs > 0) t.a += (top + p.first) * pitch + (columns.place - (columns.taps - 1) + padding.left) * s.F;
    t.b = filters + p.first * t.b_step;
    t.c = dx + (h * s.W + columns.first) * s.C;
    tile_rows(t, columns.count);
  }
}

template <class T>
void data_gradient(const ConvShape& s, const T* dout, const T* w, T* dx) {
  const Index width = panel_width<T>(s.C), panels = ceil_div(s.C, width);
  const Index panel_size = s.HH * s.WW * s.F * width;
  T* packed = workspace<PackedFilters, T>(panels * panel_size);
  pack_reversed_filters(s, w, width, packed);
  const GradientRows padding(s);
  const Index pitch = padding.pixels(s) * s.F;
  for_grid(rows_of_images(s.N, s.H), Chunks{s.N, 1}, [&](Index first, Index length, Index n, Index) HWY_ATTR {
    const T* image = dout + n * s.OH * s.OW * s.F;
    const Range range{first, first + length}, read = GradientRows::read(s, first, first + length);
    if (padding.left + padding.right > 0 && read.length() > 0) {
      T* padded = workspace<PaddedRows, T>(read.length() * pitch);
      pad_rows(image, read, s.OW * s.F, padding.left * s.F, padding.right * s.F, padded);
      image = padded - read.first * pitch;
    }
    TileArgs<T> t{};
    t.a_row = s.F;
    t.a_k = 1;
    t.a_step = pitch;
    t.b_k = width;
    t.ldc = s.stride * s.C;
    for (Index panel = 0; panel < panels; ++panel) {
      t.columns = std::min(width, s.C - panel * width);
      t.b = packed + panel * panel_size;
      for (Index ph = 0; ph < s.stride; ++ph) {
        const Phase rows(ph, s.H, s.HH, s.stride, s.pad);
        for (Index pw = 0; pw < s.stride; ++pw) {
          const Phase columns(pw, s.W, s.WW, s.stride, s.pad);
          t.b_step = columns.taps * s.F * width;
          phase_gradient(s, rows, columns, range, image, t, dx + n * s.H * s.W * s.C + panel * width);
          t.b += rows.taps * t.b_step;
        }
      }
    }
  });
}

// A group of images that the filter gradient sums over at a time, small enough to stay in the L2 cache.
template <class T>
struct ImageGroup {
  Index first, images;
  const T* x;     // padded if the convolution is
  const T* dout;  // (images, OH OW, F)
  const T* last;  // if the last panel of F is partial, a zero-padded copy of it (images, OH OW, width)
};

template <class T>
HWY_INLINE ImageGroup<T> gather_group(const ConvShape& s, Index width, Index first, Index images, const T* x,
                                      const T* dout, T* padded, T* last) {
  const Index pixels = s.OH * s.OW, row = s.W * s.C, size = s.H * (s.W + 2 * s.pad) * s.C;
  x += first * s.H * row;
  dout += first * pixels * s.F;
  if (padded || last)
    parallel_for(images, [&](Index i) HWY_ATTR {
      if (padded) pad_rows(x + i * s.H * row, Range{0, s.H}, row, s.pad * s.C, s.pad * s.C, padded + i * size);
      if (!last) return;
      const Index column = s.F / width * width, columns = s.F - column;
      for (Index k = i * pixels; k < (i + 1) * pixels; ++k) {
        const T* from = dout + k * s.F + column;
        std::fill(std::copy(from, from + columns, last + k * width), last + (k + 1) * width, T{0});
      }
    });
  return {first, images, padded ? padded : x, dout, last};
}

// The gradients of the taps `range` of filter row p, for one panel of filters, summed over a group of images.
// `gradient` is [p][q][c][f].
template <class T>
HWY_INLINE void tap_gradients(const ConvShape& s, const ImageGroup<T>& g, Index width, Index p, Index panel,
                              Range range, T* gradient) {
  const Index taps = s.WW * s.C, pitch = (s.W + 2 * s.pad) * s.C, pixels = s.OH * s.OW;
  const Range places = places_inside(p, p, s.stride, s.pad, s.H, s.OH);
  const bool copied = g.last && panel == s.F / width;
  const Index columns = copied ? width : s.F;
  TileArgs<T> t{};
  t.runs = places.length();
  t.images = g.images;
  t.a_row = 1;
  t.a_k = s.stride * s.C;
  t.a_step = s.stride * pitch;
  t.a_image = s.H * pitch;
  t.b_k = columns;
  t.b_step = s.OW * columns;
  t.b_image = pixels * columns;
  t.ldc = s.F;
  t.columns = std::min(width, s.F - panel * width);
  t.accumulate = g.first > 0;
  const T* a = g.x + (t.runs > 0 ? (places.first * s.stride - s.pad + p) * pitch : 0);
  const T* b = (copied ? g.last : g.dout + panel * width) + places.first * s.OW * columns;
  for (Index tap = range.first; tap < range.end; tap += kTileRows) {
    const Index rows = std::min<Index>(kTileRows, range.end - tap);
    // The output columns at which one of the tile's filter columns falls on a pixel.
    const Range j = places_inside(tap / s.C, (tap + rows - 1) / s.C, s.stride, s.pad, s.W, s.OW);
    t.k = j.length();
    t.a = a + tap + j.first * t.a_k;
    t.b = b + j.first * columns;
    t.c = gradient + (p * taps + tap) * s.F + panel * width;
    tile_rows(t, rows);
  }
}

template <class T>
void filter_gradient(const ConvShape& s, const T* x, const T* dout, T* dw) {
  const Index width = panel_width<T>(s.F), panels = ceil_div(s.F, width), taps = s.WW * s.C;
  const Index image = s.H * (s.W + 2 * s.pad) * s.C, pixels = s.OH * s.OW;
  const Index group = std::clamp<Index>(kGroupBytes / static_cast<Index>(sizeof(T)) / (image + pixels * s.F), 1, s.N);
  T* gradient = workspace<FilterGradient, T>(s.HH * taps * s.F);
  T* padded = s.pad > 0 ? workspace<PaddedImages, T>(group * image) : nullptr;
  T* last = s.F % width == 0 ? nullptr : workspace<LastColumns, T>(group * pixels * width);
  const Chunks blocks{taps, std::max<Index>(24, round_up(ceil_div(taps, 4), 12))};
  for (Index n = 0; n < s.N; n += group) {
    const ImageGroup<T> g = gather_group(s, width, n, std::min(group, s.N - n), x, dout, padded, last);
    for_grid(Chunks{s.HH * panels, 1}, blocks, [&](Index i, Index, Index tap, Index length) HWY_ATTR {
      tap_gradients(s, g, width, i % s.HH, i / s.HH, Range{tap, tap + length}, gradient);
    });
  }
  store_filter_gradient(s, gradient, dw);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

template <class T>
void conv_forward_direct(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out) {
  LAMINA_DISPATCH(forward<T>)(s, x, w, b, relu, out);
}
template <class T>
void conv_backward_data_direct(const ConvShape& s, const T* dout, const T* w, T* dx) {
  LAMINA_DISPATCH(data_gradient<T>)(s, dout, w, dx);
}
template <class T>
void conv_backward_filter_direct(const ConvShape& s, const T* x, const T* dout, T* dw) {
  LAMINA_DISPATCH(filter_gradient<T>)(s, x, dout, dw);
}

template <class T>
void conv_forward(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out) {
  if constexpr (std::is_same_v<T, float>)
    if (winograd_suits(s)) return winograd_forward(s, x, w, b, relu, out);
  conv_forward_direct(s, x, w, b, relu, out);
}
template <class T>
void conv_backward_data(const ConvShape& s, const T* dout, const T* w, T* dx) {
  if constexpr (std::is_same_v<T, float>)
    if (winograd_suits(s)) return winograd_backward_data(s, dout, w, dx);
  conv_backward_data_direct(s, dout, w, dx);
}
template <class T>
void conv_backward_filter(const ConvShape& s, const T* x, const T* dout, T* dw, T* db) {
  if (db) column_sums(s.N * s.OH * s.OW, s.F, dout, db);
  if constexpr (std::is_same_v<T, float>)
    if (winograd_suits(s)) return winograd_backward_filter(s, x, dout, dw);
  conv_backward_filter_direct(s, x, dout, dw);
}

LAMINA_FLOAT_AND_DOUBLE(conv_forward_direct);
LAMINA_FLOAT_AND_DOUBLE(conv_backward_data_direct);
LAMINA_FLOAT_AND_DOUBLE(conv_backward_filter_direct);
LAMINA_FLOAT_AND_DOUBLE(conv_forward);
LAMINA_FLOAT_AND_DOUBLE(conv_backward_data);
LAMINA_FLOAT_AND_DOUBLE(conv_backward_filter);

}  // namespace lamina::kernels
#endif
