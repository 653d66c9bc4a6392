#include "lamina/kernels/convolution/conv.h"

#include <algorithm>

#include "lamina/kernels/convolution/winograd.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/machine/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/convolution/conv.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/products/tile-inl.h"

#ifndef LAMINA_KERNELS_CONV_ARGS
#define LAMINA_KERNELS_CONV_ARGS
namespace lamina::kernels {
namespace {

struct PackedFilters {};
struct PaddedRows {};
struct PaddedImages {};
struct FilterGradient {};
struct LastColumns {};

Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// Copies image rows first .. last - 1 of x (.., W, C) to `out`, each with `left` zero pixels before and `right` behind.
template <class T>
void pad_rows(const T* x, Index first, Index last, Index row, Index left, Index right, T* out) {
  for (Index h = first; h < last; ++h) {
    out = std::fill_n(out, left, T{0});
    out = std::copy_n(x + h * row, row, out);
    out = std::fill_n(out, right, T{0});
  }
}

// Output rows a chunk: whole images where there are enough of them, else blocks of rows.
Index rows_of_chunk(Index images, Index rows) { return images >= 8 ? rows : std::max<Index>(1, rows * images / 8); }

constexpr Index kGroupBytes = 2 << 20;  // of images and gradients that the filter gradient takes at a time

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

// Columns of the panels that hold `columns` of them: one vector where that is enough.
template <class T>
HWY_INLINE Index panel_width(Index columns) {
  const auto lanes = static_cast<Index>(hn::Lanes(hn::ScalableTag<T>()));
  return columns <= lanes ? lanes : tile_columns<T>();
}

template <class T>
HWY_INLINE void forward(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out) {
  const Index width = panel_width<T>(s.F), panels = ceil_div(s.F, width);
  const Index taps = s.WW * s.C;  // of one filter row: contiguous in a channels-last image
  const Index panel_size = s.HH * taps * width;
  T* packed = workspace<PackedFilters, T>(panels * panel_size);  // [panel][p][q][c][f]
  parallel_for(panels, [&](Index panel) HWY_ATTR {
    T* to = packed + panel * panel_size;
    for (Index p = 0; p < s.HH; ++p)
      for (Index q = 0; q < s.WW; ++q)
        for (Index c = 0; c < s.C; ++c)
          for (Index j = 0; j < width; ++j) {
            const Index f = panel * width + j;
            *to++ = f < s.F ? w[((f * s.C + c) * s.HH + p) * s.WW + q] : T{0};
          }
  });

  const Index chunk_rows = rows_of_chunk(s.N, s.OH), chunks = ceil_div(s.OH, chunk_rows);
  parallel_for(s.N * chunks, [&](Index chunk) HWY_ATTR {
    const Index n = chunk / chunks;
    const Index first = chunk % chunks * chunk_rows, last = std::min(first + chunk_rows, s.OH);
    const T* image = x + n * s.H * s.W * s.C;
    const Index in_first = std::clamp<Index>(first * s.stride - s.pad, 0, s.H);
    const Index in_last = std::clamp<Index>((last - 1) * s.stride - s.pad + s.HH, in_first, s.H);
    const Index pitch = (s.W + 2 * s.pad) * s.C;
    if (s.pad > 0 && in_first < in_last) {
      T* padded = workspace<PaddedRows, T>((in_last - in_first) * pitch);
      pad_rows(image, in_first, in_last, s.W * s.C, s.pad * s.C, s.pad * s.C, padded);
      image = padded - in_first * pitch;
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
      for (Index i = first; i < last; ++i) {
        const Index top = i * s.stride - s.pad;  // image row of the filter's row 0
        const Index p0 = std::clamp<Index>(-top, 0, s.HH), p1 = std::clamp<Index>(s.H - top, p0, s.HH);
        t.runs = p1 - p0;
        t.a = t.runs > 0 ? image + (top + p0) * pitch : x;
        t.b = packed + panel * panel_size + p0 * t.b_step;
        t.c = out + ((n * s.OH + i) * s.OW) * s.F + panel * width;
        tile_rows(t, s.OW);
      }
    }
  });
}

// Of the image columns (or rows) i with (i + pad) % stride == phase: the first one, how many there are, the filter
// taps phase, phase + stride, ... that reach them, and the output place that tap `phase` has at the first.
struct Phase {
  Index first, count, taps, place;
  Phase(Index phase, Index length, Index filter, Index stride, Index pad) {
    first = ((phase - pad) % stride + stride) % stride;
    count = first < length ? (length - 1 - first) / stride + 1 : 0;
    taps = phase < filter ? (filter - 1 - phase) / stride + 1 : 0;
    place = (first + pad - phase) / stride;
  }
};

// The gradient of x is, for each of the stride x stride phases of its pixels, a convolution of dout with the taps of
// that phase in reverse order.
template <class T>
HWY_INLINE void data_gradient(const ConvShape& s, const T* dout, const T* w, T* dx) {
  const Index width = panel_width<T>(s.C), panels = ceil_div(s.C, width);
  const Index filter_size = s.HH * s.WW * s.F * width;
  T* packed = workspace<PackedFilters, T>(panels * filter_size);  // [panel][phase][p reversed][q reversed][f][c]
  parallel_for(panels, [&](Index panel) HWY_ATTR {
    T* to = packed + panel * filter_size;
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

  const Index left = ceil_div(s.WW, s.stride) - 1;  // zero pixels that the taps of any phase reach beyond dout
  const Index right = std::max<Index>(0, (s.W - 1 + s.pad) / s.stride - (s.OW - 1));
  const Index pitch = (left + s.OW + right) * s.F;
  const Index chunk_rows = rows_of_chunk(s.N, s.H), chunks = ceil_div(s.H, chunk_rows);
  parallel_for(s.N * chunks, [&](Index chunk) HWY_ATTR {
    const Index n = chunk / chunks;
    const Index first = chunk % chunks * chunk_rows, last = std::min(first + chunk_rows, s.H);
    const T* image = dout + n * s.OH * s.OW * s.F;
    const Index out_first = std::clamp<Index>((first + s.pad - s.HH + 1) / s.stride, 0, s.OH);
    const Index out_last = std::clamp<Index>((last - 1 + s.pad) / s.stride + 1, out_first, s.OH);
    if (left + right > 0 && out_first < out_last) {
      T* padded = workspace<PaddedRows, T>((out_last - out_first) * pitch);
      pad_rows(image, out_first, out_last, s.OW * s.F, left * s.F, right * s.F, padded);
      image = padded - out_first * pitch;
    }
    TileArgs<T> t{};
    t.a_row = s.F;
    t.a_k = 1;
    t.a_step = pitch;
    t.b_k = width;
    t.ldc = s.stride * s.C;
    for (Index panel = 0; panel < panels; ++panel) {
      t.columns = std::min(width, s.C - panel * width);
      const T* phase_b = packed + panel * filter_size;
      for (Index ph = 0; ph < s.stride; ++ph) {
        const Phase rows(ph, s.H, s.HH, s.stride, s.pad);
        if (rows.count == 0) {
          phase_b += rows.taps * s.WW * s.F * width;
          continue;
        }
        for (Index pw = 0; pw < s.stride; ++pw) {
          const Phase columns(pw, s.W, s.WW, s.stride, s.pad);
          t.k = columns.taps * s.F;
          t.b_step = t.k * width;
          for (Index r = 0; r < rows.count; ++r) {
            const Index h = rows.first + r * s.stride;
            if (h < first || h >= last) continue;
            const Index top = rows.place + r - (rows.taps - 1);  // dout row of the phase's last tap
            const Index p0 = std::clamp<Index>(-top, 0, rows.taps), p1 = std::clamp<Index>(s.OH - top, p0, rows.taps);
            t.runs = columns.taps > 0 ? p1 - p0 : 0;
            t.a = t.runs > 0 ? image + (top + p0) * pitch + (columns.place - (columns.taps - 1) + left) * s.F : dout;
            t.b = phase_b + p0 * t.b_step;
            t.c = dx + ((n * s.H + h) * s.W + columns.first) * s.C + panel * width;
            tile_rows(t, columns.count);
          }
          phase_b += rows.taps * t.b_step;
        }
      }
    }
  });
}

template <class T>
HWY_INLINE void filter_gradient(const ConvShape& s, const T* x, const T* dout, T* dw) {
  const Index width = panel_width<T>(s.F), panels = ceil_div(s.F, width);
  const Index taps = s.WW * s.C;
  const Index pitch = (s.W + 2 * s.pad) * s.C, image = s.H * pitch, pixels = s.OH * s.OW;
  const Index group = std::clamp<Index>(kGroupBytes / static_cast<Index>(sizeof(T)) / (image + pixels * s.F), 1, s.N);
  T* gradient = workspace<FilterGradient, T>(s.HH * taps * s.F);  // [p][q][c][f]
  T* padded = s.pad > 0 ? workspace<PaddedImages, T>(group * image) : nullptr;
  const bool whole = s.F % width == 0;  // else the last panel is read from a copy with zeros behind column F
  T* last_columns = whole ? nullptr : workspace<LastColumns, T>(group * pixels * width);
  const Index block = std::max<Index>(24, ceil_div(ceil_div(taps, 4), 12) * 12), blocks = ceil_div(taps, block);

  for (Index n = 0; n < s.N; n += group) {
    const Index images = std::min(group, s.N - n);
    const T* group_x = x + n * s.H * s.W * s.C;
    const T* group_dout = dout + n * pixels * s.F;
    if (s.pad > 0 || !whole)
      parallel_for(images, [&](Index i) HWY_ATTR {
        if (s.pad > 0)
          pad_rows(group_x + i * s.H * s.W * s.C, 0, s.H, s.W * s.C, s.pad * s.C, s.pad * s.C, padded + i * image);
        if (!whole) {
          const Index first = (panels - 1) * width, columns = s.F - first;
          for (Index k = i * pixels; k < (i + 1) * pixels; ++k) {
            const T* from = group_dout + k * s.F + first;
            std::fill(std::copy(from, from + columns, last_columns + k * width), last_columns + (k + 1) * width, T{0});
          }
        }
      });
    parallel_for(s.HH * panels * blocks, [&](Index chunk) HWY_ATTR {
      const Index p = chunk % s.HH, panel = chunk / s.HH % panels, row = chunk / s.HH / panels * block;
      const Index i0 = std::clamp<Index>(ceil_div(std::max<Index>(0, s.pad - p), s.stride), 0, s.OH);
      const Index reach = s.H - 1 + s.pad - p;  // the last output row is the one at or before image row H - 1
      const Index i1 = reach < 0 ? i0 : std::clamp<Index>(reach / s.stride + 1, i0, s.OH);
      const bool copied = !whole && panel == panels - 1;
      const Index columns = copied ? width : s.F;
      TileArgs<T> t{};
      t.runs = i1 - i0;
      t.images = images;
      t.a_row = 1;
      t.a_k = s.stride * s.C;
      t.a_step = s.stride * pitch;
      t.a_image = image;
      t.b_k = columns;
      t.b_step = s.OW * columns;
      t.b_image = pixels * columns;
      t.ldc = s.F;
      t.columns = std::min(width, s.F - panel * width);
      t.accumulate = n > 0;
      const T* a = (s.pad > 0 ? padded : group_x) + (t.runs > 0 ? (i0 * s.stride - s.pad + p) * pitch : 0);
      const T* b = (copied ? last_columns : group_dout + panel * width) + i0 * s.OW * columns;
      for (Index tap = row; tap < std::min(row + block, taps); tap += kTileRows) {
        const Index tile = std::min<Index>(kTileRows, std::min(row + block, taps) - tap);
        // Output columns that meet the image at one of the tile's filter columns, tap / C and on.
        const Index q0 = tap / s.C, q1 = (tap + tile - 1) / s.C;
        const Index j0 = std::clamp<Index>(ceil_div(std::max<Index>(0, s.pad - q1), s.stride), 0, s.OW);
        const Index right = s.W - 1 + s.pad - q0;
        const Index j1 = right < 0 ? j0 : std::clamp<Index>(right / s.stride + 1, j0, s.OW);
        t.k = j1 - j0;
        t.a = a + tap + j0 * t.a_k;
        t.b = b + j0 * columns;
        t.c = gradient + (p * taps + tap) * s.F + panel * width;
        tile_rows(t, tile);
      }
    });
  }
  parallel_for(s.F, [&](Index f) HWY_ATTR {
    for (Index c = 0; c < s.C; ++c)
      for (Index pq = 0; pq < s.HH * s.WW; ++pq)
        dw[(f * s.C + c) * s.HH * s.WW + pq] = gradient[(pq * s.C + c) * s.F + f];
  });
}

#define LAMINA_BOTH(Name, T)                                                                                           \
  void ConvForward##Name(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out) {                  \
    forward(s, x, w, b, relu, out);                                                                                    \
  }                                                                                                                    \
  void ConvBackwardData##Name(const ConvShape& s, const T* dout, const T* w, T* dx) { data_gradient(s, dout, w, dx); } \
  void ConvBackwardFilter##Name(const ConvShape& s, const T* x, const T* dout, T* dw) {                                \
    filter_gradient(s, x, dout, dw);                                                                                   \
  }
LAMINA_BOTH(Float, float)
LAMINA_BOTH(Double, double)
#undef LAMINA_BOTH

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {
#define LAMINA_BOTH(Name, T)                                                                            \
  HWY_EXPORT(ConvForward##Name);                                                                        \
  HWY_EXPORT(ConvBackwardData##Name);                                                                   \
  HWY_EXPORT(ConvBackwardFilter##Name);                                                                 \
  template <>                                                                                           \
  void conv_forward_direct(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out) { \
    LAMINA_DISPATCH(ConvForward##Name)(s, x, w, b, relu, out);                                          \
  }                                                                                                     \
  template <>                                                                                           \
  void conv_backward_data_direct(const ConvShape& s, const T* dout, const T* w, T* dx) {                \
    LAMINA_DISPATCH(ConvBackwardData##Name)(s, dout, w, dx);                                            \
  }                                                                                                     \
  template <>                                                                                           \
  void conv_backward_filter_direct(const ConvShape& s, const T* x, const T* dout, T* dw) {              \
    LAMINA_DISPATCH(ConvBackwardFilter##Name)(s, x, dout, dw);                                          \
  }
LAMINA_BOTH(Float, float)
LAMINA_BOTH(Double, double)
#undef LAMINA_BOTH

template <>
void conv_forward(const ConvShape& s, const double* x, const double* w, const double* b, bool relu, double* out) {
  conv_forward_direct(s, x, w, b, relu, out);
}
template <>
void conv_forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  winograd_suits(s) ? winograd_forward(s, x, w, b, relu, out) : conv_forward_direct(s, x, w, b, relu, out);
}
template <>
void conv_backward_data(const ConvShape& s, const double* dout, const double* w, double* dx) {
  conv_backward_data_direct(s, dout, w, dx);
}
template <>
void conv_backward_data(const ConvShape& s, const float* dout, const float* w, float* dx) {
  winograd_suits(s) ? winograd_backward_data(s, dout, w, dx) : conv_backward_data_direct(s, dout, w, dx);
}
template <>
void conv_backward_filter(const ConvShape& s, const double* x, const double* dout, double* dw, double* db) {
  conv_backward_filter_direct(s, x, dout, dw);
  if (db) column_sums(s.N * s.OH * s.OW, s.F, dout, db);
}
template <>
void conv_backward_filter(const ConvShape& s, const float* x, const float* dout, float* dw, float* db) {
  winograd_suits(s) ? winograd_backward_filter(s, x, dout, dw) : conv_backward_filter_direct(s, x, dout, dw);
  if (db) column_sums(s.N * s.OH * s.OW, s.F, dout, db);
}

}  // namespace lamina::kernels
#endif
