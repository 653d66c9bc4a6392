#include "lamina/layers/conv.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "lamina/check.h"
#include "lamina/kernels/convolution/conv.h"
#include "lamina/kernels/layout.h"
#include "lamina/kernels/machine/workspace.h"

namespace lamina {
namespace {

struct ImagesSlot {};    // scratch: out or dx, channels last
struct GradientSlot {};  // scratch: dout, channels last

constexpr Index kLargestPad = Index{1} << 20;  // the kernels pad rows in memory

void check_param(std::string_view where, const ConvParam& param) {
  const auto [stride, pad, dilation] = std::tie(param.stride, param.pad, param.dilation);
  if (stride.h < 1 || stride.w < 1) fail(where, "expected a stride of at least 1, got ", stride.to_string());
  if (std::min(pad.h, pad.w) < 0 || std::max(pad.h, pad.w) > kLargestPad)
    fail(where, "expected a pad of 0 to ", kLargestPad, ", got ", pad.to_string());
  if (dilation.h < 1 || dilation.w < 1) fail(where, "expected a dilation of at least 1, got ", dilation.to_string());
  if (param.groups < 1) fail(where, "expected at least one group, got ", param.groups);
}

// The output places along one axis; 0 if the filter does not fit into the padded image.
Index places_of(Index padded, Index taps, Index dilation, Index stride) {
  if (taps > padded || (taps > 1 && dilation > (padded - 1) / (taps - 1))) return 0;
  return 1 + (padded - (taps - 1) * dilation - 1) / stride;
}

template <class T>
kernels::ConvShape conv_shape(std::string_view where, const TensorView<T>& x, const TensorView<T>& w,
                              const ConvParam& param) {
  const bool nhwc = param.layout == Layout::nhwc;
  if (x.rank() != 4) fail(where, "expected x of shape ", nhwc ? "(N, H, W, C)" : "(N, C, H, W)", ", got ", x.shape());
  const Index N = x.dim(0), C = x.dim(nhwc ? 3 : 1), H = x.dim(nhwc ? 1 : 2), W = x.dim(nhwc ? 2 : 3);
  if (C < 1 || H < 1 || W < 1) fail(where, "expected images of at least one pixel and channel, got x ", x.shape());
  check_param(where, param);
  const Index groups = param.groups;
  if (C % groups != 0)
    fail(where, "expected groups to divide the ", C, " channels of x ", x.shape(), ", got ", groups, " groups");
  if (w.rank() != 4 || w.dim(1) != C / groups)
    fail(where, "expected w of shape (F, ", C / groups, ", HH, WW) to match ",
         groups > 1 ? std::to_string(groups) + " groups of " : "", "x ", x.shape(), ", got ", w.shape());
  if (w.empty()) fail(where, "expected at least one filter of at least one pixel, got w ", w.shape());
  const Index F = w.dim(0), HH = w.dim(2), WW = w.dim(3);
  if (F % groups != 0)
    fail(where, "expected groups to divide the ", F, " filters of w ", w.shape(), ", got ", groups, " groups");
  const Index padded_h = H + 2 * param.pad.h, padded_w = W + 2 * param.pad.w;
  // A stride beyond the padded image gives one position, as a stride of its length does.
  const Index most = std::max(padded_h, padded_w);
  const Sides stride{std::min(param.stride.h, most), std::min(param.stride.w, most)};
  // The distance of taps has no meaning if there is one alone.
  const Sides dilation{HH > 1 ? param.dilation.h : 1, WW > 1 ? param.dilation.w : 1};
  const Index OH = places_of(padded_h, HH, dilation.h, stride.h), OW = places_of(padded_w, WW, dilation.w, stride.w);
  if (OH == 0 || OW == 0)
    fail(where, "expected a filter no larger than the padded image of ", padded_h, " x ", padded_w, ", got ", HH, " x ",
         WW, dilation == 1 ? "" : " with dilation " + dilation.to_string());
  return {N, H, W, C, F, HH, WW, stride, param.pad, OH, OW, dilation, groups};
}

template <class T>
void forward(Precision precision, const kernels::ConvShape& s, const T* x, const T* w, const T* b, bool relu, T* out) {
  if constexpr (std::is_same_v<T, float>)
    if (precision == Precision::bf16) return kernels::conv_forward_bf16(s, x, w, b, relu, out);
  kernels::conv_forward(s, x, w, b, relu, out);
}

template <class T>
void backward_data(Precision precision, const kernels::ConvShape& s, const T* dout, const T* w, T* dx) {
  if constexpr (std::is_same_v<T, float>)
    if (precision == Precision::bf16) return kernels::conv_backward_data_bf16(s, dout, w, dx);
  kernels::conv_backward_data(s, dout, w, dx);
}

template <class T>
void backward_filter(Precision precision, const kernels::ConvShape& s, const T* x, const T* dout, T* dw, T* db) {
  if constexpr (std::is_same_v<T, float>)
    if (precision == Precision::bf16) return kernels::conv_backward_filter_bf16(s, x, dout, dw, db);
  kernels::conv_backward_filter(s, x, dout, dw, db);
}

Shape out_shape(const kernels::ConvShape& s, Layout layout) {
  return layout == Layout::nhwc ? Shape{s.N, s.OH, s.OW, s.F} : Shape{s.N, s.F, s.OH, s.OW};
}

}  // namespace

namespace detail {

template <class T>
void check_convolution(std::string_view where, const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                       const ConvParam& conv_param) {
  check_precision<T>(where, conv_param.precision);
  const kernels::ConvShape s = conv_shape(where, x, w, conv_param);
  if (b.rank() > 0) check_shape(where, "b", b.shape(), {s.F}, "w");
}

template <class T>
void conv_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                  const ConvParam& conv_param, bool relu, Tensor<T>& out, ConvCache<T>& cache) {
  check_convolution(where, x, w, b, conv_param);
  const kernels::ConvShape s = conv_shape(where, x, w, conv_param);
  cache.x = x;
  cache.w = w;
  cache.bias = b.rank() > 0;
  cache.param = conv_param;
  out.resize(out_shape(s, conv_param.layout));
  if (s.N == 0) return;
  if (conv_param.layout == Layout::nhwc) {
    forward(conv_param.precision, s, x.data(), w.data(), b.data(), relu, out.data());
    return;
  }
  cache.x_nhwc.resize({s.N, s.H, s.W, s.C});
  kernels::transpose(s.N, s.C, s.H * s.W, x.data(), cache.x_nhwc.data());
  T* out_nhwc = kernels::workspace<ImagesSlot, T>(out.size());
  forward<T>(conv_param.precision, s, cache.x_nhwc.data(), w.data(), b.data(), relu, out_nhwc);
  kernels::transpose(s.N, s.OH * s.OW, s.F, out_nhwc, out.data());
}

template <class T>
void conv_backward(std::string_view where, const TensorView<T>& dout, const ConvCache<T>& cache, Tensor<T>* dx,
                   TensorView<T> dw, TensorView<T> db) {
  const kernels::ConvShape s = conv_shape(where, cache.x, cache.w, cache.param);
  check_shape(where, "dout", dout.shape(), out_shape(s, cache.param.layout), "out");
  check_shape(where, "dw", dw.shape(), cache.w.shape(), "w");
  check_shape(where, "db", db.shape(), cache.bias ? Shape{s.F} : Shape(), "b");
  if (dx) dx->resize(cache.x.shape());
  if (s.N == 0) {
    dw.fill(0);
    db.fill(0);
    return;
  }
  if (cache.param.layout == Layout::nhwc) {
    backward_filter<T>(cache.param.precision, s, cache.x.data(), dout.data(), dw.data(), db.data());
    if (dx) backward_data<T>(cache.param.precision, s, dout.data(), cache.w.data(), dx->data());
    return;
  }
  T* dout_nhwc = kernels::workspace<GradientSlot, T>(dout.size());
  kernels::transpose(s.N, s.F, s.OH * s.OW, dout.data(), dout_nhwc);
  backward_filter<T>(cache.param.precision, s, cache.x_nhwc.data(), dout_nhwc, dw.data(), db.data());
  if (!dx) return;
  T* dx_nhwc = kernels::workspace<ImagesSlot, T>(dx->size());
  backward_data<T>(cache.param.precision, s, dout_nhwc, cache.w.data(), dx_nhwc);
  kernels::transpose(s.N, s.H * s.W, s.C, dx_nhwc, dx->data());
}

template void check_convolution(std::string_view, const TensorView<float>&, const TensorView<float>&,
                                const TensorView<float>&, const ConvParam&);
template void check_convolution(std::string_view, const TensorView<double>&, const TensorView<double>&,
                                const TensorView<double>&, const ConvParam&);
template void conv_forward(std::string_view, const TensorView<float>&, const TensorView<float>&,
                           const TensorView<float>&, const ConvParam&, bool, Tensor<float>&, ConvCache<float>&);
template void conv_forward(std::string_view, const TensorView<double>&, const TensorView<double>&,
                           const TensorView<double>&, const ConvParam&, bool, Tensor<double>&, ConvCache<double>&);
template void conv_backward(std::string_view, const TensorView<float>&, const ConvCache<float>&, Tensor<float>*,
                            TensorView<float>, TensorView<float>);
template void conv_backward(std::string_view, const TensorView<double>&, const ConvCache<double>&, Tensor<double>*,
                            TensorView<double>, TensorView<double>);

}  // namespace detail

