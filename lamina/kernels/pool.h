// Pooling of channels-last images.
#pragma once

#include <cstdint>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// The sizes of max pooling: images (N, H, W, C), windows (PH, PW), output (N, OH, OW, C).
struct PoolShape {
  Index N, H, W, C, PH, PW, stride, OH, OW;
};

/// out (N, OH, OW, C) = the maximum of each window; argmax = its row-major position in the window, p * PW + q, the
/// first one if several are equal. NaN counts as a maximum. PH PW < 2^31.
template <class T>
void max_pool_forward(const PoolShape& s, const T* x, T* out, std::int32_t* argmax);
/// dx (N, H, W, C), overwritten, = dout at the argmax of each window, summed where windows overlap, and 0 elsewhere.
template <class T>
void max_pool_backward(const PoolShape& s, const T* dout, const std::int32_t* argmax, T* dx);

/// The sizes of average pooling. The images are surrounded by `pad` zeros on each side, and pad is at most half of PH
/// and of PW. With exclude_pad, the zeros do not count in a mean.
struct AveragePoolShape : PoolShape {
  Index pad;
  bool exclude_pad;
};

/// out (N, OH, OW, C) = the mean of each window of x (N, H, W, C), whose pixels are added in scan order.
template <class T>
void average_pool_forward(const AveragePoolShape& s, const T* x, T* out);
/// dx (N, H, W, C), overwritten, = the sum of dout / (what the mean was divided by) over the windows that contain a
/// pixel, in scan order.
template <class T>
void average_pool_backward(const AveragePoolShape& s, const T* dout, T* dx);

/// out (N, C) = the mean of x (N, pixels, C) over the pixels, which are added in order.
template <class T>
void global_average_forward(Index N, Index pixels, Index C, const T* x, T* out);
/// dx (N, pixels, C) = dout (N, C) / pixels.
template <class T>
void global_average_backward(Index N, Index pixels, Index C, const T* dout, T* dx);

}  // namespace lamina::kernels
