// Convolutions and their gradients by Winograd's algorithm, for any format of transformed values. Compiled once for
// each instruction set.
#if defined(LAMINA_KERNELS_CONVOLUTION_WINOGRAD_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef LAMINA_KERNELS_CONVOLUTION_WINOGRAD_TILES_INL_H_
#undef LAMINA_KERNELS_CONVOLUTION_WINOGRAD_TILES_INL_H_
#else
#define LAMINA_KERNELS_CONVOLUTION_WINOGRAD_TILES_INL_H_
#endif

#include <algorithm>

#include "lamina/kernels/convolution/winograd_formats-inl.h"
#include "lamina/kernels/convolution/winograd_grid.h"
#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
using namespace winograd;  // NOLINT

// Transformed tiles: the values of tile t at point p begin at data[p apart + t channels].
template <class Value>
struct AtPoints {
  Value* data;
  Index channels, apart;
};
template <class Slot, class Value>
HWY_INLINE AtPoints<Value> at_points(Index points, Index tiles, Index channels) {
  const Index apart = tiles * channels + kApart;
  return {workspace<Slot, Value>(points * apart), channels, apart};
}

// Calls body(cell, tile) for each tile of an image of cells and each vector of channels, with the offsets of the tile's
// first cell and of its transformed values. Tiles are kTile cells apart.
template <class Body>
HWY_INLINE void each_tile(Index pitch, Index rows, Index columns, Index C, Body body) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j)
      for (Index c = 0; c < C; c += float_lanes())
        body((i * kTile * pitch + j * kTile) * C + c, (i * columns + j) * C + c);
}

// Transforms an image's tiles of kN x kN cells, and stores them as tiles `to` and following.
template <int kN, class Format>
HWY_INLINE void inputs_to_points(Format format, const float* cells, Index pitch, Index rows, Index columns,
                                 const AtPoints<typename Format::Single>& v, Index to) {
  const Index C = v.channels;
  each_tile(pitch, rows, columns, C, [&](Index cell, Index tile) HWY_ATTR {
    both_ways<kN, kN>(
        Floats(), InputLine<kN>(),
        [&](int y, int x) HWY_ATTR { return hn::LoadU(Floats(), cells + cell + (y * pitch + x) * C); },
        [&](int y, int x, auto value) HWY_ATTR { format.put(value, v.data + to * C + tile + (y * kN + x) * v.apart); });
  });
}

// The same for tiles of kIn x kIn cells of Format::kTogether images, which are `image` elements apart. Only the first
// `images` of them exist; the others count as zeros.
template <int kN, int kIn, class Format, class Line>
HWY_INLINE void images_to_points(Format format, Line line, const float* cells, Index image, int images, Index pitch,
                                 Index rows, Index columns, const AtPoints<typename Format::Joint>& v, Index to) {
  const Index C = v.channels;
  each_tile(pitch, rows, columns, C, [&](Index cell, Index tile) HWY_ATTR {
    format.template transform<kIn, kN>(
        line,
        [&](int n, int y, int x) HWY_ATTR {
          return n < images ? hn::LoadU(Floats(), cells + n * image + cell + (y * pitch + x) * C) : hn::Zero(Floats());
        },
        v.data + to * C + tile, v.apart);
  });
}

// Transforms filters, taps [a][b][in][out], to u [point][panel][block][in][column of the panel].
template <int kN, class Format>
HWY_INLINE void filters_to_points(Format format, const Grid& g, Index out, Index width, const float* taps,
                                  typename Format::Joint* u) {
  constexpr Index kTaps = Winograd<kN>::kTaps, kTogether = Format::kTogether;
  const Index C = g.channels, joint = C / kTogether, panels = ceil_div(out, width);
  const Index panel_size = g.blocks() * joint * width;
  parallel_for(joint, [&](Index c) HWY_ATTR {
    for (Index i = 0; i < g.h.blocks(); ++i)
      for (Index j = 0; j < g.w.blocks(); ++j)
        for (Index k = 0; k < out; k += float_lanes())
          format.template transform<kTaps, kN>(
              ToPoints<kN, kTaps, true>(),
              [&](int n, int y, int x) HWY_ATTR {
                const Index a = i * kTaps + y, b = j * kTaps + x;
                return a < g.h.taps && b < g.w.taps
                           ? hn::LoadU(Floats(), taps + ((a * g.w.taps + b) * C + c * kTogether + n) * out + k)
                           : hn::Zero(Floats());
              },
              u + k / width * panel_size + ((i * g.w.blocks() + j) * joint + c) * width + k % width,
              panels * panel_size);
  });
}

