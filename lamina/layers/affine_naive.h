// The specification of affine.h, in plain loops.
#pragma once

#include "lamina/layers/affine.h"
#include "lamina/tensor.h"

namespace lamina::naive {

/// x (N, ...), w (D, M), b (M,) or empty.
template <class T>
Tensor<T> affine_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b) {
  const Index N = x.dim(0), D = w.dim(0), M = w.dim(1);
  const TensorView<T> rows = x.reshaped({N, D});
  Tensor<T> out({N, M});
  for (Index i = 0; i < N; ++i)
    for (Index k = 0; k < M; ++k) {
      for (Index j = 0; j < D; ++j) out(i, k) += rows(i, j) * w(j, k);
      if (b.rank() > 0) out(i, k) += b[k];
    }
  return out;
}

template <class T>
AffineGradients<T> affine_backward(const TensorView<T>& dout, const TensorView<T>& x, const TensorView<T>& w) {
  const Index N = x.dim(0), D = w.dim(0), M = w.dim(1);
  const TensorView<T> rows = x.reshaped({N, D});
  AffineGradients<T> grad{Tensor<T>(x.shape()), Tensor<T>({D, M}), Tensor<T>({M})};
  TensorView<T> dx = grad.dx.reshaped({N, D});
  for (Index i = 0; i < N; ++i)
    for (Index k = 0; k < M; ++k) {
      for (Index j = 0; j < D; ++j) {
        dx(i, j) += dout(i, k) * w(j, k);
        grad.dw(j, k) += rows(i, j) * dout(i, k);
      }
      grad.db[k] += dout(i, k);
    }
  return grad;
}

}  // namespace lamina::naive
