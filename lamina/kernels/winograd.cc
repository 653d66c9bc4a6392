#include "lamina/kernels/winograd.h"

#include <algorithm>
#include <cmath>

#include "lamina/kernels/parallel.h"
#include "lamina/kernels/winograd_grid.h"
#include "lamina/kernels/workspace.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/winograd.cc"
#include "lamina/kernels/simd.h"
#include "lamina/kernels/tile-inl.h"
#include "lamina/kernels/winograd-inl.h"

#ifndef LAMINA_KERNELS_WINOGRAD_SLOTS
#define LAMINA_KERNELS_WINOGRAD_SLOTS
namespace lamina::kernels {
namespace {

using namespace winograd;

struct Taps {};             // scratch of the calling thread: filters by tap, [a][b][in][out]
struct Filters {};          // and at the points
struct FilterGradients {};  // gradients of filters at the points
struct Inputs {};           // scratch of each thread, or of the calling one: tiles of inputs at the points
struct Gradients {};        // tiles of dout at the points
struct Outputs {};          // tiles of outputs at the points
struct Cells {};            // padded images

constexpr Index kChunkTiles = 32;       // that are transformed together
constexpr Index kGroupBytes = 2 << 20;  // of inputs and gradients at the points that filters' gradients take at a time
constexpr Index kApart = 16;            // elements that keep the values of two points off the same cache lines

}  // namespace
}  // namespace lamina::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;

HWY_INLINE Index float_lanes() { return static_cast<Index>(hn::Lanes(Floats())); }

// Where the values of tiles at the points lie: point p of tile t at p apart + t channels.
struct AtPoints {
  float* data;
  Index channels, apart;
};
template <class Slot>
HWY_INLINE AtPoints at_points(Index points, Index tiles, Index channels) {
  const Index apart = tiles * channels + kApart;
  return {workspace<Slot, float>(points * apart), channels, apart};
}

// Tiles of `kIn` x `kIn` cells, kTile apart, of an image of cells: their values at the kN x kN points, from tile `to`
// on.
template <int kN, int kIn, class Line>
HWY_INLINE void transform_tiles(Line line, const float* cells, Index pitch, Index rows, Index columns,
                                const AtPoints& v, Index to) {
  const Floats d;
  const Index lanes = float_lanes(), C = v.channels;
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j, ++to)
      for (Index c = 0; c < C; c += lanes) {
        const float* from = cells + (i * kTile * pitch + j * kTile) * C + c;
        float* at = v.data + to * C + c;
        both_ways<kIn, kN>(
            d, line, [=](int y, int x) HWY_ATTR { return hn::LoadU(d, from + (y * pitch + x) * C); },
            [=](int y, int x, auto value) HWY_ATTR { hn::StoreU(value, d, at + (y * kN + x) * v.apart); });
      }
}

// Filters at the points, [point][panel][block][in][column of the panel], from taps [a][b][in][out].
template <int kN>
HWY_INLINE void filters_to_points(const Grid& g, Index out, Index width, const float* taps, float* u) {
  constexpr Index kTaps = Winograd<kN>::kTaps;
  const Index lanes = float_lanes(), C = g.channels, panels = ceil_div(out, width);
  const Index panel_size = g.blocks() * C * width;
  parallel_for(C, [&](Index c) HWY_ATTR {
    const Floats d;
    for (Index i = 0; i < g.h.blocks(); ++i)
      for (Index j = 0; j < g.w.blocks(); ++j)
        for (Index k = 0; k < out; k += lanes) {
          float* to = u + k / width * panel_size + ((i * g.w.blocks() + j) * C + c) * width + k % width;
          both_ways<kTaps, kN>(
              d, ToPoints<kN, kTaps, true>(),
              [&](int y, int x) HWY_ATTR {
                const Index a = i * kTaps + y, b = j * kTaps + x;
                return a < g.h.taps && b < g.w.taps ? hn::LoadU(d, taps + ((a * g.w.taps + b) * C + c) * out + k)
                                                    : hn::Zero(d);
              },
              [&](int y, int x, auto value)
                  HWY_ATTR { hn::StoreU(value, d, to + (y * kN + x) * panels * panel_size); });
        }
  });
}