// The output images (pixels_h, pixels_w, C), with `step` x `step` pixels for each output place.
struct Target {
  float* images;
  const float* bias;  // (C,), or null
  bool relu;
  Index pixels_h, pixels_w, C, step;
};

// Transforms one tile and one vector of channels back, and stores its 4 x 4 places.
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

// m = the products of the inputs v and the filters u at every point, for `images` images and `rows` rows of tiles of
// each.
template <int kN, class Format>
HWY_INLINE void multiply_at_points(Format format, const Grid& g, const AtPoints<typename Format::Single>& v,
                                   const typename Format::Joint* u, Index width, Index images, Index rows,
                                   const AtPoints<float>& m) {
  const Index C = g.channels, out = m.channels, panels = ceil_div(out, width);
  const Index tiles_w = g.w.tiles(), in_w = g.w.input_tiles(), in_tiles = (rows + g.h.blocks() - 1) * in_w;
  const Index panel_size = g.blocks() * C / Format::kTogether * width;
  ProductLines<typename Format::Single, typename Format::Joint> lines{};
  lines.a_row = C;
  lines.a_step = in_w * C;
  lines.k = g.w.blocks() * C;
  lines.runs = g.h.blocks();
  lines.b_k = width;
  lines.b_step = g.w.blocks() * C / Format::kTogether * width;
  lines.ldc = out;
  // With one block of taps, all tiles form one line. With more, blocks read the next tiles too, so each row of tiles is
  // a line of its own.
  const bool one_line = g.blocks() == 1;
  lines.lines = one_line ? 1 : rows;
  lines.places = one_line ? images * rows * tiles_w : tiles_w;
  lines.a_line = in_w * C;
  lines.c_line = tiles_w * out;
  for (Index p = 0; p < kN * kN; ++p)
    for (Index panel = 0; panel < panels; ++panel) {
      lines.columns = std::min(width, out - panel * width);
      lines.b = u + (p * panels + panel) * panel_size;
      lines.a = v.data + p * v.apart;
      lines.c = m.data + p * m.apart + panel * width;
      for (Index n = 0; n < (one_line ? 1 : images); ++n) {
        format.multiply(lines);
        lines.a += in_tiles * C;
        lines.c += rows * tiles_w * out;
      }
    }
}

template <int kN, class Format>
HWY_INLINE void convolve(Format format, const Grid& g, const float* images, const typename Format::Joint* u, Index out,
                         Index width, const Target& target) {
  using Single = typename Format::Single;
  constexpr Index kPoints = kN * kN;
  const Index lanes = float_lanes(), C = g.channels, tiles_w = g.w.tiles(), in_w = g.w.input_tiles();
  // A chunk is a band of rows of tiles of one image, or several small images.
  const Chunks bands{g.h.tiles(), std::min(g.h.tiles(), std::max<Index>(1, kChunkTiles / tiles_w))};
  const Index together = bands.count() > 1 ? 1 : std::clamp<Index>(kChunkTiles / g.tiles(), 1, g.images);
  const Index pitch = (in_w - 1) * kTile + kN;
  for_grid(bands, Chunks{g.images, together}, [&](Index row0, Index rows, Index n0, Index some) HWY_ATTR {
    const Index n1 = n0 + some;
    const Index in_rows = rows + g.h.blocks() - 1, in_tiles = in_rows * in_w;
    const auto v = at_points<Inputs, Single>(kPoints, (n1 - n0) * in_tiles, C);
    const Index cell_rows = (in_rows - 1) * kTile + kN;
    float* cells = workspace<Cells, float>(cell_rows * pitch * C);
    for (Index n = n0; n < n1; ++n) {
      gather_cells(g, images + n * g.h.pixels * g.w.pixels * g.C, row0 * kTile - g.h.before, cell_rows, -g.w.before,
                   pitch, cells);
      inputs_to_points<kN>(format, cells, pitch, in_rows, in_w, v, (n - n0) * in_tiles);
    }
    const auto m = at_points<Outputs, float>(kPoints, (n1 - n0) * rows * tiles_w, out);
    multiply_at_points<kN>(format, g, v, u, width, n1 - n0, rows, m);
    Index tile = 0;
    for (Index n = n0; n < n1; ++n)
      for (Index i = row0; i < row0 + rows; ++i)
        for (Index j = 0; j < tiles_w; ++j, ++tile)
          for (Index c = 0; c < out; c += lanes)
            store_tile<kN>(target, m.data + tile * out + c, m.apart, c, n, i * kTile, j * kTile, g.h.places,
                           g.w.places);
  });
}

