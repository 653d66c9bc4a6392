#include "lamina/layers/global_average_pool.h"

#include "lamina/check.h"
#include "lamina/kernels/layout.h"
#include "lamina/kernels/machine/workspace.h"
#include "lamina/kernels/pool.h"

namespace lamina {
namespace {

struct Images {};  // scratch: x or dx, channels last

struct Sizes {
  Index N, C, pixels;
};

Sizes sizes(std::string_view where, const Shape& x, Layout layout) {
  const bool nhwc = layout == Layout::nhwc;
  if (x.rank() != 4) fail(where, "expected x of shape ", nhwc ? "(N, H, W, C)" : "(N, C, H, W)", ", got ", x);
  const Sizes s{x[0], x[nhwc ? 3 : 1], x[nhwc ? 1 : 2] * x[nhwc ? 2 : 3]};
  if (s.pixels == 0) fail(where, "expected images of at least one pixel, got x of shape ", x);
  return s;
}

}  // namespace

template <class T>
void global_average_pool_forward(const TensorView<T>& x, Layout layout, Tensor<T>& out, GlobalAveragePoolCache& cache) {
  const Sizes s = sizes("global_average_pool_forward", x.shape(), layout);
  cache.x_shape = x.shape();
  cache.layout = layout;
  out.resize({s.N, s.C});
  if (layout == Layout::nhwc) {
    kernels::global_average_forward(s.N, s.pixels, s.C, x.data(), out.data());
    return;
  }
  T* x_nhwc = kernels::workspace<Images, T>(x.size());
  kernels::transpose(s.N, s.C, s.pixels, x.data(), x_nhwc);
  kernels::global_average_forward(s.N, s.pixels, s.C, x_nhwc, out.data());
}

template <class T>
void global_average_pool_backward(const TensorView<T>& dout, const GlobalAveragePoolCache& cache, Tensor<T>& dx) {
  const Sizes s = sizes("global_average_pool_backward", cache.x_shape, cache.layout);
  check_shape("global_average_pool_backward", "dout", dout.shape(), {s.N, s.C}, "out");
  dx.resize(cache.x_shape);
  if (cache.layout == Layout::nhwc) {
    kernels::global_average_backward(s.N, s.pixels, s.C, dout.data(), dx.data());
    return;
  }
  T* dx_nhwc = kernels::workspace<Images, T>(dx.size());
  kernels::global_average_backward(s.N, s.pixels, s.C, dout.data(), dx_nhwc);
  kernels::transpose(s.N, s.pixels, s.C, dx_nhwc, dx.data());
}

template <class T>
std::pair<Tensor<T>, GlobalAveragePoolCache> global_average_pool_forward(const TensorView<T>& x, Layout layout) {
  std::pair<Tensor<T>, GlobalAveragePoolCache> result;
  global_average_pool_forward(x, layout, result.first, result.second);
  return result;
}

template <class T>
Tensor<T> global_average_pool_backward(const TensorView<T>& dout, const GlobalAveragePoolCache& cache) {
  Tensor<T> dx;
  global_average_pool_backward(dout, cache, dx);
  return dx;
}

#define LAMINA_BOTH(T)                                                                                             \
  template void global_average_pool_forward(const TensorView<T>&, Layout, Tensor<T>&, GlobalAveragePoolCache&);    \
  template void global_average_pool_backward(const TensorView<T>&, const GlobalAveragePoolCache&, Tensor<T>&);     \
  template std::pair<Tensor<T>, GlobalAveragePoolCache> global_average_pool_forward(const TensorView<T>&, Layout); \
  template Tensor<T> global_average_pool_backward(const TensorView<T>&, const GlobalAveragePoolCache&);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina
