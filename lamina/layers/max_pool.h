// Max pooling: out[n, c, i, j] = the maximum of x[n, c] over the window of (pool_height, pool_width) at (i s, j s).
// The first maximum of a window in scan order gets its gradient; the gradients of overlapping windows are added. NaN
// counts as a maximum.
//   x (N, C, H, W);  out (N, C, 1 + floor((H - pool_height) / s), 1 + floor((W - pool_width) / s))
#pragma once

#include <cstdint>
#include <utility>

#include "lamina/tensor.h"

namespace lamina {

/// The notebooks' `pool_param`.
struct PoolParam {
  Index pool_height = 2;
  Index pool_width = 2;
  Index stride = 2;
  Layout layout = Layout::nchw;  ///< of x, out and their gradients
};

template <class T>
struct PoolCache {
  Shape x_shape;
  /// (N, OH, OW, C) in either layout: the row-major place of the maximum in its window, p * pool_width + q.
  Tensor<std::int32_t> argmax;
  PoolParam param;
};

/// `out` is resized; it must not be the tensor that x views. N may be 0. Channels last runs without a copy. Throws
/// std::invalid_argument if the window is empty or larger than the image, and for stride < 1.
template <class T>
void max_pool_forward(const TensorView<T>& x, const PoolParam& pool_param, Tensor<T>& out, PoolCache<T>& cache);
/// dout of out's shape. Overwrites dx, which is resized to x's shape and must not be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void max_pool_backward(const TensorView<T>& dout, const PoolCache<T>& cache, Tensor<T>& dx);

/// The same with new tensors: `auto [out, cache] = max_pool_forward(x, pool_param);`
template <class T>
std::pair<Tensor<T>, PoolCache<T>> max_pool_forward(const TensorView<T>& x, const PoolParam& pool_param);
template <class T>
Tensor<T> max_pool_backward(const TensorView<T>& dout, const PoolCache<T>& cache);

}  // namespace lamina
