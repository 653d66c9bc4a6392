// conv - relu. It equals conv_forward followed by relu_forward, and the backward passes in reverse order.
#pragma once

#include "lamina/layers/conv.h"
#include "lamina/layers/relu.h"

namespace lamina {

/// Holds views of x, w and out, which must outlive it.
template <class T>
struct ConvReluCache {
  ConvCache<T> conv;
  ReluCache<T> relu;
  mutable Tensor<T> da;  ///< scratch: the gradient between the two
};

/// Shapes, layout and errors as conv_forward's.
template <class T>
void conv_relu_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                       const ConvParam& conv_param, Tensor<T>& out, ConvReluCache<T>& cache);
/// dout of out's shape. Overwrites dw (F, C, HH, WW), db (F,) and, unless dx is null, *dx, resized to x's shape.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void conv_relu_backward(const TensorView<T>& dout, const ConvReluCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                        TensorView<T> db);

}  // namespace lamina