// Where results go: images (pixels_h, pixels_w, C), `step` x `step` pixels a place.
struct Target {
  float* images;
  const float* bias;  // of channels, or null
  bool relu;
  Index pixels_h, pixels_w, C, step;
};

// The 4 x 4 places of one tile and one vector of channels, from the values at the points.
template <int kN>
HWY_INLINE void store_tile(const Target& t, const float* at, Index apart, Index channel, Index image, Index top,
                           Index left, Index places_h, Index places_w) {
  const Floats d;
  const Index lanes = float_lanes(), all = t.step * t.step * t.C;
  const Index phase = channel / t.C, c = channel % t.C;
  const bool whole = c + lanes <= t.C;  // all lanes belong to one pixel
  const Index last_i = std::min<Index>(kTile, places_h - top), last_j = std::min<Index>(kTile, places_w - left);
  HWY_ALIGN float lane[hn::MaxLanes(Floats())], bias[hn::MaxLanes(Floats())] = {};
  if (t.bias) std::copy_n(t.bias + c, std::min(lanes, t.C - c), bias);
  const auto add = hn::Load(d, bias);
  both_ways<kN, 4>(
      d, FromPoints<kN, 4, false>(), [&](int y, int x) HWY_ATTR { return hn::LoadU(d, at + (y * kN + x) * apart); },
      [&](int y, int x, auto value) HWY_ATTR {
        if (y >= last_i || x >= last_j) return;
        if (t.bias) value = hn::Add(value, add);
        if (t.relu) value = hn::IfThenElse(hn::Lt(value, hn::Zero(d)), hn::Zero(d), value);
        const Index i = (top + y) * t.step, j = (left + x) * t.step;
        if (whole) {
          const Index h = i + phase / t.step, w = j + phase % t.step;
          if (h < t.pixels_h && w < t.pixels_w)
            hn::StoreU(value, d, t.images + ((image * t.pixels_h + h) * t.pixels_w + w) * t.C + c);
          return;
        }
        hn::Store(value, d, lane);
        for (Index k = 0; k < std::min(lanes, all - channel); ++k) {
          const Index pixel = (channel + k) / t.C, h = i + pixel / t.step, w = j + pixel % t.step;
          if (h < t.pixels_h && w < t.pixels_w)
            t.images[((image * t.pixels_h + h) * t.pixels_w + w) * t.C + (channel + k) % t.C] = lane[k];
        }
      });
}

