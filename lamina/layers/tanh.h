// Hyperbolic tangent, elementwise on any shape: out = tanh(x) = (e^x - e^-x) / (e^x + e^-x); dx = dout (1 - out^2).
#pragma once

#include <utility>

#include "lamina/layers/owned_cache.h"
#include "lamina/tensor.h"

namespace lamina {

/// What tanh_backward needs: a view of the output, which must outlive it.
template <class T>
struct TanhCache {
  TensorView<T> out;
};

/// Writes tanh(x) to `out`, resized to x's shape. Nothing overflows; NaN stays NaN. `out` may be the tensor that x
/// views.
template <class T>
void tanh_forward(const TensorView<T>& x, Tensor<T>& out, TanhCache<T>& cache);
/// Overwrites dx, resized to dout's shape. `dx` may be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void tanh_backward(const TensorView<T>& dout, const TanhCache<T>& cache, Tensor<T>& dx);

/// A cache that owns a copy of the output, so that it may outlive the tensor that tanh_forward returned.
template <class T>
using OwnedTanhCache = OwnedCache<TanhCache<T>, T>;

template <class T>
std::pair<Tensor<T>, OwnedTanhCache<T>> tanh_forward(const TensorView<T>& x);
template <class T>
Tensor<T> tanh_backward(const TensorView<T>& dout, const TanhCache<T>& cache);

}  // namespace lamina
