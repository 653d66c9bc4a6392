// Convolution with operands rounded to bfloat16 and sums in float32.
#include <algorithm>

#include "lamina/kernels/convolution/conv.h"
#include "lamina/kernels/convolution/winograd.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/products/bf16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "lamina/kernels/convolution/conv_bf16.cc"
#include "lamina/kernels/machine/simd.h"
// Once for each instruction set, as this file:
#include "lamina/kernels/products/bf16_tile-inl.h"

#ifndef LAMINA_KERNELS_CONV_BF16_ARGS
#define LAMINA_KERNELS_CONV_BF16_ARGS
namespace lamina::kernels {
namespace {

struct PackedFilters {};
struct PaddedRows {};
struct ImagePairs {};
struct GradientPairs {};
struct FilterGradient {};
struct RoundedX {};
struct RoundedW {};
struct RoundedGradient {};

Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

constexpr Index kGroupBytes = 1 << 20;  // of image pairs and gradients that the filter gradient takes at a time

// Images and output rows a chunk: whole images where there are enough, several where their rows are short, so that
// pixels of all of them fill the tiles; else rows of one image.
struct Chunks {
  Chunks(Index N, Index rows_, Index columns)
      : images(std::clamp<Index>(ceil_div(48, columns), 1, std::max<Index>(1, N / 8))),
        rows(N >= 8 ? rows_ : std::max<Index>(1, rows_ * N / 8)),
        row_chunks(ceil_div(rows_, rows)),
        count(ceil_div(N, images) * row_chunks) {}
  Index images, rows, row_chunks, count;
};

}  // namespace
}  // namespace lamina::kernels
#endif

#if HWY_TARGET == HWY_AVX3
HWY_BEFORE_NAMESPACE();
namespace lamina::kernels::HWY_NAMESPACE {

HWY_INLINE Index panel_width(Index columns) { return columns <= kPairLanes ? kPairLanes : 2 * kPairLanes; }

// Rows of pairs of one panel: element (k, j) = value(k, j) for k < rows, j < columns, else 0.
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

// Rounds image rows first .. last - 1 of x (.., pixels, C), each with `left` zero values before and `right` behind.
HWY_INLINE void pad_rows(const float* x, Index first, Index last, Index row, Index left, Index right,
                         std::uint16_t* out) {
  for (Index h = first; h < last; ++h) {
    std::fill_n(out, left, std::uint16_t{0});
    round_row(x + h * row, row, out + left);
    std::fill_n(out + left + row, right, std::uint16_t{0});
    out += left + row + right;
  }
}

void Bf16Forward(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  const Index width = panel_width(s.F), panels = ceil_div(s.F, width);
  const Index taps = s.WW * s.C;  // of one filter row: contiguous in a channels-last image
  const Index step = ceil_div(taps, 2) * width;
  Pair* packed = workspace<PackedFilters, Pair>(panels * s.HH * step);  // [panel][p][pair of (q, c)][f]
  parallel_for(panels * s.HH, [&](Index chunk) HWY_ATTR {
    const Index first = chunk / s.HH * width, p = chunk % s.HH;
    const float* from = w + (first * s.C * s.HH + p) * s.WW;
    const auto value = [&](Index k, Index j) HWY_ATTR { return from[(j * s.C + k % s.C) * s.HH * s.WW + k / s.C]; };
    pack_pairs(taps, std::min(width, s.F - first), width, value, packed + chunk * step);
  });

  const Chunks chunks(s.N, s.OH, s.OW);
  const Index pitch = (s.W + 2 * s.pad) * s.C;
  parallel_for(chunks.count, [&](Index chunk) HWY_ATTR {
    const Index n = chunk / chunks.row_chunks * chunks.images, images = std::min(chunks.images, s.N - n);
    const Index first = chunk % chunks.row_chunks * chunks.rows, last = std::min(first + chunks.rows, s.OH);
    const Index in_first = std::clamp<Index>(first * s.stride - s.pad, 0, s.H);
    const Index in_last = std::clamp<Index>((last - 1) * s.stride - s.pad + s.HH, in_first, s.H);
    const Index image = (in_last - in_first) * pitch;
    std::uint16_t* padded = workspace<PaddedRows, std::uint16_t>(images * image);
    for (Index i = 0; i < images; ++i)
      pad_rows(x + (n + i) * s.H * s.W * s.C, in_first, in_last, s.W * s.C, s.pad * s.C, s.pad * s.C,
               padded + i * image);
    PairTile t{};
    t.a_row = s.stride * s.C;
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
      t.bias = b + panel * width;
      for (Index i = first; i < last; ++i) {
        const Index top = i * s.stride - s.pad;  // image row of the filter's row 0
        const Index p0 = std::clamp<Index>(-top, 0, s.HH), p1 = std::clamp<Index>(s.H - top, p0, s.HH);
        t.runs = p1 - p0;
        t.b = packed + (panel * s.HH + p0) * step;
        pixels_of_images(t, images, s.OW, padded + (t.runs > 0 ? (top + p0 - in_first) * pitch : 0), image,
                         out + (n * s.OH + i) * s.OW * s.F + panel * width, s.OH * s.OW * s.F);
      }
    }
  });
}

