// Between the public order of images, (N, C, H, W), and channels last, (N, H, W, C).
#pragma once

#include "lamina/tensor.h"

namespace lamina {

/// x (N, C, H, W) to `out`, resized to (N, H, W, C); it must not be the tensor that x views. Throws
/// std::invalid_argument unless x has 4 axes.
template <class T>
void to_nhwc(const TensorView<T>& x, Tensor<T>& out);
/// x (N, H, W, C) to `out`, resized to (N, C, H, W); the inverse of to_nhwc.
template <class T>
void to_nchw(const TensorView<T>& x, Tensor<T>& out);

}  // namespace lamina
