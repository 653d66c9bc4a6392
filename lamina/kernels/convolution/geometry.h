// The geometry of a convolution: which pixels, filter taps and output positions ("places") belong together.
#pragma once

#include <algorithm>
#include <numeric>

#include "lamina/kernels/convolution/conv.h"
#include "lamina/kernels/machine/chunks.h"

namespace lamina::kernels::convolution {

/// The numbers from `first` to end - 1.
struct Range {
  Index first, end;
  Index length() const { return end - first; }
};

/// The taps p of 0 .. taps - 1 for which 0 <= top + p step < length, that is, which do not fall on padding.
inline Range taps_inside(Index top, Index taps, Index step, Index length) {
  const Index first = std::clamp<Index>(ceil_div(-top, step), 0, taps);
  return {first, std::clamp<Index>(ceil_div(length - top, step), first, taps)};
}

/// The output places i of 0 .. a.places - 1 at which some tap of first_tap .. last_tap may fall on a pixel.
inline Range places_inside(Index first_tap, Index last_tap, const ConvAxis& a) {
  const Index first =
      std::clamp<Index>(ceil_div(std::max<Index>(0, a.pad - last_tap * a.dilation), a.stride), 0, a.places);
  const Index reach = a.pixels - 1 + a.pad - first_tap * a.dilation;  // the last place is the one at or before this
  return {first, reach < 0 ? first : std::clamp<Index>(reach / a.stride + 1, first, a.places)};
}

/// The image rows that output rows first .. end - 1 read.
inline Range rows_read(const ConvAxis& a, Index first, Index end) {
  const Index from = std::clamp<Index>(first * a.stride - a.pad, 0, a.pixels);
  return {from, std::clamp<Index>((end - 1) * a.stride - a.pad + (a.taps - 1) * a.dilation + 1, from, a.pixels)};
}

/// The gradient of the input splits into phases of pixels, as many as the stride along each axis. For each it is a
/// convolution of dout with the filter taps of that phase in reverse order. Along one axis, a phase is the pixels i
/// with (i + pad) % stride == phase. A tap p falls on them if p dilation % stride == phase.
struct Phase {
  Index first, count;  ///< the first of these pixels, and their number
  Index tap, step;     ///< the taps that fall on them: tap, tap + step, ...
  Index taps = 0;      ///< the number of these
  Index place = 0;     ///< the output place at which `tap` falls on the first pixel
  Index back;          ///< from one tap to the next, that place is `back` lower

  Phase(Index phase, const ConvAxis& a)
      : first(((phase - a.pad) % a.stride + a.stride) % a.stride),
        count(first < a.pixels ? (a.pixels - 1 - first) / a.stride + 1 : 0),
        tap(a.dilation == 1 ? phase : 0),
        step(a.dilation == 1 ? a.stride : a.stride / std::gcd(a.stride, a.dilation)),
        back(a.dilation == 1 ? 1 : a.dilation / std::gcd(a.stride, a.dilation)) {
    while (tap < std::min(a.taps, step) && tap * a.dilation % a.stride != phase) ++tap;
    if (tap >= std::min(a.taps, step)) {
      tap = 0;
      return;
    }
    taps = (a.taps - 1 - tap) / step + 1;
    place = (first + a.pad - tap * a.dilation) / a.stride;
  }
  /// Negative if there is none.
  Index last_tap() const { return tap + (taps - 1) * step; }
  /// The output place at which the last tap falls on the first pixel.
  Index lowest_place() const { return place - (taps - 1) * back; }
};

/// The zero padding of dout's rows, in pixels: as far as the taps of any phase reach.
struct GradientRows {
  Index left, right;

  explicit GradientRows(const ConvAxis& width)
      : left((width.taps - 1) * width.dilation / width.stride),
        right(std::max<Index>(0, (width.pixels - 1 + width.pad) / width.stride - (width.places - 1))) {}
  Index pixels(const ConvShape& s) const { return left + s.OW + right; }
  /// The rows of dout that the gradients of image rows first .. end - 1 read.
  static Range read(const ConvAxis& a, Index first, Index end) {
    const Index from = std::clamp<Index>((first + a.pad - (a.taps - 1) * a.dilation) / a.stride, 0, a.places);
    return {from, std::clamp<Index>((end - 1 + a.pad) / a.stride + 1, from, a.places)};
  }
};

/// Whether a convolution is a product of matrices: (pixels, C) of the images and (C, F) of the filters.
inline bool is_product(const ConvShape& s) {
  return s.HH == 1 && s.WW == 1 && s.stride == 1 && s.pad == 0 && s.groups == 1;
}

/// The same convolution with each image as one row of pixels if it is a product, so that tiles are not cut at the ends
/// of rows. The results have the same bits. With few images, rows are kept for threads to share.
inline ConvShape with_long_rows(const ConvShape& s) {
  if (!is_product(s) || s.N < 8) return s;
  ConvShape r = s;
  r.H = r.OH = 1;
  r.W = r.OW = s.H * s.W;
  return r;
}

/// Chunks of the rows of one image: the whole image if there are enough images, else several chunks per image.
inline Chunks rows_of_images(Index images, Index rows) {
  return {rows, images >= 8 ? std::max<Index>(1, rows) : std::max<Index>(1, rows * images / 8)};
}

/// Stores gradient (HH, WW, C, F) in the public layout, dw (F, C, HH, WW).
template <class T>
void store_filter_gradient(const ConvShape& s, const T* gradient, T* dw) {
  parallel_for(s.F, [&](Index f) {
    for (Index c = 0; c < s.C; ++c)
      for (Index pq = 0; pq < s.HH * s.WW; ++pq)
        dw[(f * s.C + c) * s.HH * s.WW + pq] = gradient[(pq * s.C + c) * s.F + f];
  });
}

}  // namespace lamina::kernels::convolution
