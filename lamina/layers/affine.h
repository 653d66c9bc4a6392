// Affine (fully-connected) layer: out = x W + b, or x W without a bias.
//
//   x (N, d_1, ..., d_k), read as (N, D) with D = d_1 ... d_k;  w (D, M);  b (M,);  out (N, M)
//   dx = dout W^T, in x's shape;  dw = x^T dout;  db = sum of dout over N
#pragma once

#include <string_view>
#include <utility>

#include "lamina/layers/precision.h"
#include "lamina/tensor.h"

namespace lamina {

/// What affine_backward needs. Holds views: x and w must outlive it.
template <class T>
struct AffineCache {
  TensorView<T> x, w;
  Precision precision = Precision::full;
  bool bias = true;  ///< whether there is a b
};

template <class T>
struct AffineGradients {
  Tensor<T> dx, dw, db;
};

/// Writes x W + b to `out`, which is resized to (N, M) and must not be the tensor that x views. An empty view as
/// b, TensorView<T>(), stands for no bias. N may be 0. The cache keeps the precision for the backward pass. Throws
/// std::invalid_argument if the shapes do not fit, or if the precision is not one for T.
template <class T>
void affine_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b, Tensor<T>& out,
                    AffineCache<T>& cache, Precision precision = Precision::full);
/// dout (N, M). Overwrites dw (D, M), db (M,), which is an empty view without a bias, and, unless dx is null, *dx,
/// which is resized to x's shape and must not be the tensor that dout views. Throws std::invalid_argument if a shape
/// does not match the forward pass.
template <class T>
void affine_backward(const TensorView<T>& dout, const AffineCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                     TensorView<T> db);

/// The same with new tensors: `auto [out, cache] = affine_forward(x, w, b);`
template <class T>
std::pair<Tensor<T>, AffineCache<T>> affine_forward(const TensorView<T>& x, const TensorView<T>& w,
                                                    const TensorView<T>& b);
template <class T>
AffineGradients<T> affine_backward(const TensorView<T>& dout, const AffineCache<T>& cache);

namespace detail {
/// affine_forward, but errors name `where`; with `relu`, out is max(0, out), computed in the same pass.
template <class T>
void affine_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                    bool relu, Tensor<T>& out, AffineCache<T>& cache, Precision precision = Precision::full);
/// affine_backward, but errors name `where`.
template <class T>
void affine_backward(std::string_view where, const TensorView<T>& dout, const AffineCache<T>& cache, Tensor<T>* dx,
                     TensorView<T> dw, TensorView<T> db);
}  // namespace detail

}  // namespace lamina