// Of the image columns (or rows) i with (i + pad) % stride == phase: the first one, how many there are, the filter
// taps phase, phase + stride, ... that reach them, and the output place that tap `phase` has at the first.
struct Bf16Phase {
  Index first, count, taps, place;
  Bf16Phase(Index phase, Index length, Index filter, Index stride, Index pad) {
    first = ((phase - pad) % stride + stride) % stride;
    count = first < length ? (length - 1 - first) / stride + 1 : 0;
    taps = phase < filter ? (filter - 1 - phase) / stride + 1 : 0;
    place = (first + pad - phase) / stride;
  }
};

// The gradient of x is, for each of the stride x stride phases of its pixels, a convolution of dout with the taps of
// that phase in reverse order.
void Bf16DataGradient(const ConvShape& s, const float* dout, const float* w, float* dx) {
  const Index width = panel_width(s.C), panels = ceil_div(s.C, width);
  const auto pairs_of = [&](Index pw)
                            HWY_ATTR { return pw < s.WW ? ceil_div(((s.WW - 1 - pw) / s.stride + 1) * s.F, 2) : 0; };
  Index step = 0;  // of all column phases
  for (Index pw = 0; pw < std::min(s.stride, s.WW); ++pw) step += pairs_of(pw) * width;
  Pair* packed = workspace<PackedFilters, Pair>(panels * s.HH * step);  // [panel][p][phase][pair of (q reversed, f)][c]
  parallel_for(panels * s.HH, [&](Index chunk) HWY_ATTR {
    const Index first = chunk / s.HH * width, p = chunk % s.HH;
    Pair* to = packed + chunk * step;
    for (Index pw = 0; pw < std::min(s.stride, s.WW); ++pw) {
      const Index taps = (s.WW - 1 - pw) / s.stride + 1;
      const float* from = w + (first * s.HH + p) * s.WW + pw;
      const auto value = [&](Index k, Index j) HWY_ATTR {
        return from[(k % s.F * s.C + j) * s.HH * s.WW + (taps - 1 - k / s.F) * s.stride];
      };
      to = pack_pairs(taps * s.F, std::min(width, s.C - first), width, value, to);
    }
  });

  const Index left = ceil_div(s.WW, s.stride) - 1;  // zero pixels that the taps of any phase reach beyond dout
  const Index right = std::max<Index>(0, (s.W - 1 + s.pad) / s.stride - (s.OW - 1));
  const Index pitch = (left + s.OW + right) * s.F;
  const Chunks chunks(s.N, s.H, ceil_div(s.W, s.stride));
  parallel_for(chunks.count, [&](Index chunk) HWY_ATTR {
    const Index n = chunk / chunks.row_chunks * chunks.images, images = std::min(chunks.images, s.N - n);
    const Index first = chunk % chunks.row_chunks * chunks.rows, last = std::min(first + chunks.rows, s.H);
    const Index out_first = std::clamp<Index>((first + s.pad - s.HH + 1) / s.stride, 0, s.OH);
    const Index out_last = std::clamp<Index>((last - 1 + s.pad) / s.stride + 1, out_first, s.OH);
    const Index image = (out_last - out_first) * pitch;
    std::uint16_t* padded = workspace<PaddedRows, std::uint16_t>(images * image);
    for (Index i = 0; i < images; ++i)
      pad_rows(dout + (n + i) * s.OH * s.OW * s.F, out_first, out_last, s.OW * s.F, left * s.F, right * s.F,
               padded + i * image);
    PairTile t{};
    t.a_row = s.F;
    t.a_k = 2;
    t.a_step = pitch;
    t.b_k = width;
    t.b_step = -s.stride * step;
    t.ldc = s.stride * s.C;
    for (Index panel = 0; panel < panels; ++panel) {
      t.columns = std::min(width, s.C - panel * width);
      for (Index h = first; h < last; ++h) {
        const Index ph = (h + s.pad) % s.stride, r = h / s.stride;
        const Bf16Phase rows(ph, s.H, s.HH, s.stride, s.pad);
        const Index top = rows.place + r - (rows.taps - 1);  // dout row of the phase's last tap
        const Index p0 = std::clamp<Index>(-top, 0, rows.taps), p1 = std::clamp<Index>(s.OH - top, p0, rows.taps);
        const Index p = ph + (rows.taps - 1 - p0) * s.stride;  // the filter row that meets dout's row top + p0
        Index phase_b = 0;
        for (Index pw = 0; pw < s.stride; ++pw) {
          const Bf16Phase columns(pw, s.W, s.WW, s.stride, s.pad);
          t.k = pairs_of(pw);
          t.odd = columns.taps * s.F % 2 != 0;
          t.runs = columns.taps > 0 ? p1 - p0 : 0;
          t.b = packed;
          const std::uint16_t* a = padded;
          if (t.runs > 0) {
            t.b += (panel * s.HH + p) * step + phase_b;
            a += (top + p0 - out_first) * pitch + (columns.place - (columns.taps - 1) + left) * s.F;
          }
          pixels_of_images(t, images, columns.count, a, image,
                           dx + ((n * s.H + h) * s.W + columns.first) * s.C + panel * width, s.H * s.W * s.C);
          phase_b += t.k * width;
        }
      }
    }
  });
}

