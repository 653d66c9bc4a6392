// Changes of layout between the public order of images, (N, C, H, W), and channels last, (N, H, W, C).
#pragma once

#include "lamina/tensor.h"

namespace lamina {

/// Copies x (N, C, H, W) to `out`, which is resized to (N, H, W, C) and must not be the tensor that x views. Throws
/// std::invalid_argument unless x has 4 axes.
template <class T>
void to_nhwc(const TensorView<T>& x, Tensor<T>& out);
/// Copies x (N, H, W, C) to `out`, which is resized to (N, C, H, W): the inverse of to_nhwc.
template <class T>
void to_nchw(const TensorView<T>& x, Tensor<T>& out);

}  // namespace lamina
