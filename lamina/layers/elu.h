// Exponential linear unit (Clevert, Unterthiner and Hochreiter, 2016), elementwise on any shape:
//   out = x where x > 0, else alpha (e^x - 1);  dx = dout where x > 0, else dout alpha e^x = dout (out + alpha)
#pragma once

#include <utility>

#include "lamina/layers/owned_cache.h"
#include "lamina/tensor.h"

namespace lamina {

/// What elu_backward needs: a view of the output (out > 0 exactly where x > 0), which must outlive it.
template <class T>
struct EluCache {
  TensorView<T> out;
  double alpha = 1;
};

/// Writes the result to `out`, resized to x's shape. Nothing overflows; NaN stays NaN. `out` may be the tensor that x
/// views. Throws std::invalid_argument unless alpha >= 0.
template <class T>
void elu_forward(const TensorView<T>& x, double alpha, Tensor<T>& out, EluCache<T>& cache);
/// Overwrites dx, resized to dout's shape. `dx` may be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void elu_backward(const TensorView<T>& dout, const EluCache<T>& cache, Tensor<T>& dx);

/// A cache that owns a copy of the output, so that it may outlive the tensor that elu_forward returned.
template <class T>
using OwnedEluCache = OwnedCache<EluCache<T>, T>;

template <class T>
std::pair<Tensor<T>, OwnedEluCache<T>> elu_forward(const TensorView<T>& x, double alpha = 1);
template <class T>
Tensor<T> elu_backward(const TensorView<T>& dout, const EluCache<T>& cache);

}  // namespace lamina
