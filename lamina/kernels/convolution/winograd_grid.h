// How a convolution of any stride is mapped to Winograd's tiles: axes, cells of pixels, and the position of filter
// taps.
#pragma once

#include <algorithm>
#include <utility>

#include "lamina/kernels/convolution/conv.h"
#include "lamina/kernels/machine/chunks.h"

namespace lamina::kernels::winograd {

inline constexpr Index kTile = 4;              // output places along a side of a tile
inline constexpr Index kChunkTiles = 32;       // tiles that are transformed together
inline constexpr Index kApart = 16;            // elements of padding between the values at two points
inline constexpr Index kGroupBytes = 2 << 20;  // transformed inputs and gradients that a filter gradient sums at a time

// Scratch memory (machine/workspace.h). "At the points" means transformed.
struct Taps {};             // filters by tap, [a][b][in][out]
struct Filters {};          // filters at the points
struct FilterGradients {};  // gradients of filters at the points
struct Inputs {};           // tiles of inputs at the points
struct Gradients {};        // tiles of dout at the points
struct Outputs {};          // tiles of outputs at the points
struct Cells {};            // padded images

// One axis of a convolution of stride 1 over cells of `step` adjacent pixels. Output place o reads the cells
// o - before .. o - before + taps - 1.
struct Axis {
  Index pixels, step, before, taps, places;
  Index cells() const { return ceil_div(pixels, step); }
  Index tiles() const { return ceil_div(places, kTile); }
  Index blocks() const { return ceil_div(taps, kTile); }  // of four taps; each further block reads one tile further
  Index input_tiles() const { return tiles() + blocks() - 1; }
};

// A strided convolution is one of stride 1 over cells of stride x stride pixels, whose channels are the concatenated
// channels of the pixels. Pixel h is in cell h / step. Taps before the filter's first and after its last are zero.
inline Axis forward_axis(const ConvAxis& a) {
  const Index before = ceil_div(a.pad, a.stride);
  const Index last = a.taps - 1 - a.pad;
  const Index behind = last >= 0 ? last / a.stride : -ceil_div(-last, a.stride);
  return {a.pixels, a.stride, before, behind + before + 1, a.places};
}
// The axis of the input's gradient: the places of dout are its pixels, and taps run in reverse.
inline Axis gradient_axis(const Axis& a, Index places_of_dout) {
  return {places_of_dout, 1, a.taps - 1 - a.before, a.taps, a.cells()};
}

struct Grid {
  Index images;
  Axis h, w;
  Index C;         // channels of a pixel
  Index channels;  // channels of a cell, rounded up to whole vectors
  Index tiles() const { return h.tiles() * w.tiles(); }
  Index input_tiles() const { return h.input_tiles() * w.input_tiles(); }
  Index blocks() const { return h.blocks() * w.blocks(); }
  Index taps() const { return std::max(h.taps, w.taps); }
};

// Copies `rows` rows of cells of an image from row `first` on, and of each `columns` cells from column `left` on, with
// g.channels channels per cell. Pixels outside the image are zeros.
inline void gather_cells(const Grid& g, const float* image, Index first, Index rows, Index left, Index columns,
                         float* to) {
  const Index step = g.h.step, piece = step * g.C;  // a cell's part of one pixel row, contiguous in the image
  const Index used = step * piece;
  for (Index i = first; i < first + rows; ++i) {
    if (i < 0 || i >= g.h.cells()) {
      to = std::fill_n(to, columns * g.channels, 0.0f);
      continue;
    }
    const Index j0 = std::clamp<Index>(-left, 0, columns), j1 = std::clamp<Index>(g.w.cells() - left, j0, columns);
    to = std::fill_n(to, j0 * g.channels, 0.0f);
    if (step == 1 && g.channels == g.C) {
      to = std::copy_n(image + (i * g.w.pixels + left + j0) * g.C, (j1 - j0) * g.C, to);
    } else {
      for (Index j = left + j0; j < left + j1; ++j, to += g.channels) {
        for (Index ph = 0; ph < step; ++ph) {
          const Index h = i * step + ph, count = h < g.h.pixels ? std::min(piece, (g.w.pixels - j * step) * g.C) : 0;
          float* end = std::copy_n(image + (h * g.w.pixels + j * step) * g.C, count, to + ph * piece);
          std::fill(end, to + (ph + 1) * piece, 0.0f);
        }
        std::fill(to + used, to + g.channels, 0.0f);
      }
    }
    to = std::fill_n(to, (columns - j1) * g.channels, 0.0f);
  }
}

// Calls body(p, q, a, b, phase) for each element (p, q) of a filter: it belongs to the tap (a, b), and to pixel `phase`
// of the cell.
template <class Body>
void each_tap(const ConvShape& s, const Axis& h, const Axis& w, Body&& body) {
  const auto place = [&](Index p, Index pad, const Axis& axis) {  // (tap, pixel of the cell)
    const Index at = p - pad + axis.before * axis.step;
    return std::pair<Index, Index>(at / axis.step, at % axis.step);
  };
  for (Index p = 0; p < s.HH; ++p)
    for (Index q = 0; q < s.WW; ++q) {
      const auto [a, ph] = place(p, s.pad.h, h);
      const auto [b, pw] = place(q, s.pad.w, w);
      body(p, q, a, b, ph * w.step + pw);
    }
}

}  // namespace lamina::kernels::winograd