// Sums over pixels of pairs of images: a pair holds the values of images 2 m and 2 m + 1 at one place.
void Bf16FilterGradient(const ConvShape& s, const float* x, const float* dout, float* dw) {
  const Index width = panel_width(s.F), panels = ceil_div(s.F, width);
  const Index taps = s.WW * s.C;
  const Index row = s.W * s.C, pad = s.pad * s.C, pitch = row + 2 * pad, image = s.H * pitch;
  const Index pixels = s.OH * s.OW, panel_size = pixels * width, gradient_image = panels * panel_size;
  const Index image_pairs = ceil_div(s.N, 2);
  const Index group =
      std::clamp<Index>(kGroupBytes / static_cast<Index>(sizeof(Pair)) / (image + gradient_image), 1, image_pairs);
  float* gradient = workspace<FilterGradient, float>(s.HH * taps * s.F);               // [p][q][c][f]
  Pair* x_pairs = workspace<ImagePairs, Pair>(group * image);                          // [m][h][padded column][c]
  Pair* dout_pairs = workspace<GradientPairs, Pair>(group * gradient_image);           // [m][panel][pixel][f]
  const Index height = width == kPairLanes ? 24 : 12, tiles = ceil_div(taps, height);  // of a filter row
  const Index tiles_of_chunk = ceil_div(tiles, 4), blocks = ceil_div(tiles, tiles_of_chunk);

  for (Index m = 0; m < image_pairs; m += group) {
    const Index images = std::min(group, image_pairs - m);
    parallel_for(images * 4, [&](Index chunk) HWY_ATTR {
      const Index i = chunk / 4, quarter = chunk % 4, n = 2 * (m + i);
      const bool both = n + 1 < s.N;
      for (Index h = quarter * s.H / 4; h < (quarter + 1) * s.H / 4; ++h) {
        const float* from = x + (n * s.H + h) * row;
        Pair* to = x_pairs + i * image + h * pitch;
        std::fill_n(to, pad, Pair{0});
        round_pairs(from, both ? from + s.H * row : nullptr, row, to + pad);
        std::fill_n(to + pad + row, pad, Pair{0});
      }
      for (Index panel = 0; panel < panels; ++panel) {
        const Index columns = std::min(width, s.F - panel * width);
        for (Index k = quarter * pixels / 4; k < (quarter + 1) * pixels / 4; ++k) {
          const float* from = dout + (n * pixels + k) * s.F + panel * width;
          Pair* to = dout_pairs + i * gradient_image + panel * panel_size + k * width;
          round_pairs(from, both ? from + pixels * s.F : nullptr, columns, to);
          std::fill(to + columns, to + width, Pair{0});
        }
      }
    });
    parallel_for(s.HH * panels * blocks, [&](Index chunk) HWY_ATTR {
      const Index p = chunk % s.HH, panel = chunk / s.HH % panels, block = chunk / s.HH / panels;
      const Index i0 = std::clamp<Index>(ceil_div(std::max<Index>(0, s.pad - p), s.stride), 0, s.OH);
      const Index reach = s.H - 1 + s.pad - p;  // the last output row is the one at or before image row H - 1
      const Index i1 = reach < 0 ? i0 : std::clamp<Index>(reach / s.stride + 1, i0, s.OH);
      PairTile t{};
      t.runs = i1 - i0;
      t.images = images;
      t.a_row = 2;
      t.a_k = 2 * s.stride * s.C;
      t.a_step = 2 * s.stride * pitch;
      t.a_image = 2 * image;
      t.b_k = width;
      t.b_step = s.OW * width;
      t.b_image = gradient_image;
      t.ldc = s.F;
      t.columns = std::min(width, s.F - panel * width);
      t.accumulate = m > 0;
      const Pair* a = x_pairs + (t.runs > 0 ? (i0 * s.stride - s.pad + p) * pitch : 0);
      const Pair* b = dout_pairs + panel * panel_size + i0 * t.b_step;
      for (Index tile = block * tiles_of_chunk; tile < std::min((block + 1) * tiles_of_chunk, tiles); ++tile) {
        const Index tap = tile * taps / tiles, last = (tile + 1) * taps / tiles - 1;
        // Output columns that meet the image at one of the tile's filter columns, tap / C to last / C.
        const Index q0 = tap / s.C, q1 = last / s.C;
        const Index j0 = std::clamp<Index>(ceil_div(std::max<Index>(0, s.pad - q1), s.stride), 0, s.OW);
        const Index right = s.W - 1 + s.pad - q0;
        const Index j1 = right < 0 ? j0 : std::clamp<Index>(right / s.stride + 1, j0, s.OW);
        t.k = j1 - j0;
        t.b = b + j0 * width;
        t.set_rows(reinterpret_cast<const std::uint16_t*>(a + tap + j0 * s.stride * s.C),
                   gradient + (p * taps + tap) * s.F + panel * width);
        pair_tile(t, last - tap + 1);
      }
    });
  }
  parallel_for(s.F, [&](Index f) HWY_ATTR {
    for (Index c = 0; c < s.C; ++c)
      for (Index pq = 0; pq < s.HH * s.WW; ++pq)
        dw[(f * s.C + c) * s.HH * s.WW + pq] = gradient[(pq * s.C + c) * s.F + f];
  });
}

}  // namespace lamina::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace lamina::kernels {
namespace {

template <class Slot>
const float* rounded(Index n, const float* x) {
  float* to = workspace<Slot, float>(n);
  round_to_bf16(n, x, to);
  return to;
}

Index image_size(const ConvShape& s) { return s.N * s.H * s.W * s.C; }
Index out_size(const ConvShape& s) { return s.N * s.OH * s.OW * s.F; }
Index filter_size(const ConvShape& s) { return s.F * s.C * s.HH * s.WW; }

}  // namespace