template <int kN>
HWY_INLINE void convolve(const Grid& g, const float* images, const float* u, Index out, Index width,
                         const Target& target) {
  constexpr Index kPoints = kN * kN;
  const Index lanes = float_lanes(), C = g.channels, panels = ceil_div(out, width);
  const Index tiles_w = g.w.tiles(), in_w = g.w.input_tiles();
  const Index band = std::min(g.h.tiles(), std::max<Index>(1, kChunkTiles / tiles_w)),
              bands = ceil_div(g.h.tiles(), band);
  const Index together = bands > 1 ? 1 : std::clamp<Index>(kChunkTiles / g.tiles(), 1, g.images);
  const Index pitch = (in_w - 1) * kTile + kN, panel_size = g.blocks() * C * width;
  parallel_for(ceil_div(g.images, together) * bands, [&](Index chunk) HWY_ATTR {
    const Index n0 = chunk / bands * together, n1 = std::min(n0 + together, g.images);
    const Index row0 = chunk % bands * band, rows = std::min(band, g.h.tiles() - row0);
    const Index in_rows = rows + g.h.blocks() - 1, in_tiles = in_rows * in_w;
    const AtPoints v = at_points<Inputs>(kPoints, (n1 - n0) * in_tiles, C);
    const Index cell_rows = (in_rows - 1) * kTile + kN;
    float* cells = workspace<Cells, float>(cell_rows * pitch * C);
    for (Index n = n0; n < n1; ++n) {
      gather_cells(g, images + n * g.h.pixels * g.w.pixels * g.C, row0 * kTile - g.h.before, cell_rows, -g.w.before,
                   pitch, cells);
      transform_tiles<kN, kN>(InputLine<kN>(), cells, pitch, in_rows, in_w, v, (n - n0) * in_tiles);
    }
    const AtPoints m = at_points<Outputs>(kPoints, (n1 - n0) * rows * tiles_w, out);
    TileArgs<float> t{};
    t.a_row = C;
    t.a_k = 1;
    t.a_step = in_w * C;
    t.b_k = width;
    t.b_step = g.w.blocks() * C * width;
    t.k = g.w.blocks() * C;
    t.runs = g.h.blocks();
    t.ldc = out;
    for (Index p = 0; p < kPoints; ++p)
      for (Index panel = 0; panel < panels; ++panel) {
        t.columns = std::min(width, out - panel * width);
        t.b = u + (p * panels + panel) * panel_size;
        t.a = v.data + p * v.apart;
        t.c = m.data + p * m.apart + panel * width;
        if (g.blocks() == 1) {
          tile_rows(t, (n1 - n0) * rows * tiles_w);
          continue;
        }
        for (Index n = n0; n < n1; ++n)
          for (Index i = 0; i < rows; ++i) {
            t.a = v.data + p * v.apart + ((n - n0) * in_tiles + i * in_w) * C;
            tile_rows(t, tiles_w);
            t.c += tiles_w * out;
          }
      }
    Index tile = 0;
    for (Index n = n0; n < n1; ++n)
      for (Index i = row0; i < row0 + rows; ++i)
        for (Index j = 0; j < tiles_w; ++j, ++tile)
          for (Index c = 0; c < out; c += lanes)
            store_tile<kN>(target, m.data + tile * out + c, m.apart, c, n, i * kTile, j * kTile, g.h.places,
                           g.w.places);
  });
}

HWY_INLINE Index panel_width(Index columns) { return columns <= float_lanes() ? float_lanes() : tile_columns<float>(); }

HWY_INLINE Grid forward_grid(const ConvShape& s) {
  const Axis h = forward_axis(s.H, s.HH, s.stride, s.pad, s.OH), w = forward_axis(s.W, s.WW, s.stride, s.pad, s.OW);
  return {s.N, h, w, s.C, round_up(s.stride * s.stride * s.C, float_lanes())};
}

template <int kN>
HWY_INLINE void convolve_with(const Grid& g, const float* images, const float* taps, Index out, const Target& target) {
  const Index width = panel_width(out), panels = ceil_div(out, width);
  float* u = workspace<Filters, float>(kN * kN * panels * g.blocks() * g.channels * width);
  filters_to_points<kN>(g, out, width, taps, u);
  convolve<kN>(g, images, u, out, width, target);
}

void Forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  const Grid g = forward_grid(s);
  const Index F = round_up(s.F, float_lanes()), size = g.h.taps * g.w.taps * g.channels * F;
  float* taps = std::fill_n(workspace<Taps, float>(size), size, 0.0f) - size;
  parallel_for(s.C, [&](Index c) HWY_ATTR {
    each_tap(s, g.h, g.w, [&](Index p, Index q, Index a, Index bb, Index phase) {
      float* to = taps + ((a * g.w.taps + bb) * g.channels + phase * s.C + c) * F;
      for (Index f = 0; f < s.F; ++f) to[f] = w[((f * s.C + c) * s.HH + p) * s.WW + q];
    });
  });
  const Target target{out, b, relu, s.OH, s.OW, s.F, 1};
  g.taps() <= 3 ? convolve_with<6>(g, x, taps, F, target) : convolve_with<7>(g, x, taps, F, target);
}