HWY_INLINE Index winograd_panel(Index columns) {
  return columns <= float_lanes() ? float_lanes() : tile_columns<float>();
}

HWY_INLINE Grid forward_grid(const ConvShape& s) {
  const Axis h = forward_axis(s.height()), w = forward_axis(s.width());
  return {s.N, h, w, s.C, round_up(h.step * w.step * s.C, float_lanes())};
}

template <int kN, class Format>
HWY_INLINE void convolve_with(Format format, const Grid& g, const float* images, const float* taps, Index out,
                              const Target& target) {
  using Joint = typename Format::Joint;
  const Index width = winograd_panel(out), panels = ceil_div(out, width);
  Joint* u = workspace<Filters, Joint>(kN * kN * panels * g.blocks() * g.channels / Format::kTogether * width);
  filters_to_points<kN>(format, g, out, width, taps, u);
  convolve<kN>(format, g, images, u, out, width, target);
}

template <class Format>
HWY_INLINE void forward(Format format, const ConvShape& s, const float* x, const float* w, const float* b, bool relu,
                        float* out) {
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
  g.taps() <= 3 ? convolve_with<6>(format, g, x, taps, F, target) : convolve_with<7>(format, g, x, taps, F, target);
}

template <class Format>
HWY_INLINE void backward_data(Format format, const ConvShape& s, const float* dout, const float* w, float* dx) {
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
  const Target target{dx, nullptr, false, s.H, s.W, s.C, s.stride.h};
  g.taps() <= 3 ? convolve_with<6>(format, g, dout, taps, out, target)
                : convolve_with<7>(format, g, dout, taps, out, target);
}

// The filters' gradient is summed over all images at the points, one group at a time. `first` and `count` count units
// of Format::kTogether images.
template <class Joint>
struct ImagesAtPoints {
  AtPoints<Joint> inputs, gradients;
  Index first, count;
};

// Transforms a group's inputs and gradients of outputs.
template <int kN, class Format>
HWY_INLINE void group_to_points(Format format, const Grid& g, const ImagesAtPoints<typename Format::Joint>& group,
                                const float* x, const float* dout, Index F) {
  constexpr Index kTogether = Format::kTogether;
  const Index C = g.channels, out = group.gradients.channels;
  const Grid gradient{g.images, {g.h.places, 1, 0, 1, g.h.places}, {g.w.places, 1, 0, 1, g.w.places}, F, out};
  parallel_for(2 * group.count, [&](Index chunk) HWY_ATTR {
    const Index i = chunk / 2, n = (group.first + i) * kTogether;
    const auto images = static_cast<int>(std::min(kTogether, g.images - n));
    if (chunk % 2 == 0) {
      const Index rows = (g.h.input_tiles() - 1) * kTile + kN, columns = (g.w.input_tiles() - 1) * kTile + kN;
      const Index image = rows * columns * C;
      float* cells = workspace<Cells, float>(images * image);
      for (Index k = 0; k < images; ++k)
        gather_cells(g, x + (n + k) * g.h.pixels * g.w.pixels * g.C, -g.h.before, rows, -g.w.before, columns,
                     cells + k * image);
      images_to_points<kN, kN>(format, InputLine<kN>(), cells, image, images, columns, g.h.input_tiles(),
                               g.w.input_tiles(), group.inputs, i * g.input_tiles());
      return;
    }
    const Index rows = g.h.tiles() * kTile, columns = g.w.tiles() * kTile;
    const float* cells = dout + n * g.h.places * g.w.places * F;
    Index image = g.h.places * g.w.places * F;
    if (rows != g.h.places || columns != g.w.places || F != out) {
      float* padded = workspace<Cells, float>(images * rows * columns * out);
      for (Index k = 0; k < images; ++k)
        gather_cells(gradient, cells + k * image, 0, rows, 0, columns, padded + k * rows * columns * out);
      cells = padded;
      image = rows * columns * out;
    }
    images_to_points<kN, 4>(format, ToPoints<kN, 4, false>(), cells, image, images, columns, g.h.tiles(), g.w.tiles(),
                            group.gradients, i * g.tiles());
  });
}