bool winograd_suits_bf16(const ConvShape& s) {
  constexpr double kSpeed = 1.85;  // of products of bfloat16, against float32's: measured on Zen 4
  return winograd_suits(s, kSpeed);
}

void conv_forward_bf16(const ConvShape& s, const float* x, const float* w, const float* b, bool relu, float* out) {
  if (winograd_suits_bf16(s)) return winograd_forward_bf16(s, x, w, b, relu, out);
#if HWY_TARGETS & HWY_AVX3
  if (has_bf16_products()) return N_AVX3::Bf16Forward(s, x, w, b, relu, out);
#endif
  conv_forward(s, rounded<RoundedX>(image_size(s), x), rounded<RoundedW>(filter_size(s), w), b, relu, out);
}

void conv_backward_data_bf16(const ConvShape& s, const float* dout, const float* w, float* dx) {
  if (winograd_suits_bf16(s)) return winograd_backward_data_bf16(s, dout, w, dx);
#if HWY_TARGETS & HWY_AVX3
  if (has_bf16_products()) return N_AVX3::Bf16DataGradient(s, dout, w, dx);
#endif
  conv_backward_data(s, rounded<RoundedGradient>(out_size(s), dout), rounded<RoundedW>(filter_size(s), w), dx);
}

void conv_backward_filter_bf16(const ConvShape& s, const float* x, const float* dout, float* dw, float* db) {
  if (db) column_sums(s.N * s.OH * s.OW, s.F, dout, db);
  if (winograd_suits_bf16(s)) return winograd_backward_filter_bf16(s, x, dout, dw);
#if HWY_TARGETS & HWY_AVX3
  if (has_bf16_products()) return N_AVX3::Bf16FilterGradient(s, x, dout, dw);
#endif
  conv_backward_filter<float>(s, rounded<RoundedX>(image_size(s), x), rounded<RoundedGradient>(out_size(s), dout), dw,
                              nullptr);
}

}  // namespace lamina::kernels
#endif