void BackwardData(const ConvShape& s, const float* dout, const float* w, float* dx) {
  const Grid cells = forward_grid(s);
  const Grid g{s.N, gradient_axis(cells.h, s.OH), gradient_axis(cells.w, s.OW), s.F, round_up(s.F, float_lanes())};
  const Index out = cells.channels, size = g.h.taps * g.w.taps * g.channels * out;
  float* taps = std::fill_n(workspace<Taps, float>(size), size, 0.0f) - size;
  parallel_for(s.F, [&](Index f) HWY_ATTR {
    each_tap(s, cells.h, cells.w, [&](Index p, Index q, Index a, Index b, Index phase) {
      float* to = taps + (((g.h.taps - 1 - a) * g.w.taps + g.w.taps - 1 - b) * g.channels + f) * out + phase * s.C;
      for (Index c = 0; c < s.C; ++c) to[c] = w[((f * s.C + c) * s.HH + p) * s.WW + q];
    });
  });
  const Target target{dx, nullptr, false, s.H, s.W, s.C, s.stride};
  g.taps() <= 3 ? convolve_with<6>(g, dout, taps, out, target) : convolve_with<7>(g, dout, taps, out, target);
}

// [a][b][in][out] += over all images, from sums at the points.
template <int kN>
HWY_INLINE void gradient_of_taps(const Grid& g, const float* x, const float* dout, Index F, float* taps) {
  constexpr Index kPoints = kN * kN, kTaps = Winograd<kN>::kTaps;
  const Index lanes = float_lanes(), C = g.channels, out = round_up(F, lanes), width = panel_width(out);
  const Index panels = ceil_div(out, width), tiles = g.tiles(), in_tiles = g.input_tiles(), blocks = g.blocks();
  const Index each = kPoints * (in_tiles * C + tiles * out) * static_cast<Index>(sizeof(float));
  const Index group = std::clamp<Index>(kGroupBytes / each, 1, g.images);
  const AtPoints v = at_points<Inputs>(kPoints, group * in_tiles, C);
  const AtPoints y = at_points<Gradients>(kPoints, group * tiles, out);
  float* sums = workspace<FilterGradients, float>(kPoints * blocks * C * out);
  const Grid gradient{g.images, {g.h.places, 1, 0, 1, g.h.places}, {g.w.places, 1, 0, 1, g.w.places}, F, out};
  for (Index first = 0; first < g.images; first += group) {
    const Index images = std::min(group, g.images - first);
    parallel_for(2 * images, [&](Index chunk) HWY_ATTR {
      const Index n = chunk / 2;
      if (chunk % 2 == 0) {
        const Index rows = (g.h.input_tiles() - 1) * kTile + kN, columns = (g.w.input_tiles() - 1) * kTile + kN;
        float* cells = workspace<Cells, float>(rows * columns * C);
        gather_cells(g, x + (first + n) * g.h.pixels * g.w.pixels * g.C, -g.h.before, rows, -g.w.before, columns,
                     cells);
        transform_tiles<kN, kN>(InputLine<kN>(), cells, columns, g.h.input_tiles(), g.w.input_tiles(), v, n * in_tiles);
      } else {
        const Index rows = g.h.tiles() * kTile, columns = g.w.tiles() * kTile;
        const float* cells = dout + (first + n) * g.h.places * g.w.places * F;
        if (rows != g.h.places || columns != g.w.places || F != out) {
          float* padded = workspace<Cells, float>(rows * columns * out);
          gather_cells(gradient, cells, 0, rows, 0, columns, padded);
          cells = padded;
        }
        transform_tiles<kN, 4>(ToPoints<kN, 4, false>(), cells, columns, g.h.tiles(), g.w.tiles(), y, n * tiles);
      }
    });
    parallel_for(kPoints * blocks, [&](Index chunk) HWY_ATTR {
      const Index p = chunk / blocks, i = chunk % blocks / g.w.blocks(), j = chunk % g.w.blocks();
      TileArgs<float> t{};
      t.a_row = 1;
      t.a_k = C;
      t.b_k = out;
      t.ldc = out;
      t.accumulate = first > 0;
      if (blocks == 1) {
        t.k = images * tiles;
      } else {
        t.k = g.w.tiles();
        t.runs = g.h.tiles();
        t.images = images;
        t.a_step = g.w.input_tiles() * C;
        t.b_step = t.k * out;
        t.a_image = in_tiles * C;
        t.b_image = tiles * out;
      }
      for (Index panel = 0; panel < panels; ++panel) {
        t.columns = std::min(width, out - panel * width);
        t.a = v.data + p * v.apart + (i * g.w.input_tiles() + j) * C;
        t.b = y.data + p * y.apart + panel * width;
        t.c = sums + chunk * C * out + panel * width;
        tile_rows(t, C);
      }
    });
  }
  parallel_for(C, [&](Index c) HWY_ATTR {
    const Floats d;
    for (Index i = 0; i < g.h.blocks(); ++i)
      for (Index j = 0; j < g.w.blocks(); ++j)
        for (Index k = 0; k < out; k += lanes) {
          const float* from = sums + ((i * g.w.blocks() + j) * C + c) * out + k;
          both_ways<kN, kTaps>(
              d, FromPoints<kN, kTaps, true>(),
              [&](int a, int b) HWY_ATTR { return hn::LoadU(d, from + (a * kN + b) * blocks * C * out); },
              [&](int y_tap, int x_tap, auto value) HWY_ATTR {
                const Index a = i * kTaps + y_tap, b = j * kTaps + x_tap;
                if (a < g.h.taps && b < g.w.taps) hn::StoreU(value, d, taps + ((a * g.w.taps + b) * C + c) * out + k);
              });
        }
  });
}

