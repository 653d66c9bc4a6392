// affine - relu, the sandwich of fully-connected nets. It equals affine_forward followed by relu_forward, and the
// backward passes in reverse order.
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
/// Overwrites dw, db and, unless dx is null, *dx. Throws std::invalid_argument if a shape does not match the forward
/// pass.
template <class T>
void affine_relu_backward(const TensorView<T>& dout, const AffineReluCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                          TensorView<T> db);

}  // namespace lamina
