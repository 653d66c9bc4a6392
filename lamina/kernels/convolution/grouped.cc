#include "lamina/kernels/convolution/grouped.h"

#include "lamina/kernels/layout.h"
#include "lamina/kernels/machine/both_precisions.h"
#include "lamina/kernels/machine/workspace.h"

namespace lamina::kernels {
namespace {

struct GroupOfX {};    // scratch: the images of one group, or their gradient
struct GroupOfOut {};  // scratch: the outputs of one group, or their gradient

}  // namespace

ConvShape shape_of_group(const ConvShape& s) {
  ConvShape g = s;
  g.C = s.C / s.groups;
  g.F = s.F / s.groups;
  g.groups = 1;
  return g;
}

template <class T>
void forward_by_groups(const ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out,
                       void (*convolve)(const ConvShape&, const T*, const T*, const T*, bool, T*)) {
  const ConvShape g = shape_of_group(s);
  const Index pixels = s.N * s.H * s.W, places = s.N * s.OH * s.OW;
  T* own_x = workspace<GroupOfX, T>(pixels * g.C);
  T* own_out = workspace<GroupOfOut, T>(places * g.F);
  for (Index i = 0; i < s.groups; ++i) {
    copy_columns(pixels, g.C, x + i * g.C, s.C, own_x, g.C);
    convolve(g, own_x, w + i * g.F * g.C * s.HH * s.WW, b ? b + i * g.F : nullptr, relu, own_out);
    copy_columns(places, g.F, own_out, g.F, out + i * g.F, s.F);
  }
}

template <class T>
void backward_data_by_groups(const ConvShape& s, const T* dout, const T* w, T* dx,
                             void (*convolve)(const ConvShape&, const T*, const T*, T*)) {
  const ConvShape g = shape_of_group(s);
  const Index pixels = s.N * s.H * s.W, places = s.N * s.OH * s.OW;
  T* own_dx = workspace<GroupOfX, T>(pixels * g.C);
  T* own_dout = workspace<GroupOfOut, T>(places * g.F);
  for (Index i = 0; i < s.groups; ++i) {
    copy_columns(places, g.F, dout + i * g.F, s.F, own_dout, g.F);
    convolve(g, own_dout, w + i * g.F * g.C * s.HH * s.WW, own_dx);
    copy_columns(pixels, g.C, own_dx, g.C, dx + i * g.C, s.C);
  }
}

template <class T>
void backward_filter_by_groups(const ConvShape& s, const T* x, const T* dout, T* dw,
                               void (*convolve)(const ConvShape&, const T*, const T*, T*, T*)) {
  const ConvShape g = shape_of_group(s);
  const Index pixels = s.N * s.H * s.W, places = s.N * s.OH * s.OW;
  T* own_x = workspace<GroupOfX, T>(pixels * g.C);
  T* own_dout = workspace<GroupOfOut, T>(places * g.F);
  for (Index i = 0; i < s.groups; ++i) {
    copy_columns(pixels, g.C, x + i * g.C, s.C, own_x, g.C);
    copy_columns(places, g.F, dout + i * g.F, s.F, own_dout, g.F);
    convolve(g, own_x, own_dout, dw + i * g.F * g.C * s.HH * s.WW, nullptr);
  }
}

LAMINA_FLOAT_AND_DOUBLE(forward_by_groups);
LAMINA_FLOAT_AND_DOUBLE(backward_data_by_groups);
LAMINA_FLOAT_AND_DOUBLE(backward_filter_by_groups);

}  // namespace lamina::kernels
