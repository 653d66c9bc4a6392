// affine - relu, the sandwich of fully-connected nets. Equals relu_forward after affine_forward, and their backwards.
#pragma once

#include <utility>

#include "lamina/layers/affine.h"
#include "lamina/layers/relu.h"

namespace lamina {

/// Holds views of x, w and out, which must outlive it.
template <class T>
struct AffineReluCache {
  AffineCache<T> affine;
  ReluCache<T> relu;
  mutable Tensor<T> da;  ///< scratch: the gradient between the two
};

/// Shapes and errors as affine_forward's.
template <class T>
void affine_relu_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b, Tensor<T>& out,
                         AffineReluCache<T>& cache, Precision precision = Precision::full);
/// Overwrites dw, db and, unless null, *dx.
/// Throws std::invalid_argument where a shape does not fit the forward pass's.
template <class T>
void affine_relu_backward(const TensorView<T>& dout, const AffineReluCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                          TensorView<T> db);

}  // namespace lamina
