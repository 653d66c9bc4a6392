#include "lamina/layers/max_pool.h"

#include <limits>

#include "lamina/check.h"
#include "lamina/kernels/layout.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/pool.h"

namespace lamina {
namespace {

struct LargeSlot {};  // scratch: x or dx, channels last
struct SmallSlot {};  // scratch: out or dout, channels last

kernels::PoolShape pool_shape(std::string_view where, const Shape& x, const PoolParam& param) {
  const bool nhwc = param.layout == Layout::nhwc;
  if (x.rank() != 4) fail(where, "expected x of shape ", nhwc ? "(N, H, W, C)" : "(N, C, H, W)", ", got ", x);
  const Index N = x[0], C = x[nhwc ? 3 : 1], H = x[nhwc ? 1 : 2], W = x[nhwc ? 2 : 3];
  const Index PH = param.pool_height, PW = param.pool_width;
  if (param.stride < 1) fail(where, "expected a stride of at least 1, got ", param.stride);
  if (PH < 1 || PW < 1) fail(where, "expected a window of at least 1 x 1, got ", PH, " x ", PW);
  if (PH > H || PW > W)
    fail(where, "expected a window no larger than the image of ", H, " x ", W, ", got ", PH, " x ", PW);
  if (PH > std::numeric_limits<std::int32_t>::max() / PW)
    fail(where, "expected a window of fewer than 2^31 pixels, got ", PH, " x ", PW);
  return {N, H, W, C, PH, PW, param.stride, 1 + (H - PH) / param.stride, 1 + (W - PW) / param.stride};
}

Shape pooled_shape(const kernels::PoolShape& s, Layout layout) {
  return layout == Layout::nhwc ? Shape{s.N, s.OH, s.OW, s.C} : Shape{s.N, s.C, s.OH, s.OW};
}

}  // namespace

template <class T>
void max_pool_forward(const TensorView<T>& x, const PoolParam& pool_param, Tensor<T>& out, PoolCache<T>& cache) {
  const kernels::PoolShape s = pool_shape("max_pool_forward", x.shape(), pool_param);
  cache.x_shape = x.shape();
  cache.param = pool_param;
  cache.argmax.resize({s.N, s.OH, s.OW, s.C});
  out.resize(pooled_shape(s, pool_param.layout));
  if (s.N == 0) return;
  if (pool_param.layout == Layout::nhwc) {
    kernels::max_pool_forward(s, x.data(), out.data(), cache.argmax.data());
    return;
  }
  T* x_nhwc = kernels::workspace<LargeSlot, T>(x.size());
  T* out_nhwc = kernels::workspace<SmallSlot, T>(out.size());
  kernels::transpose(s.N, s.C, s.H * s.W, x.data(), x_nhwc);
  kernels::max_pool_forward(s, x_nhwc, out_nhwc, cache.argmax.data());
  kernels::transpose(s.N, s.OH * s.OW, s.C, out_nhwc, out.data());
}

template <class T>
void max_pool_backward(const TensorView<T>& dout, const PoolCache<T>& cache, Tensor<T>& dx) {
  const kernels::PoolShape s = pool_shape("max_pool_backward", cache.x_shape, cache.param);
  check_shape("max_pool_backward", "dout", dout.shape(), pooled_shape(s, cache.param.layout), "out");
  dx.resize(cache.x_shape);
  if (s.N == 0) return;
  if (cache.param.layout == Layout::nhwc) {
    kernels::max_pool_backward(s, dout.data(), cache.argmax.data(), dx.data());
    return;
  }
  T* dout_nhwc = kernels::workspace<SmallSlot, T>(dout.size());
  T* dx_nhwc = kernels::workspace<LargeSlot, T>(dx.size());
  kernels::transpose(s.N, s.C, s.OH * s.OW, dout.data(), dout_nhwc);
  kernels::max_pool_backward(s, dout_nhwc, cache.argmax.data(), dx_nhwc);
  kernels::transpose(s.N, s.H * s.W, s.C, dx_nhwc, dx.data());
}

template <class T>
std::pair<Tensor<T>, PoolCache<T>> max_pool_forward(const TensorView<T>& x, const PoolParam& pool_param) {
  std::pair<Tensor<T>, PoolCache<T>> result;
  max_pool_forward(x, pool_param, result.first, result.second);
  return result;
}

template <class T>
Tensor<T> max_pool_backward(const TensorView<T>& dout, const PoolCache<T>& cache) {
  Tensor<T> dx;
  max_pool_backward(dout, cache, dx);
  return dx;
}

#define LAMINA_MAX_POOL(T)                                                                              \
  template void max_pool_forward(const TensorView<T>&, const PoolParam&, Tensor<T>&, PoolCache<T>&);    \
  template void max_pool_backward(const TensorView<T>&, const PoolCache<T>&, Tensor<T>&);               \
  template std::pair<Tensor<T>, PoolCache<T>> max_pool_forward(const TensorView<T>&, const PoolParam&); \
  template Tensor<T> max_pool_backward(const TensorView<T>&, const PoolCache<T>&);
LAMINA_MAX_POOL(float)
LAMINA_MAX_POOL(double)
#undef LAMINA_MAX_POOL

}  // namespace lamina
