#include "lamina/kernels/convolution/conv.h"

#include <algorithm>
#include <type_traits>

#include "lamina/kernels/convolution/depthwise.h"
#include "lamina/kernels/convolution/geometry.h"
#include "lamina/kernels/convolution/grouped.h"
#include "lamina/kernels/convolution/winograd.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/products/gemm.h"

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

// Sets the steps of A and B along windows of `rows` x `columns` taps with `channels` values each, which are row_step
// and column_step apart in A and packed in B, one panel of `width` columns. If the taps of a row are contiguous, they
// count as one run.
template <class T>
HWY_INLINE void set_window(Index rows, Index columns, Index channels, Index row_step, Index column_step, Index width,
                           TileArgs<T>& t) {
  const Index row = columns * channels * width;
  t.a_k = 1;
  t.b_k = width;
  if (columns <= 1 || column_step == channels) {
    t.k = columns * channels;
    t.runs = rows;
    t.a_step = row_step;
    t.b_step = row;
    return;
  }
  t.k = channels;
  t.runs = columns;
  t.a_step = column_step;
  t.b_step = channels * width;
  t.images = rows;
  t.a_image = row_step;
  t.b_image = row;
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
  const Index row = s.WW * s.C * width, panel_size = s.HH * row;  // of packed filters
  T* packed = workspace<PackedFilters, T>(panels * panel_size);
  pack_filters(s, w, width, packed);
  for_grid(rows_of_images(s.N, s.OH), Chunks{s.N, 1}, [&](Index first, Index rows, Index n, Index) HWY_ATTR {
    const T* image = x + n * s.H * s.W * s.C;
    const Range read = rows_read(s.height(), first, first + rows);
    const Index pitch = (s.W + 2 * s.pad.w) * s.C;
    if (s.pad.w > 0 && read.length() > 0) {
      T* padded = workspace<PaddedRows, T>(read.length() * pitch);
      pad_rows(image, read, s.W * s.C, s.pad.w * s.C, s.pad.w * s.C, padded);
      image = padded - read.first * pitch;
    }
    TileArgs<T> t{};
    t.a_row = s.stride.w * s.C;
    t.ldc = s.F;
    t.relu = relu;
    for (Index panel = 0; panel < panels; ++panel) {
      t.columns = std::min(width, s.F - panel * width);
      t.bias = b ? b + panel * width : nullptr;
      for (Index i = first; i < first + rows; ++i) {
        const Index top = i * s.stride.h - s.pad.h;  // image row of the filter's row 0
        const Range p = taps_inside(top, s.HH, s.dilation.h, s.H);
        set_window(p.length(), s.WW, s.C, s.dilation.h * pitch, s.dilation.w * s.C, width, t);
        t.a = p.length() > 0 ? image + (top + p.first * s.dilation.h) * pitch : x;
        t.b = packed + panel * panel_size + p.first * row;
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
    for (Index ph = 0; ph < s.stride.h; ++ph) {
      const Phase rows(ph, s.height());
      if (rows.taps == 0) continue;
      for (Index pw = 0; pw < s.stride.w; ++pw) {
        const Phase columns(pw, s.width());
        for (Index p = rows.last_tap(); p >= 0; p -= rows.step)
          for (Index q = columns.last_tap(); q >= 0; q -= columns.step)
            for (Index f = 0; f < s.F; ++f)
              for (Index j = 0; j < width; ++j) {
                const Index c = panel * width + j;
                *to++ = c < s.C ? w[((f * s.C + c) * s.HH + p) * s.WW + q] : T{0};
              }
      }
    }
  });
}

// The gradient of one phase of the pixels in the image rows of `range`, for one panel of channels. `dout` points at the
// padded rows of the image, dx at the image's gradient, t.b at the panel's filters of this phase.
template <class T>
HWY_INLINE void phase_gradient(const ConvShape& s, const Phase& rows, const Phase& columns, Range range, const T* dout,
                               Index width, TileArgs<T> t, T* dx) {
  const GradientRows padding(s.width());
  const Index pitch = padding.pixels(s) * s.F;
  const T* filters = t.b;
  for (Index r = 0; r < rows.count; ++r) {
    const Index h = rows.first + r * s.stride.h;
    if (h < range.first || h >= range.end) continue;
    const Index top = rows.lowest_place() + r;  // dout row of the phase's last tap
    const Range p = taps_inside(top, rows.taps, rows.back, s.OH);
    const Index inside = columns.taps > 0 ? p.length() : 0;
    set_window(inside, columns.taps, s.F, rows.back * pitch, columns.back * s.F, width, t);
    t.a = dout;
    if (inside > 0) t.a += (top + p.first * rows.back) * pitch + (columns.lowest_place() + padding.left) * s.F;
    t.b = filters + p.first * columns.taps * s.F * width;
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
  const GradientRows padding(s.width());
  const Index pitch = padding.pixels(s) * s.F;
  for_grid(rows_of_images(s.N, s.H), Chunks{s.N, 1}, [&](Index first, Index length, Index n, Index) HWY_ATTR {
    const T* image = dout + n * s.OH * s.OW * s.F;
    const Range range{first, first + length}, read = GradientRows::read(s.height(), first, first + length);
    if (padding.left + padding.right > 0 && read.length() > 0) {
      T* padded = workspace<PaddedRows, T>(read.length() * pitch);
      pad_rows(image, read, s.OW * s.F, padding.left * s.F, padding.right * s.F, padded);
      image = padded - read.first * pitch;
    }
    TileArgs<T> t{};
    t.a_row = s.F;
    t.ldc = s.stride.w * s.C;
    for (Index panel = 0; panel < panels; ++panel) {
      t.columns = std::min(width, s.C - panel * width);
      t.b = packed + panel * panel_size;
      for (Index ph = 0; ph < s.stride.h; ++ph) {
        const Phase rows(ph, s.height());
        for (Index pw = 0; pw < s.stride.w; ++pw) {
          const Phase columns(pw, s.width());
          phase_gradient(s, rows, columns, range, image, width, t, dx + n * s.H * s.W * s.C + panel * width);
          t.b += rows.taps * columns.taps * s.F * width;
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
  const Index pixels = s.OH * s.OW, row = s.W * s.C, size = s.H * (s.W + 2 * s.pad.w) * s.C;
  x += first * s.H * row;
  dout += first * pixels * s.F;
  if (padded || last)
    parallel_for(images, [&](Index i) HWY_ATTR {
      if (padded) pad_rows(x + i * s.H * row, Range{0, s.H}, row, s.pad.w * s.C, s.pad.w * s.C, padded + i * size);
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
  const Index taps = s.WW * s.C, pitch = (s.W + 2 * s.pad.w) * s.C, pixels = s.OH * s.OW;
  const Range places = places_inside(p, p, s.height());
  const bool copied = g.last && panel == s.F / width;
  const Index columns = copied ? width : s.F;
  TileArgs<T> t{};
  t.runs = places.length();
  t.images = g.images;
  t.a_row = 1;
  t.a_k = s.stride.w * s.C;
  t.a_step = s.stride.h * pitch;
  t.a_image = s.H * pitch;
  t.b_k = columns;
  t.b_step = s.OW * columns;
  t.b_image = pixels * columns;
  t.ldc = s.F;
  t.columns = std::min(width, s.F - panel * width);
  t.accumulate = g.first > 0;
  const T* a = g.x + (t.runs > 0 ? (places.first * s.stride.h - s.pad.h + p * s.dilation.h) * pitch : 0);
  const T* b = (copied ? g.last : g.dout + panel * width) + places.first * s.OW * columns;
  Index rows = 0;
  for (Index tap = range.first; tap < range.end; tap += rows) {
    rows = std::min<Index>(kTileRows, range.end - tap);
    const Index q = tap / s.C;
    if (s.dilation.w > 1) rows = std::min(rows, (q + 1) * s.C - tap);  // only the channels of one pixel are contiguous
    // The output columns at which one of the tile's filter columns falls on a pixel.
    const Range j = places_inside(q, (tap + rows - 1) / s.C, s.width());
    t.k = j.length();
    t.a = a + tap + q * (s.dilation.w - 1) * s.C + j.first * t.a_k;
    t.b = b + j.first * columns;
    t.c = gradient + (p * taps + tap) * s.F + panel * width;
    tile_rows(t, rows);
  }
}

template <class T>
void filter_gradient(const ConvShape& s, const T* x, const T* dout, T* dw) {
  const Index width = panel_width<T>(s.F), panels = ceil_div(s.F, width), taps = s.WW * s.C;
  const Index image = s.H * (s.W + 2 * s.pad.w) * s.C, pixels = s.OH * s.OW;
  const Index group = std::clamp<Index>(kGroupBytes / static_cast<Index>(sizeof(T)) / (image + pixels * s.F), 1, s.N);
  T* gradient = workspace<FilterGradient, T>(s.HH * taps * s.F);
  T* padded = s.pad.w > 0 ? workspace<PaddedImages, T>(group * image) : nullptr;
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
  LAMINA_DISPATCH(forward<T>)(with_long_rows(s), x, w, b, relu, out);
}
template <class T>
void conv_backward_data_direct(const ConvShape& s, const T* dout, const T* w, T* dx) {
  LAMINA_DISPATCH(data_gradient<T>)(with_long_rows(s), dout, w, dx);
}
template <class T>
void conv_backward_filter_direct(const ConvShape& s, const T* x, const T* dout, T* dw) {
  LAMINA_DISPATCH(filter_gradient<T>)(with_long_rows(s), x, dout, dw);
}

template <class T>
void conv_forward(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out) {
  if (s.depthwise()) return depthwise_forward(s, x, w, b, relu, out);
  if (s.groups > 1) return forward_by_groups(s, x, w, b, relu, out, conv_forward<T>);
  if constexpr (std::is_same_v<T, float>)
    if (winograd_suits(s)) return winograd_forward(s, x, w, b, relu, out);
  conv_forward_direct(s, x, w, b, relu, out);
}
template <class T>
void conv_backward_data(const ConvShape& s, const T* dout, const T* w, T* dx) {
  if (s.depthwise()) return depthwise_backward_data(s, dout, w, dx);
  if (s.groups > 1) return backward_data_by_groups(s, dout, w, dx, conv_backward_data<T>);
  if constexpr (std::is_same_v<T, float>)
    if (winograd_suits(s)) return winograd_backward_data(s, dout, w, dx);
  conv_backward_data_direct(s, dout, w, dx);
}
template <class T>
void conv_backward_filter(const ConvShape& s, const T* x, const T* dout, T* dw, T* db) {
  if (db) column_sums(s.N * s.OH * s.OW, s.F, dout, db);
  if (s.depthwise()) return depthwise_backward_filter(s, x, dout, dw);
  if (s.groups > 1) return backward_filter_by_groups(s, x, dout, dw, conv_backward_filter<T>);
  if (is_product(s))  // a long sum over all pixels, which gemm() cuts into pieces that fit into the cache
    return gemm(true, false, s.F, s.C, s.N * s.H * s.W, dout, s.F, x, s.C, dw, s.C);
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