void BackwardFilter(const ConvShape& s, const float* x, const float* dout, float* dw) {
  const Grid g = forward_grid(s);
  const Index F = round_up(s.F, float_lanes());
  float* taps = workspace<Taps, float>(g.h.taps * g.w.taps * g.channels * F);
  g.taps() <= 3 ? gradient_of_taps<6>(g, x, dout, s.F, taps) : gradient_of_taps<7>(g, x, dout, s.F, taps);
  parallel_for(s.C, [&](Index c) HWY_ATTR {
    each_tap(s, g.h, g.w, [&](Index p, Index q, Index a, Index b, Index phase) {
      const float* from = taps + ((a * g.w.taps + b) * g.channels + phase * s.C + c) * F;
      for (Index f = 0; f < s.F; ++f) dw[((f * s.C + c) * s.HH + p) * s.WW + q] = from[f];
    });
  });
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace lamina::kernels {

// Multiplications and additions of one tile of outputs, those of the transforms counted thrice, since they wait for
// memory. The constants are those that fit the measured times of AVX-512 and AVX2 (bench/conv.cc).
bool winograd_suits(const ConvShape& s, double direct_speed) {
  constexpr double kLanes = 16, kTransform = 3, kGain = 0.85;
  if (s.HH != s.WW || s.stride > s.HH || s.N == 0 || s.OH == 0 || s.OW == 0) return false;
  const Axis h = forward_axis(s.H, s.HH, s.stride, s.pad, s.OH), w = forward_axis(s.W, s.WW, s.stride, s.pad, s.OW);
  if (h.taps < 3 || h.taps > 2 * kTile) return false;
  const double n = h.taps <= 3 ? 6 : 7;
  const auto vectors = [&](Index channels) { return kLanes * std::ceil(static_cast<double>(channels) / kLanes); };
  const double in = vectors(s.stride * s.stride * s.C), out = vectors(s.F);
  const double tiles = static_cast<double>(h.tiles() * w.tiles());
  const double in_tiles = static_cast<double>(h.input_tiles() * w.input_tiles());
  const double products = n * n * static_cast<double>(h.blocks() * w.blocks()) * in * out;
  const double transforms = in_tiles / tiles * 2 * n * 3 * n * in + (n + 4) * 15 * out;
  const double direct = static_cast<double>(s.OH * s.OW * s.HH * s.WW * s.C * s.F);
  return tiles * (products + kTransform * transforms) < kGain / direct_speed * direct;
}

HWY_EXPORT(Forward);
HWY_EXPORT(BackwardData);
HWY_EXPORT(BackwardFilter);

void winograd_forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  LAMINA_DISPATCH(Forward)(s, x, w, b, relu, out);
}
void winograd_backward_data(const ConvShape& s, const float* dout, const float* w, float* dx) {
  LAMINA_DISPATCH(BackwardData)(s, dout, w, dx);
}
void winograd_backward_filter(const ConvShape& s, const float* x, const float* dout, float* dw) {
  LAMINA_DISPATCH(BackwardFilter)(s, x, dout, dw);
}

}  // namespace lamina::kernels
#endif
