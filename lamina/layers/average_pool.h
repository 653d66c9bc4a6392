// Average pooling: out[n, c, i, j] = the mean of x[n, c] over the window of (pool_height, pool_width) at (i s - pad,
// j s - pad), where pixels outside the image are zero. The mean is divided by pool_height pool_width or, with
// exclude_pad, by the number of pixels of the window that lie in the image:
//   dx[n, c, h, w] = the sum of dout[n, c, i, j] / divisor(i, j) over the windows (i, j) that contain (h, w)
//   x (N, C, H, W);  out (N, C, OH, OW), OH = 1 + floor((H + 2 pad - pool_height) / s), and OW likewise
// Subsampling in LeCun, Bottou, Bengio and Haffner (1998).
#pragma once

#include <utility>

#include "lamina/tensor.h"

namespace lamina {

struct AveragePoolParam {
  Index pool_height = 2;
  Index pool_width = 2;
  Index stride = 2;
  Index pad = 0;                 ///< zeros on each side; at most half the window, so that each window has a pixel
  bool exclude_pad = false;      ///< whether the zeros do not count in the divisor
  Layout layout = Layout::nchw;  ///< of x, out and their gradients
};

struct AveragePoolCache {
  Shape x_shape;
  AveragePoolParam param;
};

/// `out` is resized; it must not be the tensor that x views. N may be 0. Channels last runs without a copy. Throws
/// std::invalid_argument if the window is empty or larger than the padded image, if the images have no pixel, for
/// stride < 1, and for a pad below 0 or above half the window.
template <class T>
void average_pool_forward(const TensorView<T>& x, const AveragePoolParam& param, Tensor<T>& out,
                          AveragePoolCache& cache);
/// dout of out's shape. Overwrites dx, which is resized to x's shape and must not be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void average_pool_backward(const TensorView<T>& dout, const AveragePoolCache& cache, Tensor<T>& dx);

/// The same with new tensors: `auto [out, cache] = average_pool_forward(x, {.pool_height = 3, .pool_width = 3});`
template <class T>
std::pair<Tensor<T>, AveragePoolCache> average_pool_forward(const TensorView<T>& x, const AveragePoolParam& param);
template <class T>
Tensor<T> average_pool_backward(const TensorView<T>& dout, const AveragePoolCache& cache);

}  // namespace lamina
