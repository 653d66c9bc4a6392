// Convolution (cross-correlation) of images x with F filters:
//   out[n, f, i, j] = b[f] + sum_{c, p, q} x[n, c, i s + p - pad, j s + q - pad] w[f, c, p, q]
//
//   x (N, C, H, W), zero outside;  w (F, C, HH, WW);  b (F,);  stride s >= 1;  pad >= 0
//   out (N, F, 1 + floor((H + 2 pad - HH) / s), 1 + floor((W + 2 pad - WW) / s))
#pragma once

#include <utility>

#include "lamina/tensor.h"

namespace lamina {

/// The notebooks' `conv_param`.
struct ConvParam {
  Index stride = 1;
  Index pad = 0;
  Layout layout = Layout::nchw;  ///< of x, out and their gradients; nhwc: (N, H, W, C) and (N, OH, OW, F)
};

/// Holds views of x and w, which must outlive it.
template <class T>
struct ConvCache {
  TensorView<T> x, w;
  ConvParam param;
  Tensor<T> x_nhwc;  ///< x channels last, where x itself is not
};

template <class T>
struct ConvGradients {
  Tensor<T> dx, dw, db;
};

/// `out` is resized. Throws std::invalid_argument where the shapes do not fit or the filter is larger than the
/// padded image.
template <class T>
void conv_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b, const ConvParam& conv_param,
                  Tensor<T>& out, ConvCache<T>& cache);
/// Overwrites dw (F, C, HH, WW), db (F,) and, unless null, *dx, resized to x's shape.
template <class T>
void conv_backward(const TensorView<T>& dout, const ConvCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                   TensorView<T> db);

template <class T>
std::pair<Tensor<T>, ConvCache<T>> conv_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                                                const ConvParam& conv_param);
template <class T>
ConvGradients<T> conv_backward(const TensorView<T>& dout, const ConvCache<T>& cache);

}  // namespace lamina
