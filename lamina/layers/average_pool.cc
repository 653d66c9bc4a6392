#include "lamina/layers/average_pool.h"

#include <algorithm>

#include "lamina/check.h"
#include "lamina/kernels/layout.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/pool.h"

namespace lamina {
namespace {

struct AveragedImages {};  // scratch: x or dx, channels last
struct Averages {};        // scratch: out or dout, channels last

kernels::AveragePoolShape average_pool_shape(std::string_view where, const Shape& x, const AveragePoolParam& param) {
  const bool nhwc = param.layout == Layout::nhwc;
  if (x.rank() != 4) fail(where, "expected x of shape ", nhwc ? "(N, H, W, C)" : "(N, C, H, W)", ", got ", x);
  const Index N = x[0], C = x[nhwc ? 3 : 1], H = x[nhwc ? 1 : 2], W = x[nhwc ? 2 : 3];
  const Index PH = param.pool_height, PW = param.pool_width, pad = param.pad;
  if (H == 0 || W == 0) fail(where, "expected images of at least one pixel, got x of shape ", x);
  if (param.stride < 1) fail(where, "expected a stride of at least 1, got ", param.stride);
  if (PH < 1 || PW < 1) fail(where, "expected a window of at least 1 x 1, got ", PH, " x ", PW);
  if (pad < 0 || pad > std::min(PH, PW) / 2)
    fail(where, "expected a pad of 0 to half the window of ", PH, " x ", PW, ", got ", pad);
  // What is left of the image on both sides of a window; nothing overflows, because 2 pad <= PH and PW.
  const Index rows = H - (PH - 2 * pad), columns = W - (PW - 2 * pad);
  if (rows < 0 || columns < 0)
    fail(where, "expected a window no larger than the image of ", H, " x ", W, " with a pad of ", pad, ", got ", PH,
         " x ", PW);
  return {
      {N, H, W, C, PH, PW, param.stride, 1 + rows / param.stride, 1 + columns / param.stride}, pad, param.exclude_pad};
}

Shape averaged_shape(const kernels::AveragePoolShape& s, Layout layout) {
  return layout == Layout::nhwc ? Shape{s.N, s.OH, s.OW, s.C} : Shape{s.N, s.C, s.OH, s.OW};
}

}  // namespace

template <class T>
void average_pool_forward(const TensorView<T>& x, const AveragePoolParam& param, Tensor<T>& out,
                          AveragePoolCache& cache) {
  const kernels::AveragePoolShape s = average_pool_shape("average_pool_forward", x.shape(), param);
  cache.x_shape = x.shape();
  cache.param = param;
  out.resize(averaged_shape(s, param.layout));
  if (s.N == 0) return;
  if (param.layout == Layout::nhwc) {
    kernels::average_pool_forward(s, x.data(), out.data());
    return;
  }
  T* x_nhwc = kernels::workspace<AveragedImages, T>(x.size());
  T* out_nhwc = kernels::workspace<Averages, T>(out.size());
  kernels::transpose(s.N, s.C, s.H * s.W, x.data(), x_nhwc);
  kernels::average_pool_forward(s, x_nhwc, out_nhwc);
  kernels::transpose(s.N, s.OH * s.OW, s.C, out_nhwc, out.data());
}

template <class T>
void average_pool_backward(const TensorView<T>& dout, const AveragePoolCache& cache, Tensor<T>& dx) {
  const kernels::AveragePoolShape s = average_pool_shape("average_pool_backward", cache.x_shape, cache.param);
  check_shape("average_pool_backward", "dout", dout.shape(), averaged_shape(s, cache.param.layout), "out");
  dx.resize(cache.x_shape);
  if (s.N == 0) return;
  if (cache.param.layout == Layout::nhwc) {
    kernels::average_pool_backward(s, dout.data(), dx.data());
    return;
  }
  T* dout_nhwc = kernels::workspace<Averages, T>(dout.size());
  T* dx_nhwc = kernels::workspace<AveragedImages, T>(dx.size());
  kernels::transpose(s.N, s.C, s.OH * s.OW, dout.data(), dout_nhwc);
  kernels::average_pool_backward(s, dout_nhwc, dx_nhwc);
  kernels::transpose(s.N, s.H * s.W, s.C, dx_nhwc, dx.data());
}

template <class T>
std::pair<Tensor<T>, AveragePoolCache> average_pool_forward(const TensorView<T>& x, const AveragePoolParam& param) {
  std::pair<Tensor<T>, AveragePoolCache> result;
  average_pool_forward(x, param, result.first, result.second);
  return result;
}

template <class T>
Tensor<T> average_pool_backward(const TensorView<T>& dout, const AveragePoolCache& cache) {
  Tensor<T> dx;
  average_pool_backward(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                                                 \
  template void average_pool_forward(const TensorView<T>&, const AveragePoolParam&, Tensor<T>&, AveragePoolCache&);    \
  template void average_pool_backward(const TensorView<T>&, const AveragePoolCache&, Tensor<T>&);                      \
  template std::pair<Tensor<T>, AveragePoolCache> average_pool_forward(const TensorView<T>&, const AveragePoolParam&); \
  template Tensor<T> average_pool_backward(const TensorView<T>&, const AveragePoolCache&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
