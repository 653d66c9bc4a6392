// Sigmoid, elementwise on any shape: out = s(x) = 1 / (1 + exp(-x)); dx = dout out (1 - out).
#pragma once

#include <utility>

#include "lamina/layers/owned_cache.h"
#include "lamina/tensor.h"

namespace lamina {

/// What sigmoid_backward needs: a view of the output, which must outlive it.
template <class T>
struct SigmoidCache {
  TensorView<T> out;
};

/// Writes s(x) to `out`, resized to x's shape. Nothing overflows; NaN stays NaN. `out` may be the tensor that x views.
template <class T>
void sigmoid_forward(const TensorView<T>& x, Tensor<T>& out, SigmoidCache<T>& cache);
/// Overwrites dx, resized to dout's shape. `dx` may be the tensor that dout views.
/// Throws std::invalid_argument if a shape does not match the forward pass.
template <class T>
void sigmoid_backward(const TensorView<T>& dout, const SigmoidCache<T>& cache, Tensor<T>& dx);

/// A cache that owns a copy of the output, so that it may outlive the tensor that sigmoid_forward returned.
template <class T>
using OwnedSigmoidCache = OwnedCache<SigmoidCache<T>, T>;

template <class T>
std::pair<Tensor<T>, OwnedSigmoidCache<T>> sigmoid_forward(const TensorView<T>& x);
template <class T>
Tensor<T> sigmoid_backward(const TensorView<T>& dout, const SigmoidCache<T>& cache);

}  // namespace lamina
