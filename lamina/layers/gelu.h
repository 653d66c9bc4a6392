// Gaussian error linear unit (Hendrycks and Gimpel, 2016), elementwise on any shape, with the normal distribution
// Phi(x) = (1 + erf(x / sqrt(2))) / 2 and its density phi(x) = e^(-x^2 / 2) / sqrt(2 pi):
//   out = x Phi(x);  dx = dout (Phi(x) + x phi(x))
// or with their approximation, where s is the sigmoid and v = 2 sqrt(2 / pi) (x + 0.044715 x^3):
//   out = x s(v) = x (1 + tanh(v / 2)) / 2;  dx = dout (s(v) + x s(v) (1 - s(v)) dv/dx)
#pragma once

#include <utility>

#include "lamina/layers/owned_cache.h"
#include "lamina/tensor.h"

namespace lamina {

/// The exact function, or its approximation by tanh, which differs from it by less than 5e-4.
enum class GeluForm { exact, tanh };

/// What gelu_backward needs: a view of the input, which must outlive it.
template <class T>
struct GeluCache {
  TensorView<T> x;
  GeluForm form = GeluForm::exact;
};

/// Writes the result to `out`, resized to x's shape, which must not be the tensor that x views. Nothing overflows; NaN
/// stays NaN, and infinities give the limits.
template <class T>
void gelu_forward(const TensorView<T>& x, GeluForm form, Tensor<T>& out, GeluCache<T>& cache);
/// Overwrites dx, resized to dout's shape. `dx` may be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void gelu_backward(const TensorView<T>& dout, const GeluCache<T>& cache, Tensor<T>& dx);

/// A cache that owns a copy of the input, so that it may outlive the tensor of x.
template <class T>
using OwnedGeluCache = OwnedCache<GeluCache<T>, T>;

template <class T>
std::pair<Tensor<T>, OwnedGeluCache<T>> gelu_forward(const TensorView<T>& x, GeluForm form = GeluForm::exact);
template <class T>
Tensor<T> gelu_backward(const TensorView<T>& dout, const GeluCache<T>& cache);

}  // namespace lamina
