#include "lamina/kernels/convolution/grouped.h"

#include <algorithm>
#include <utility>

#include "lamina/kernels/layout.h"
#include "lamina/kernels/machine/both_precisions.h"
#include "lamina/kernels/machine/workspace.h"

namespace lamina::kernels {
namespace {

// Scratch memory (machine/workspace.h) of one part.
struct PartOfX {};    // its images, or their gradient
struct PartOfOut {};  // its outputs, or their gradient
struct PartOfW {};    // its filters, or their gradient

// Parts of a grouped convolution, each of `together` groups.
struct Parts {
  Index together, count;
  Index C, F, taps;  // of one group
  ConvShape shape;   // of one part

  explicit Parts(const ConvShape& s) : C(s.C / s.groups), F(s.F / s.groups), taps(s.HH * s.WW), shape(s) {
    constexpr Index kLanes = 16;  // so many channels cost no more than fewer of them
    together = std::clamp<Index>(kLanes / std::max(C, F), 1, s.groups);
    while (s.groups % together != 0) --together;
    count = s.groups / together;
    shape.C = together * C;
    shape.F = together * F;
    shape.groups = 1;
  }
  Index pixels() const { return shape.N * shape.H * shape.W; }
  Index places() const { return shape.N * shape.OH * shape.OW; }
  Index filters_size() const { return together * F * C * taps; }

  // Calls body(public, own) for each filter of part i: where its taps begin in w, and in the filters of the part.
  template <class Body>
  void each_filter(Index i, Body&& body) const {
    for (Index f = 0; f < shape.F; ++f) body(i * filters_size() + f * C * taps, (f * shape.C + f / F * C) * taps);
  }
};

// The filters of part i, (shape.F, shape.C, HH, WW).
template <class T>
const T* filters_of(const Parts& parts, Index i, const T* w) {
  if (parts.together == 1) return w + i * parts.filters_size();
  const Index size = parts.shape.F * parts.shape.C * parts.taps;
  T* own = workspace<PartOfW, T>(size);
  std::fill_n(own, size, T{0});
  parts.each_filter(i, [&](Index from, Index to) { std::copy_n(w + from, parts.C * parts.taps, own + to); });
  return own;
}

}  // namespace

template <class T>
void forward_by_groups(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out,
                       void (*convolve)(const ConvShape&, const T*, const T*, const T*, bool, T*)) {
  const Parts parts(s);
  const auto [C, F] = std::pair(parts.shape.C, parts.shape.F);
  T* own_x = workspace<PartOfX, T>(parts.pixels() * C);
  T* own_out = workspace<PartOfOut, T>(parts.places() * F);
  for (Index i = 0; i < parts.count; ++i) {
    copy_columns(parts.pixels(), C, x + i * C, s.C, own_x, C);
    convolve(parts.shape, own_x, filters_of(parts, i, w), b ? b + i * F : nullptr, relu, own_out);
    copy_columns(parts.places(), F, own_out, F, out + i * F, s.F);
  }
}

template <class T>
void backward_data_by_groups(const ConvShape& s, const T* dout, const T* w, T* dx,
                             void (*convolve)(const ConvShape&, const T*, const T*, T*)) {
  const Parts parts(s);
  const auto [C, F] = std::pair(parts.shape.C, parts.shape.F);
  T* own_dx = workspace<PartOfX, T>(parts.pixels() * C);
  T* own_dout = workspace<PartOfOut, T>(parts.places() * F);
  for (Index i = 0; i < parts.count; ++i) {
    copy_columns(parts.places(), F, dout + i * F, s.F, own_dout, F);
    convolve(parts.shape, own_dout, filters_of(parts, i, w), own_dx);
    copy_columns(parts.pixels(), C, own_dx, C, dx + i * C, s.C);
  }
}

template <class T>
void backward_filter_by_groups(const ConvShape& s, const T* x, const T* dout, T* dw,
                               void (*convolve)(const ConvShape&, const T*, const T*, T*, T*)) {
  const Parts parts(s);
  const auto [C, F] = std::pair(parts.shape.C, parts.shape.F);
  T* own_x = workspace<PartOfX, T>(parts.pixels() * C);
  T* own_dout = workspace<PartOfOut, T>(parts.places() * F);
  T* own_dw = workspace<PartOfW, T>(F * C * parts.taps);
  for (Index i = 0; i < parts.count; ++i) {
    copy_columns(parts.pixels(), C, x + i * C, s.C, own_x, C);
    copy_columns(parts.places(), F, dout + i * F, s.F, own_dout, F);
    convolve(parts.shape, own_x, own_dout, own_dw, nullptr);
    parts.each_filter(i, [&](Index to, Index from) { std::copy_n(own_dw + from, parts.C * parts.taps, dw + to); });
  }
}

LAMINA_FLOAT_AND_DOUBLE(forward_by_groups);
LAMINA_FLOAT_AND_DOUBLE(backward_data_by_groups);
LAMINA_FLOAT_AND_DOUBLE(backward_filter_by_groups);

}  // namespace lamina::kernels
