// Max pooling: out[n, c, i, j] = the maximum of x[n, c] over the window of (pool_height, pool_width) at (i s, j s).
// The first maximum in scan order takes the gradient; overlapping windows add theirs up. NaN counts as a maximum.
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
  Tensor<std::int32_t> argmax;  ///< per element of out: the row-major place in its window, p * pool_width + q
  PoolParam param;
};

/// `out` is resized. Throws std::invalid_argument where the window is larger than the image or stride < 1.
template <class T>
void max_pool_forward(const TensorView<T>& x, const PoolParam& pool_param, Tensor<T>& out, PoolCache<T>& cache);
/// Overwrites dx, resized to x's shape.
template <class T>
void max_pool_backward(const TensorView<T>& dout, const PoolCache<T>& cache, Tensor<T>& dx);

template <class T>
std::pair<Tensor<T>, PoolCache<T>> max_pool_forward(const TensorView<T>& x, const PoolParam& pool_param);
template <class T>
Tensor<T> max_pool_backward(const TensorView<T>& dout, const PoolCache<T>& cache);

}  // namespace lamina
