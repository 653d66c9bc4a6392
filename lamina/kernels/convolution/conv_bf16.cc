// Convolution with operands rounded to bfloat16 and sums in float32.
#include <algorithm>

#include "lamina/kernels/convolution/conv.h"
#include "lamina/kernels/convolution/depthwise.h"
#include "lamina/kernels/convolution/geometry.h"
#include "lamina/kernels/convolution/grouped.h"
#include "lamina/kernels/convolution/winograd.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/chunks.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/products/bf16.h"

#define LAMINA_AVX512_ALONE
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/convolution/conv_bf16.cc"
#include "lamina/kernels/machine/simd.h"
// These headers are compiled once for each instruction set, like this file.
#include "lamina/kernels/products/bf16_tile-inl.h"

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {
namespace {
using namespace convolution;  // NOLINT

// Scratch memory (machine/workspace.h).
struct PackedFilters {};
struct PaddedRows {};
struct ImagePairs {};
struct GradientPairs {};
struct FilterGradient {};

constexpr Index kGroupBytes = 1 << 20;  // image pairs and gradients that the filter gradient sums over at a time

// The width of panels for `columns` columns.
HWY_INLINE Index panel_width(Index columns) { return columns <= kPairLanes ? kPairLanes : 2 * kPairLanes; }

// Chunks of images: several images if their rows, of `columns` pixels, are short, so that together they fill tiles.
HWY_INLINE Chunks images_together(Index images, Index columns) {
  return {images, std::clamp<Index>(ceil_div(48, columns), 1, std::max<Index>(1, images / 8))};
}

// Packs one panel of pairs along k. Row k is value(k, j) for j < columns, then zeros. Returns the end of the panel.
template <class Value>
HWY_INLINE Pair* pack_pairs(Index rows, Index columns, Index width, const Value& value, Pair* to) {
  float first[2 * kPairLanes] = {}, second[2 * kPairLanes] = {};
  for (Index k = 0; k < rows; k += 2) {
    for (Index j = 0; j < columns; ++j) first[j] = value(k, j);
    if (k + 1 < rows)
      for (Index j = 0; j < columns; ++j) second[j] = value(k + 1, j);
    else
      std::fill_n(second, columns, 0.0f);
    round_pairs(first, second, width, to);
    to += width;
  }
  return to;
}

// Rounds the rows `rows` of x, each of `row` elements, to `out`, each with `left` zeros before it and `right` after it.
HWY_INLINE void pad_rows(const float* x, Range rows, Index row, Index left, Index right, std::uint16_t* out) {
  for (Index h = rows.first; h < rows.end; ++h) {
    std::fill_n(out, left, std::uint16_t{0});
    round_row(x + h * row, row, out + left);
    std::fill_n(out + left + row, right, std::uint16_t{0});
    out += left + row + right;
  }
}

void forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  const Index width = panel_width(s.F), panels = ceil_div(s.F, width);
  const Index taps = s.WW * s.C;  // of one filter row; they are contiguous in a channels-last image
  const Index step = ceil_div(taps, 2) * width;
  Pair* packed = workspace<PackedFilters, Pair>(panels * s.HH * step);  // [panel][p][pair of (q, c)][f]
  for_grid(Chunks{s.HH, 1}, Chunks{s.F, width}, [&](Index p, Index, Index first, Index columns) HWY_ATTR {
    const float* from = w + (first * s.C * s.HH + p) * s.WW;
    const auto value = [&](Index k, Index j) HWY_ATTR { return from[(j * s.C + k % s.C) * s.HH * s.WW + k / s.C]; };
    pack_pairs(taps, columns, width, value, packed + (first / width * s.HH + p) * step);
  });

  const Index pitch = (s.W + 2 * s.pad.w) * s.C;
  for_grid(rows_of_images(s.N, s.OH), images_together(s.N, s.OW),
           [&](Index first, Index rows, Index n, Index images) HWY_ATTR {
             const Range read = rows_read(s.height(), first, first + rows);
             const Index image = read.length() * pitch;
             std::uint16_t* padded = workspace<PaddedRows, std::uint16_t>(images * image);
             for (Index i = 0; i < images; ++i)
               pad_rows(x + (n + i) * s.H * s.W * s.C, read, s.W * s.C, s.pad.w * s.C, s.pad.w * s.C,
                        padded + i * image);
             PairTile t{};
             t.a_row = s.stride.w * s.C;
             t.a_k = 2;
             t.a_step = pitch;
             t.b_k = width;
             t.b_step = step;
             t.k = ceil_div(taps, 2);
             t.odd = taps % 2 != 0;
             t.ldc = s.F;
             t.relu = relu;
             for (Index panel = 0; panel < panels; ++panel) {
               t.columns = std::min(width, s.F - panel * width);
               t.bias = b ? b + panel * width : nullptr;
               for (Index i = first; i < first + rows; ++i) {
                 const Index top = i * s.stride.h - s.pad.h;  // image row of the filter's row 0
                 const Range p = taps_inside(top, s.HH, 1, s.H);
                 t.runs = p.length();
                 t.b = packed + (panel * s.HH + p.first) * step;
                 pixels_of_images(t, images, s.OW, padded + (t.runs > 0 ? (top + p.first - read.first) * pitch : 0),
                                  image, out + (n * s.OH + i) * s.OW * s.F + panel * width, s.OH * s.OW * s.F);
               }
             }
           });
}

// Filters packed for the gradient of the input, [panel][p][phase][pair of (q reversed, f)][c].
struct ReversedFilters {
  Index width, step;  // step: the pairs of one filter row, over all column phases
  const Pair* packed;

  // The number of pairs of one column phase.
  static HWY_INLINE Index pairs(const ConvShape& s, Index pw) {
    return pw < s.WW ? ceil_div(((s.WW - 1 - pw) / s.stride.w + 1) * s.F, 2) : 0;
  }
};

HWY_INLINE ReversedFilters pack_reversed_filters(const ConvShape& s, const float* w) {
  const Index width = panel_width(s.C);
  Index step = 0;
  for (Index pw = 0; pw < std::min(s.stride.w, s.WW); ++pw) step += ReversedFilters::pairs(s, pw) * width;
  Pair* packed = workspace<PackedFilters, Pair>(ceil_div(s.C, width) * s.HH * step);
  for_grid(Chunks{s.HH, 1}, Chunks{s.C, width}, [&](Index p, Index, Index first, Index columns) HWY_ATTR {
    Pair* to = packed + (first / width * s.HH + p) * step;
    for (Index pw = 0; pw < std::min(s.stride.w, s.WW); ++pw) {
      const Index taps = (s.WW - 1 - pw) / s.stride.w + 1;
      const float* from = w + (first * s.HH + p) * s.WW + pw;
      const auto value = [&](Index k, Index j) HWY_ATTR {
        return from[(k % s.F * s.C + j) * s.HH * s.WW + (taps - 1 - k / s.F) * s.stride.w];
      };
      to = pack_pairs(taps * s.F, columns, width, value, to);
    }
  });
  return {width, step, packed};
}

// Row h of dx for several images and one panel of channels. `dout` points at row `first_read` of the first image's
// padded dout, and images are `image` elements apart. dx points at the row of the first image.
HWY_INLINE void row_gradient(const ConvShape& s, const ReversedFilters& filters, Index panel, Index h, Index images,
                             const std::uint16_t* dout, Index first_read, Index image, PairTile& t, float* dx) {
  const GradientRows padding(s.width());
  const Index ph = (h + s.pad.h) % s.stride.h, r = h / s.stride.h;
  const Phase rows(ph, s.height());
  const Index top = rows.lowest_place() + r;  // dout row of the phase's last tap
  const Range inside = taps_inside(top, rows.taps, 1, s.OH);
  const Index p = ph + (rows.taps - 1 - inside.first) * s.stride.h;  // the filter row that belongs to it
  Index phase_b = 0;
  for (Index pw = 0; pw < s.stride.w; ++pw) {
    const Phase columns(pw, s.width());
    t.k = ReversedFilters::pairs(s, pw);
    t.odd = columns.taps * s.F % 2 != 0;
    t.runs = columns.taps > 0 ? inside.length() : 0;
    t.b = filters.packed;
    const std::uint16_t* a = dout;
    if (t.runs > 0) {
      t.b += (panel * s.HH + p) * filters.step + phase_b;
      a += (top + inside.first - first_read) * padding.pixels(s) * s.F;
      a += (columns.lowest_place() + padding.left) * s.F;
    }
    pixels_of_images(t, images, columns.count, a, image, dx + columns.first * s.C, s.H * s.W * s.C);
    phase_b += t.k * filters.width;
  }
}

void data_gradient(const ConvShape& s, const float* dout, const float* w, float* dx) {
  const ReversedFilters filters = pack_reversed_filters(s, w);
  const Index width = filters.width;
  const GradientRows padding(s.width());
  const Index pitch = padding.pixels(s) * s.F;
  for_grid(rows_of_images(s.N, s.H), images_together(s.N, ceil_div(s.W, s.stride.w)),
           [&](Index first, Index rows, Index n, Index images) HWY_ATTR {
             const Range read = GradientRows::read(s.height(), first, first + rows);
             const Index image = read.length() * pitch;
             std::uint16_t* padded = workspace<PaddedRows, std::uint16_t>(images * image);
             for (Index i = 0; i < images; ++i)
               pad_rows(dout + (n + i) * s.OH * s.OW * s.F, read, s.OW * s.F, padding.left * s.F, padding.right * s.F,
                        padded + i * image);
             PairTile t{};
             t.a_row = s.F;
             t.a_k = 2;
             t.a_step = pitch;
             t.b_k = width;
             t.b_step = -s.stride.h * filters.step;
             t.ldc = s.stride.w * s.C;
             for (Index panel = 0; panel < ceil_div(s.C, width); ++panel) {
               t.columns = std::min(width, s.C - panel * width);
               for (Index h = first; h < first + rows; ++h)
                 row_gradient(s, filters, panel, h, images, padded, read.first, image, t,
                              dx + ((n * s.H + h) * s.W) * s.C + panel * width);
             }
           });
}

// The filter gradient sums over pixels, and pairs them by images: a pair holds the values of images 2 m and 2 m + 1 at
// one pixel. One group of image pairs is summed at a time.
struct PairGroup {
  Index first, count;         // image pairs
  const Pair* x;              // [m][h][padded column][c]
  const Pair* dout;           // [m][panel][pixel][f]
  Index x_image, dout_image;  // pairs from one m to the next
};

HWY_INLINE void round_group(const ConvShape& s, Index width, const PairGroup& g, const float* x, const float* dout,
                            Pair* x_pairs, Pair* dout_pairs) {
  const Index row = s.W * s.C, pad = s.pad.w * s.C, pixels = s.OH * s.OW;
  parallel_for(g.count * 4, [&](Index chunk) HWY_ATTR {
    const Index i = chunk / 4, quarter = chunk % 4, n = 2 * (g.first + i);
    const bool both = n + 1 < s.N;
    for (Index h = quarter * s.H / 4; h < (quarter + 1) * s.H / 4; ++h) {
      const float* from = x + (n * s.H + h) * row;
      Pair* to = x_pairs + i * g.x_image + h * (row + 2 * pad);
      std::fill_n(to, pad, Pair{0});
      round_pairs(from, both ? from + s.H * row : nullptr, row, to + pad);
      std::fill_n(to + pad + row, pad, Pair{0});
    }
    for (Index column = 0; column < s.F; column += width) {
      const Index columns = std::min(width, s.F - column);
      for (Index k = quarter * pixels / 4; k < (quarter + 1) * pixels / 4; ++k) {
        const float* from = dout + (n * pixels + k) * s.F + column;
        Pair* to = dout_pairs + i * g.dout_image + column * pixels + k * width;
        round_pairs(from, both ? from + pixels * s.F : nullptr, columns, to);
        std::fill(to + columns, to + width, Pair{0});
      }
    }
  });
}

// The gradients of the taps of filter row p, for one panel of filters, summed over a group. The taps are divided into
// all_tiles tiles, of which `tiles` are computed. `gradient` is [p][q][c][f].
HWY_INLINE void tap_gradients(const ConvShape& s, const PairGroup& g, Index width, Index p, Index panel, Range tiles,
                              Index all_tiles, float* gradient) {
  const Index taps = s.WW * s.C, pitch = (s.W + 2 * s.pad.w) * s.C;
  const Range places = places_inside(p, p, s.height());
  PairTile t{};
  t.runs = places.length();
  t.images = g.count;
  t.a_row = 2;
  t.a_k = 2 * s.stride.w * s.C;
  t.a_step = 2 * s.stride.h * pitch;
  t.a_image = 2 * g.x_image;
  t.b_k = width;
  t.b_step = s.OW * width;
  t.b_image = g.dout_image;
  t.ldc = s.F;
  t.columns = std::min(width, s.F - panel * width);
  t.accumulate = g.first > 0;
  const Pair* a = g.x + (t.runs > 0 ? (places.first * s.stride.h - s.pad.h + p) * pitch : 0);
  const Pair* b = g.dout + panel * s.OH * s.OW * width + places.first * t.b_step;
  for (Index tile = tiles.first; tile < tiles.end; ++tile) {
    const Index tap = tile * taps / all_tiles, last = (tile + 1) * taps / all_tiles - 1;
    // The output columns at which one of the tile's filter columns falls on a pixel.
    const Range j = places_inside(tap / s.C, last / s.C, s.width());
    t.k = j.length();
    t.b = b + j.first * width;
    t.set_rows(reinterpret_cast<const std::uint16_t*>(a + tap + j.first * s.stride.w * s.C),
               gradient + (p * taps + tap) * s.F + panel * width);
    pair_tile(t, last - tap + 1);
  }
}

void filter_gradient(const ConvShape& s, const float* x, const float* dout, float* dw) {
  const Index width = panel_width(s.F), panels = ceil_div(s.F, width), taps = s.WW * s.C;
  PairGroup g{};
  g.x_image = s.H * (s.W + 2 * s.pad.w) * s.C;
  g.dout_image = panels * s.OH * s.OW * width;
  const Index image_pairs = ceil_div(s.N, 2), bytes = static_cast<Index>(sizeof(Pair)) * (g.x_image + g.dout_image);
  const Index group = std::clamp<Index>(kGroupBytes / bytes, 1, image_pairs);
  float* gradient = workspace<FilterGradient, float>(s.HH * taps * s.F);
  Pair* x_pairs = workspace<ImagePairs, Pair>(group * g.x_image);
  Pair* dout_pairs = workspace<GradientPairs, Pair>(group * g.dout_image);
  g.x = x_pairs;
  g.dout = dout_pairs;
  const Index tiles = ceil_div(taps, width == kPairLanes ? 24 : 12);  // of a filter row
  for (Index m = 0; m < image_pairs; m += group) {
    g.first = m;
    g.count = std::min(group, image_pairs - m);
    round_group(s, width, g, x, dout, x_pairs, dout_pairs);
    for_grid(Chunks{s.HH * panels, 1}, Chunks{tiles, ceil_div(tiles, 4)},
             [&](Index i, Index, Index first, Index length) HWY_ATTR {
               tap_gradients(s, g, width, i % s.HH, i / s.HH, Range{first, first + length}, tiles, gradient);
             });
  }
  store_filter_gradient(s, gradient, dw);
}

}  // namespace
}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace lamina::kernels {
namespace {

struct RoundedX {};
struct RoundedW {};
struct RoundedGradient {};

template <class Slot>
const float* rounded(Index n, const float* x) {
  float* to = workspace<Slot, float>(n);
  round_to_bf16(n, x, to);
  return to;
}

Index image_size(const ConvShape& s) { return s.N * s.H * s.W * s.C; }
Index out_size(const ConvShape& s) { return s.N * s.OH * s.OW * s.F; }
Index filter_size(const ConvShape& s) { return s.F * s.C * s.HH * s.WW; }

#if HWY_TARGETS & HWY_AVX3
// Whether the kernels of pairs above do this convolution; otherwise rounded floats are multiplied.
bool has_pairs(const ConvShape& s) { return s.dilation == 1 && has_bf16_products(); }
#endif

}  // namespace

bool winograd_suits_bf16(const ConvShape& s) {
  constexpr double kSpeed = 1.85;  // of bfloat16 products relative to float32, measured on Zen 4
  return winograd_suits(s, kSpeed);
}

void conv_forward_bf16(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  if (s.depthwise()) return depthwise_forward(s, x, w, b, relu, out);
  if (s.groups > 1) return forward_by_groups(s, x, w, b, relu, out, conv_forward_bf16);
  if (winograd_suits_bf16(s)) return winograd_forward_bf16(s, x, w, b, relu, out);
#if HWY_TARGETS & HWY_AVX3
  if (has_pairs(s)) return N_AVX3::forward(convolution::with_long_rows(s), x, w, b, relu, out);
#endif
  conv_forward(s, rounded<RoundedX>(image_size(s), x), rounded<RoundedW>(filter_size(s), w), b, relu, out);
}

void conv_backward_data_bf16(const ConvShape& s, const float* dout, const float* w, float* dx) {
  if (s.depthwise()) return depthwise_backward_data(s, dout, w, dx);
  if (s.groups > 1) return backward_data_by_groups(s, dout, w, dx, conv_backward_data_bf16);
  if (winograd_suits_bf16(s)) return winograd_backward_data_bf16(s, dout, w, dx);
#if HWY_TARGETS & HWY_AVX3
  if (has_pairs(s)) return N_AVX3::data_gradient(convolution::with_long_rows(s), dout, w, dx);
#endif
  conv_backward_data(s, rounded<RoundedGradient>(out_size(s), dout), rounded<RoundedW>(filter_size(s), w), dx);
}

void conv_backward_filter_bf16(const ConvShape& s, const float* x, const float* dout, float* dw, float* db) {
  if (db) column_sums(s.N * s.OH * s.OW, s.F, dout, db);
  if (s.depthwise()) return depthwise_backward_filter(s, x, dout, dw);
  if (s.groups > 1) return backward_filter_by_groups(s, x, dout, dw, conv_backward_filter_bf16);
  if (winograd_suits_bf16(s)) return winograd_backward_filter_bf16(s, x, dout, dw);
#if HWY_TARGETS & HWY_AVX3
  if (has_pairs(s)) return N_AVX3::filter_gradient(convolution::with_long_rows(s), x, dout, dw);
#endif
  conv_backward_filter<float>(s, rounded<RoundedX>(image_size(s), x), rounded<RoundedGradient>(out_size(s), dout), dw,
                              nullptr);
}

}  // namespace lamina::kernels
#endif