template <class T>
void conv_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b, const ConvParam& conv_param,
                  Tensor<T>& out, ConvCache<T>& cache) {
  detail::conv_forward("conv_forward", x, w, b, conv_param, false, out, cache);
}

template <class T>
void conv_backward(const TensorView<T>& dout, const ConvCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                   TensorView<T> db) {
  detail::conv_backward("conv_backward", dout, cache, dx, dw, db);
}

template <class T>
std::pair<Tensor<T>, ConvCache<T>> conv_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                                                const ConvParam& conv_param) {
  std::pair<Tensor<T>, ConvCache<T>> result;
  conv_forward(x, w, b, conv_param, result.first, result.second);
  return result;
}

template <class T>
ConvGradients<T> conv_backward(const TensorView<T>& dout, const ConvCache<T>& cache) {
  ConvGradients<T> g;
  g.dw.resize(cache.w.shape());
  if (cache.bias) g.db.resize({cache.w.rank() == 4 ? cache.w.dim(0) : 0});
  conv_backward<T>(dout, cache, &g.dx, g.dw, g.db);
  return g;
}

#define LAMINA_CONV(T)                                                                                              \
  template void conv_forward(const TensorView<T>&, const TensorView<T>&, const TensorView<T>&, const ConvParam&,    \
                             Tensor<T>&, ConvCache<T>&);                                                            \
  template void conv_backward(const TensorView<T>&, const ConvCache<T>&, Tensor<T>*, TensorView<T>, TensorView<T>); \
  template std::pair<Tensor<T>, ConvCache<T>> conv_forward(const TensorView<T>&, const TensorView<T>&,              \
                                                           const TensorView<T>&, const ConvParam&);                 \
  template ConvGradients<T> conv_backward(const TensorView<T>&, const ConvCache<T>&);
LAMINA_CONV(float)
LAMINA_CONV(double)
#undef LAMINA_CONV

}  // namespace lamina
