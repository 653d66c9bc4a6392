// Spatial batch normalization: batch normalization (batchnorm.h, which has the public functions) of images x
// (N, C, H, W), every position of every image a row, one statistic a channel. Here: what it shares with its sandwich.
#pragma once

#include <string_view>

#include "lamina/layers/batchnorm.h"

namespace lamina::detail {

/// spatial_batchnorm_forward under the name `where` in errors [and max(0, out) in the same pass].
template <class T>
void spatial_batchnorm_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& gamma,
                               const TensorView<T>& beta, BatchNormParam<T>& bn_param, bool relu, Tensor<T>& out,
                               BatchNormCache<T>& cache);
/// Where relu_out is not null, it is the forward pass's max(0, out), and dout counts as 0 where it is not positive.
template <class T>
void spatial_batchnorm_backward(std::string_view where, const TensorView<T>& dout, const TensorView<T>* relu_out,
                                const BatchNormCache<T>& cache, Tensor<T>& dx, TensorView<T> dgamma,
                                TensorView<T> dbeta);

}  // namespace lamina::detail
