// Leaky rectified linear unit (Maas, Hannun and Ng, 2013), elementwise on any shape:
//   out = x where x > 0, else slope x;  dx = dout where x > 0, else slope dout
#pragma once

#include <utility>

#include "lamina/layers/owned_cache.h"
#include "lamina/tensor.h"

namespace lamina {

/// What leaky_relu_backward needs: a view of the output (out > 0 exactly where x > 0), which must outlive it.
template <class T>
struct LeakyReluCache {
  TensorView<T> out;
  double slope = 0.01;
};

/// Writes the result to `out`, resized to x's shape. NaN stays NaN. `out` may be the tensor that x views. Throws
/// std::invalid_argument unless slope >= 0.
template <class T>
void leaky_relu_forward(const TensorView<T>& x, double slope, Tensor<T>& out, LeakyReluCache<T>& cache);
/// Overwrites dx, resized to dout's shape. `dx` may be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void leaky_relu_backward(const TensorView<T>& dout, const LeakyReluCache<T>& cache, Tensor<T>& dx);

/// A cache that owns a copy of the output, so that it may outlive the tensor that leaky_relu_forward returned.
template <class T>
using OwnedLeakyReluCache = OwnedCache<LeakyReluCache<T>, T>;

template <class T>
std::pair<Tensor<T>, OwnedLeakyReluCache<T>> leaky_relu_forward(const TensorView<T>& x, double slope = 0.01);
template <class T>
Tensor<T> leaky_relu_backward(const TensorView<T>& dout, const LeakyReluCache<T>& cache);

}  // namespace lamina
