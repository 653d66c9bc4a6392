// Global average pooling: out[n, c] = 1 / (H W) sum_hw x[n, c, h, w];  dx[n, c, h, w] = dout[n, c] / (H W)
//   x (N, C, H, W) or, channels last, (N, H, W, C);  out (N, C)            (Lin, Chen and Yan, 2014)
#pragma once

#include <utility>

#include "lamina/tensor.h"

namespace lamina {

struct GlobalAveragePoolCache {
  Shape x_shape;
  Layout layout = Layout::nchw;  ///< of x and dx
};

/// `out` is resized; it must not be the tensor that x views. N may be 0. Channels last runs without a copy. Throws
/// std::invalid_argument unless x has four axes and its images have at least one pixel.
template <class T>
void global_average_pool_forward(const TensorView<T>& x, Layout layout, Tensor<T>& out, GlobalAveragePoolCache& cache);
/// dout of out's shape. Overwrites dx, which is resized to x's shape and must not be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void global_average_pool_backward(const TensorView<T>& dout, const GlobalAveragePoolCache& cache, Tensor<T>& dx);

/// The same with new tensors: `auto [out, cache] = global_average_pool_forward(x);`
template <class T>
std::pair<Tensor<T>, GlobalAveragePoolCache> global_average_pool_forward(const TensorView<T>& x,
                                                                         Layout layout = Layout::nchw);
template <class T>
Tensor<T> global_average_pool_backward(const TensorView<T>& dout, const GlobalAveragePoolCache& cache);

}  // namespace lamina
