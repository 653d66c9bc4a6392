// Rectified linear unit (Nair and Hinton, 2010), elementwise on any shape: out = max(0, x);
// dx = dout where x > 0, else 0.
#pragma once

#include <utility>

#include "lamina/layers/owned_cache.h"
#include "lamina/tensor.h"

namespace lamina {

/// What relu_backward needs: a view of the output (out > 0 exactly where x > 0), which must outlive it.
template <class T>
struct ReluCache {
  TensorView<T> out;
};

/// Writes max(0, x) to `out`, resized to x's shape. NaN stays NaN. `out` may be the tensor that x views.
template <class T>
void relu_forward(const TensorView<T>& x, Tensor<T>& out, ReluCache<T>& cache);
/// Overwrites dx, resized to dout's shape. `dx` may be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void relu_backward(const TensorView<T>& dout, const ReluCache<T>& cache, Tensor<T>& dx);

/// A cache that owns a copy of the output, so that it may outlive the tensor that relu_forward returned.
template <class T>
using OwnedReluCache = OwnedCache<ReluCache<T>, T>;

template <class T>
std::pair<Tensor<T>, OwnedReluCache<T>> relu_forward(const TensorView<T>& x);
template <class T>
Tensor<T> relu_backward(const TensorView<T>& dout, const ReluCache<T>& cache);

}  // namespace lamina
