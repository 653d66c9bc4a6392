// The geometry of a convolution: which pixels, filter taps and output positions ("places") belong together.
#pragma once

#include <algorithm>

#include "lamina/kernels/convolution/conv.h"
#include "lamina/kernels/machine/chunks.h"

namespace lamina::kernels::convolution {

/// The numbers from `first` to end - 1.
struct Range {
  Index first, end;
  Index length() const { return end - first; }
};

/// The taps p of 0 .. taps - 1 for which 0 <= top + p < length, that is, which do not fall on padding.
inline Range taps_inside(Index top, Index taps, Index length) {
  const Index first = std::clamp<Index>(-top, 0, taps);
  return {first, std::clamp<Index>(length - top, first, taps)};
}

/// The output places i of 0 .. places - 1 at which some tap of first_tap .. last_tap falls on a pixel:
/// 0 <= i stride - pad + tap < pixels.
inline Range places_inside(Index first_tap, Index last_tap, Index stride, Index pad, Index pixels, Index places) {
  const Index first = std::clamp<Index>(ceil_div(std::max<Index>(0, pad - last_tap), stride), 0, places);
  const Index reach = pixels - 1 + pad - first_tap;  // the last place is the one at or before pixel pixels - 1
  return {first, reach < 0 ? first : std::clamp<Index>(reach / stride + 1, first, places)};
}

/// The image rows that output rows first .. end - 1 read.
inline Range rows_read(const ConvShape& s, Index first, Index end) {
  const Index from = std::clamp<Index>(first * s.stride - s.pad, 0, s.H);
  return {from, std::clamp<Index>((end - 1) * s.stride - s.pad + s.HH, from, s.H)};
}

/// The gradient of the input splits into stride x stride phases of pixels. For each it is a convolution of dout with
/// the filter taps of that phase in reverse order. Along one axis, a phase is the pixels i with
/// (i + pad) % stride == phase.
struct Phase {
  Index first, count;  ///< the first of these pixels, and their number
  Index taps;          ///< the number of filter taps that fall on them: phase, phase + stride, ...
  Index place;         ///< the output place whose tap `phase` falls on the first pixel

  Phase(Index phase, Index pixels, Index filter, Index stride, Index pad)
      : first(((phase - pad) % stride + stride) % stride),
        count(first < pixels ? (pixels - 1 - first) / stride + 1 : 0),
        taps(phase < filter ? (filter - 1 - phase) / stride + 1 : 0),
        place((first + pad - phase) / stride) {}
};

/// The zero padding of dout's rows, in pixels: as far as the taps of any phase reach.
struct GradientRows {
  Index left, right;

  explicit GradientRows(const ConvShape& s)
      : left(ceil_div(s.WW, s.stride) - 1), right(std::max<Index>(0, (s.W - 1 + s.pad) / s.stride - (s.OW - 1))) {}
  Index pixels(const ConvShape& s) const { return left + s.OW + right; }
  /// The rows of dout that the gradients of image rows first .. end - 1 read.
  static Range read(const ConvShape& s, Index first, Index end) {
    const Index from = std::clamp<Index>((first + s.pad - s.HH + 1) / s.stride, 0, s.OH);
    return {from, std::clamp<Index>((end - 1 + s.pad) / s.stride + 1, from, s.OH)};
  }
};

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