// sums [point][block][in][out] += the products of the group's inputs and gradients at each point.
template <int kN, class Format>
HWY_INLINE void add_products(Format format, const Grid& g, const ImagesAtPoints<typename Format::Joint>& group,
                             float* sums) {
  const Index C = g.channels, out = group.gradients.channels, width = winograd_panel(out), blocks = g.blocks();
  parallel_for(kN * kN * blocks, [&](Index chunk) HWY_ATTR {
    const Index p = chunk / blocks, i = chunk % blocks / g.w.blocks(), j = chunk % g.w.blocks();
    SumsOverTiles<typename Format::Joint> t{};
    t.rows = C;
    t.a_k = C;
    t.b_k = out;
    t.ldc = out;
    t.accumulate = group.first > 0;
    t.images = t.runs = 1;
    if (blocks == 1) {
      t.k = group.count * g.tiles();
    } else {
      t.k = g.w.tiles();
      t.runs = g.h.tiles();
      t.images = group.count;
      t.a_step = g.w.input_tiles() * C;
      t.b_step = t.k * out;
      t.a_image = g.input_tiles() * C;
      t.b_image = g.tiles() * out;
    }
    for (Index column = 0; column < out; column += width) {
      t.columns = std::min(width, out - column);
      t.a = group.inputs.data + p * group.inputs.apart + (i * g.w.input_tiles() + j) * C;
      t.b = group.gradients.data + p * group.gradients.apart + column;
      t.c = sums + chunk * C * out + column;
      format.sum(t);
    }
  });
}

// Transforms sums [point][block][in][out] back to taps [a][b][in][out].
template <int kN>
HWY_INLINE void taps_from_points(const Grid& g, Index out, const float* sums, float* taps) {
  constexpr Index kTaps = Winograd<kN>::kTaps;
  const Index C = g.channels, blocks = g.blocks();
  parallel_for(C, [&](Index c) HWY_ATTR {
    const Floats d;
    for (Index i = 0; i < g.h.blocks(); ++i)
      for (Index j = 0; j < g.w.blocks(); ++j)
        for (Index k = 0; k < out; k += float_lanes()) {
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

template <int kN, class Format>
HWY_INLINE void gradient_of_taps(Format format, const Grid& g, const float* x, const float* dout, Index F,
                                 float* taps) {
  using Joint = typename Format::Joint;
  constexpr Index kPoints = kN * kN;
  const Index C = g.channels, out = round_up(F, float_lanes());
  const Index each = kPoints * (g.input_tiles() * C + g.tiles() * out) * static_cast<Index>(sizeof(Joint));
  const Index all = ceil_div(g.images, Format::kTogether), count = std::clamp<Index>(kGroupBytes / each, 1, all);
  ImagesAtPoints<Joint> group{at_points<Inputs, Joint>(kPoints, count * g.input_tiles(), C),
                              at_points<Gradients, Joint>(kPoints, count * g.tiles(), out), 0, 0};
  float* sums = workspace<FilterGradients, float>(kPoints * g.blocks() * C * out);
  for (; group.first < all; group.first += count) {
    group.count = std::min(count, all - group.first);
    group_to_points<kN>(format, g, group, x, dout, F);
    add_products<kN>(format, g, group, sums);
  }
  taps_from_points<kN>(g, out, sums, taps);
}

template <class Format>
HWY_INLINE void backward_filter(Format format, const ConvShape& s, const float* x, const float* dout, float* dw) {
  const Grid g = forward_grid(s);
  const Index F = round_up(s.F, float_lanes());
  float* taps = workspace<Taps, float>(g.h.taps * g.w.taps * g.channels * F);
  g.taps() <= 3 ? gradient_of_taps<6>(format, g, x, dout, s.F, taps)
                : gradient_of_taps<7>(format, g, x, dout, s.F, taps);
  parallel_for(s.C, [&](Index c) HWY_ATTR {
    each_tap(s, g.h, g.w, [&](Index p, Index q, Index a, Index b, Index phase) {
      const float* from = taps + ((a * g.w.taps + b) * g.channels + phase * s.C + c) * F;
      for (Index f = 0; f < s.F; ++f) dw[((f * s.C + c) * s.HH + p) * s.WW + q] = from[f];
    });
  });
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // LAMINA_KERNELS_CONVOLUTION_WINOGRAD_TILES_INL_H_
