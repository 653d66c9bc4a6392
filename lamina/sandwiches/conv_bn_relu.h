// conv - spatial batch normalization - relu. It equals its layers one after the other, forward and backward.
#pragma once

#include "lamina/layers/batchnorm.h"
#include "lamina/layers/conv.h"
#include "lamina/layers/relu.h"

namespace lamina {

/// Holds views of x, w, gamma and out, which must outlive it.
template <class T>
struct ConvBnReluCache {
  ConvCache<T> conv;
  Tensor<T> a;  ///< the convolution's output
  BatchNormCache<T> batchnorm;
  ReluCache<T> relu;
  mutable Tensor<T> da;  ///< scratch of the backward pass
};

/// Shapes as conv_forward's; gamma and beta (F,). The layout is conv_param.layout; bn_param's is set to it.
template <class T>
void conv_bn_relu_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                          const TensorView<T>& gamma, const TensorView<T>& beta, const ConvParam& conv_param,
                          BatchNormParam<T>& bn_param, Tensor<T>& out, ConvBnReluCache<T>& cache);
/// dout of out's shape. Overwrites dw (F, C, HH, WW), db, dgamma and dbeta (F,) and, unless dx is null, *dx, resized to
/// x's shape. Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void conv_bn_relu_backward(const TensorView<T>& dout, const ConvBnReluCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                           TensorView<T> db, TensorView<T> dgamma, TensorView<T> dbeta);

}  // namespace lamina
