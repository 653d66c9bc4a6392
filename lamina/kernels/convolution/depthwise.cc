#include "lamina/kernels/convolution/depthwise.h"

#include <algorithm>

#include "lamina/kernels/convolution/geometry.h"
#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/convolution/depthwise.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/machine/vectors-inl.h"

#ifndef LAMINA_KERNELS_CONVOLUTION_DEPTHWISE_WINDOWS
#define LAMINA_KERNELS_CONVOLUTION_DEPTHWISE_WINDOWS
namespace lamina::kernels {
namespace {
using convolution::Phase, convolution::Range;

// Scratch memory (machine/workspace.h).
struct DepthwiseFilters {};
struct DepthwiseSums {};

// Windows along one axis. Window m reads the pixels start + m move + a step for a < taps, as far as they are among the
// `pixels` of the image, and there the filter's tap first_tap + a tap_step.
struct Windows {
  Index count, start, move, taps, step, first_tap, tap_step, pixels;

  Range inside(Index m) const { return convolution::taps_inside(start + m * move, taps, step, pixels); }
};

// For each position of the output, the window of the image that the filter covers there.
Windows windows_of_places(const ConvAxis& a) {
  return {a.places, -a.pad, a.stride, a.taps, a.dilation, 0, 1, a.pixels};
}
// For each pixel of one phase (geometry.h), the window of dout whose filters cover that pixel.
Windows windows_of_pixels(const ConvAxis& a, const Phase& phase) {
  return {phase.count, phase.lowest_place(), 1, phase.taps, phase.back, phase.last_tap(), -phase.step, a.places};
}

// A rectangle of taps: where it is in the image and in the filters.
template <class T>
struct Rectangle {
  Index rows, columns;
  const T* x;
  Index x_row, x_column;
  const T* w;
  Index w_row, w_column;
};

// What becomes of the sums.
template <class T>
struct Finish {
  const T* bias;  // or null
  bool relu;
};

// Neighbouring taps of a filter row on one row of pixels.
template <class T>
struct TapsOnRow {
  Range places[3];  // for each tap, where it falls on a pixel
  Range all;        // where all of them do
  const T* dout;    // place 0
  const T* x;       // the pixel, perhaps outside the image, on which the first tap falls at place 0
  Index C, move, tap_move;
};

// Filters (C, 1, HH, WW) as [tap][c].
template <class T>
const T* by_tap(const ConvShape& s, const T* w) {
  const Index taps = s.HH * s.WW;
  T* to = workspace<DepthwiseFilters, T>(taps * s.C);
  for (Index tap = 0; tap < taps; ++tap)
    for (Index c = 0; c < s.C; ++c) to[tap * s.C + c] = w[c * taps + tap];
  return to;
}

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// The sums of kPixels windows of the same shape, which are `move` apart in the image and to_move in the result.
template <int kPixels, class T>
HWY_INLINE void sum_windows(const Rectangle<T>& r, Index C, Index move, const Finish<T>& finish, T* to, Index to_move) {
  for_vectors<T>(C, [&](auto d, Index c) HWY_ATTR {
    hn::Vec<decltype(d)> sum[kPixels];
    for (auto& one : sum) one = finish.bias ? hn::LoadU(d, finish.bias + c) : hn::Zero(d);
    for (Index p = 0; p < r.rows; ++p)
      for (Index q = 0; q < r.columns; ++q) {
        const auto w = hn::LoadU(d, r.w + p * r.w_row + q * r.w_column + c);
        const T* x = r.x + p * r.x_row + q * r.x_column + c;
        for (int m = 0; m < kPixels; ++m) sum[m] = hn::MulAdd(hn::LoadU(d, x + m * move), w, sum[m]);
      }
    for (int m = 0; m < kPixels; ++m) {
      if (finish.relu) sum[m] = hn::IfThenElse(hn::Lt(sum[m], hn::Zero(d)), hn::Zero(d), sum[m]);
      hn::StoreU(sum[m], d, to + m * to_move + c);
    }
  });
}

// The sums of window `m` of `rows` and all windows of `columns` in one image; they are to_move apart in the result.
template <class T>
void sum_row(const Windows& rows, const Windows& columns, Index m, Index filter_width, Index C, const T* image,
             const T* filters, const Finish<T>& finish, T* to, Index to_move) {
  constexpr int kTogether = 4;  // 4 sums hide most of the latency of a multiply-add, and share the loads of filters
  const Range p = rows.inside(m);
  Rectangle<T> r{};
  r.rows = p.length();
  r.x_row = rows.step * columns.pixels * C;
  r.x_column = columns.step * C;
  r.w_row = rows.tap_step * filter_width * C;
  r.w_column = columns.tap_step * C;
  const Index top = rows.start + m * rows.move + p.first * rows.step;
  const Index tap_row = (rows.first_tap + p.first * rows.tap_step) * filter_width;
  for (Index j = 0; j < columns.count;) {
    const Range q = columns.inside(j);
    r.columns = q.length();
    r.x = image;
    r.w = filters;
    if (r.rows > 0 && r.columns > 0) {
      r.x += (top * columns.pixels + columns.start + j * columns.move + q.first * columns.step) * C;
      r.w += (tap_row + columns.first_tap + q.first * columns.tap_step) * C;
    }
    const auto same = [&](Index k) {
      const Range other = columns.inside(k);
      return other.first == q.first && other.end == q.end;
    };
    const bool together = j + kTogether <= columns.count && same(j + kTogether - 1);
    const Index move = columns.move * C;
    if (together)
      sum_windows<kTogether>(r, C, move, finish, to + j * to_move, to_move);
    else
      sum_windows<1>(r, C, move, finish, to + j * to_move, to_move);
    j += together ? kTogether : 1;
  }
}

template <class T>
void places(const ConvShape& s, const T* x, const T* filters, const Finish<T>& finish, T* out, Index first,
            Index length) {
  const Windows rows = windows_of_places(s.height()), columns = windows_of_places(s.width());
  for (Index row = first; row < first + length; ++row)
    sum_row(rows, columns, row % s.OH, s.WW, s.C, x + row / s.OH * s.H * s.W * s.C, filters, finish,
            out + row * s.OW * s.C, s.C);
}

template <class T>
void pixels(const ConvShape& s, const T* dout, const T* filters, T* dx, Index first, Index length) {
  for (Index row = first; row < first + length; ++row) {
    const Index h = row % s.H;
    const Windows rows = windows_of_pixels(s.height(), Phase((h + s.pad.h) % s.stride.h, s.height()));
    for (Index pw = 0; pw < s.stride.w; ++pw) {
      const Phase phase(pw, s.width());
      sum_row(rows, windows_of_pixels(s.width(), phase), h / s.stride.h, s.WW, s.C,
              dout + row / s.H * s.OH * s.OW * s.C, filters, Finish<T>{nullptr, false},
              dx + (row * s.W + phase.first) * s.C, s.stride.w * s.C);
    }
  }
}

// sums[c], sums[C + c], ... += the products of dout and the pixels under each of kTaps taps.
template <int kTaps, class T>
HWY_INLINE void add_taps(const TapsOnRow<T>& r, T* sums) {
  for_vectors<T>(r.C, [&](auto d, Index c) HWY_ATTR {
    hn::Vec<decltype(d)> sum[kTaps];
    for (int q = 0; q < kTaps; ++q) sum[q] = hn::LoadU(d, sums + q * r.C + c);
    const auto add = [&](int q, Index j, auto g) HWY_ATTR {
      sum[q] = hn::MulAdd(g, hn::LoadU(d, r.x + j * r.move + q * r.tap_move + c), sum[q]);
    };
    const auto at = [&](Index j) HWY_ATTR { return hn::LoadU(d, r.dout + j * r.C + c); };
    for (int q = 0; q < kTaps; ++q)
      for (Index j = r.places[q].first; j < std::min(r.all.first, r.places[q].end); ++j) add(q, j, at(j));
    for (Index j = r.all.first; j < r.all.end; ++j) {
      const auto g = at(j);
      for (int q = 0; q < kTaps; ++q) add(q, j, g);
    }
    for (int q = 0; q < kTaps; ++q)
      for (Index j = r.all.end; j < r.places[q].end; ++j) add(q, j, at(j));
    for (int q = 0; q < kTaps; ++q) hn::StoreU(sum[q], d, sums + q * r.C + c);
  });
}

// sums [tap][c] += the gradients of the taps at the output rows first to first + length - 1 of all images.
template <class T>
void add_gradients(const ConvShape& s, const T* x, const T* dout, T* sums, Index first, Index length) {
  const Windows rows = windows_of_places(s.height());
  for (Index row = first; row < first + length; ++row) {
    const Index i = row % s.OH;
    const Range inside = rows.inside(i);
    for (Index p = inside.first; p < inside.end; ++p) {
      const Index h = i * s.stride.h - s.pad.h + p * s.dilation.h;
      Index taps = 0;
      for (Index q = 0; q < s.WW; q += taps) {
        const auto places = [&](Index tap) { return convolution::places_inside(tap, tap, s.width()); };
        TapsOnRow<T> r{};
        taps = q + 3 <= s.WW ? 3 : 1;
        for (Index k = 0; k < taps; ++k) r.places[k] = places(q + k);
        r.all = {r.places[0].first, std::max(r.places[0].first, r.places[taps - 1].end)};
        r.dout = dout + row * s.OW * s.C;
        r.x = x + ((row / s.OH * s.H + h) * s.W + q * s.dilation.w - s.pad.w) * s.C;
        r.C = s.C;
        r.move = s.stride.w * s.C;
        r.tap_move = s.dilation.w * s.C;
        T* to = sums + (p * s.WW + q) * s.C;
        taps == 3 ? add_taps<3>(r, to) : add_taps<1>(r, to);
      }
    }
  }
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

template <class T>
void depthwise_forward(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out) {
  const T* filters = by_tap(s, w);
  const auto kernel = LAMINA_DISPATCH(places<T>);
  for_chunks(Chunks::about(1 << 14, s.N * s.OH, s.OW * s.C), [&](Index first, Index length) {
    kernel(s, x, filters, {b, relu}, out, first, length);
  });
}

template <class T>
void depthwise_backward_data(const ConvShape& s, const T* dout, const T* w, T* dx) {
  const T* filters = by_tap(s, w);
  const auto kernel = LAMINA_DISPATCH(pixels<T>);
  for_chunks(Chunks::about(1 << 14, s.N * s.H, s.W * s.C),
             [&](Index first, Index length) { kernel(s, dout, filters, dx, first, length); });
}

template <class T>
void depthwise_backward_filter(const ConvShape& s, const T* x, const T* dout, T* dw) {
  constexpr Index kSums = 16;  // partial sums, which different threads can compute
  const auto kernel = LAMINA_DISPATCH(add_gradients<T>);
  const Index taps = s.HH * s.WW, size = taps * s.C;
  const Chunks rows{s.N * s.OH, ceil_div(s.N * s.OH, kSums)};
  T* sums = workspace<DepthwiseSums, T>(rows.count() * size);
  for_chunks(rows, [&](Index chunk, Index first, Index length) {
    T* own = sums + chunk * size;
    std::fill_n(own, size, T{0});
    kernel(s, x, dout, own, first, length);
  });
  for (Index chunk = 1; chunk < rows.count(); ++chunk)
    for (Index i = 0; i < size; ++i) sums[i] += sums[chunk * size + i];
  for (Index c = 0; c < s.C; ++c)
    for (Index tap = 0; tap < taps; ++tap) dw[c * taps + tap] = sums[tap * s.C + c];
}

LAMINA_FLOAT_AND_DOUBLE(depthwise_forward);
LAMINA_FLOAT_AND_DOUBLE(depthwise_backward_data);
LAMINA_FLOAT_AND_DOUBLE(depthwise_backward_filter);

}  // namespace lamina::kernels
#endif
