// conv - relu - max pool. It equals its layers one after the other, forward and backward.
#pragma once

#include "lamina/layers/max_pool.h"
#include "lamina/sandwiches/conv_relu.h"

namespace lamina {

/// Holds views of x and w, which must outlive it.
template <class T>
struct ConvReluPoolCache {
  ConvReluCache<T> conv_relu;
  Tensor<T> hidden;  ///< relu's output
  PoolCache<T> pool;
  mutable Tensor<T> dhidden;  ///< scratch: the gradient before the pooling
};

/// Shapes and errors are those of conv_forward and max_pool_forward. Both use the layout conv_param.layout.
template <class T>
void conv_relu_pool_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                            const ConvParam& conv_param, const PoolParam& pool_param, Tensor<T>& out,
                            ConvReluPoolCache<T>& cache);
/// dout of out's shape, that is, of the pooled images. Overwrites dw (F, C, HH, WW), db (F,) and, unless dx is null,
/// *dx, resized to x's shape. Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void conv_relu_pool_backward(const TensorView<T>& dout, const ConvReluPoolCache<T>& cache, Tensor<T>* dx,
                             TensorView<T> dw, TensorView<T> db);

}  // namespace lamina
