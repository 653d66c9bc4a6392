// Sigmoid linear unit, also called swish (Elfwing, Uchibe and Doya, 2018; Ramachandran, Zoph and Le, 2017), elementwise
// on any shape, with s(x) = 1 / (1 + exp(-x)):
//   out = x s(x);  dx = dout (s(x) + x s(x) (1 - s(x)))
#pragma once

#include <utility>

#include "lamina/layers/owned_cache.h"
#include "lamina/tensor.h"

namespace lamina {

/// What silu_backward needs: a view of the input, which must outlive it.
template <class T>
struct SiluCache {
  TensorView<T> x;
};

/// Writes x s(x) to `out`, resized to x's shape, which must not be the tensor that x views. Nothing overflows; NaN
/// stays NaN, and infinities give the limits.
template <class T>
void silu_forward(const TensorView<T>& x, Tensor<T>& out, SiluCache<T>& cache);
/// Overwrites dx, resized to dout's shape. `dx` may be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void silu_backward(const TensorView<T>& dout, const SiluCache<T>& cache, Tensor<T>& dx);

/// A cache that owns a copy of the input, so that it may outlive the tensor of x.
template <class T>
using OwnedSiluCache = OwnedCache<SiluCache<T>, T>;

template <class T>
std::pair<Tensor<T>, OwnedSiluCache<T>> silu_forward(const TensorView<T>& x);
template <class T>
Tensor<T> silu_backward(const TensorView<T>& dout, const SiluCache<T>& cache);

}  // namespace lamina
