// Convolution (cross-correlation) of images x with F filters:
//   out[n, f, i, j] = b[f] + sum_{c, p, q} x[n, c, i s + p - pad, j s + q - pad] w[f, c, p, q]
//
//   x (N, C, H, W), zero outside;  w (F, C, HH, WW);  b (F,);  stride s >= 1;  pad >= 0
//   out (N, F, OH, OW),  OH = 1 + floor((H + 2 pad - HH) / s),  OW = 1 + floor((W + 2 pad - WW) / s)
//
//   dw[f, c, p, q] = sum_{n, i, j} dout[n, f, i, j] x[n, c, i s + p - pad, j s + q - pad];  db[f] = sum dout[:, f]
//   dx[n, c, h, k] = sum dout[n, f, i, j] w[f, c, p, q] over f and all i s + p - pad = h, j s + q - pad = k
#pragma once

#include <string_view>
#include <utility>

#include "lamina/layers/precision.h"
#include "lamina/tensor.h"

namespace lamina {

/// The notebooks' `conv_param`.
struct ConvParam {
  Index stride = 1;
  Index pad = 0;
  Layout layout = Layout::nchw;  ///< of x, out and their gradients; nhwc: (N, H, W, C) and (N, OH, OW, F)
  Precision precision = Precision::full;
};

/// Holds views of x and w, which must outlive it.
template <class T>
struct ConvCache {
  TensorView<T> x, w;
  ConvParam param;
  Tensor<T> x_nhwc;  ///< a copy of x with channels last, if x itself has another layout
};

template <class T>
struct ConvGradients {
  Tensor<T> dx, dw, db;
};

/// `out` is resized; it must not be the tensor that x views. w has the shape (F, C, HH, WW) in both layouts. Channels
/// last runs without a copy. N may be 0. Throws std::invalid_argument if the shapes do not fit, if the filter is larger
/// than the padded image, for stride < 1, pad < 0 or pad > 2^20, and if the precision is not one for T.
template <class T>
void conv_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b, const ConvParam& conv_param,
                  Tensor<T>& out, ConvCache<T>& cache);
/// dout of out's shape. Overwrites dw (F, C, HH, WW), db (F,) and, unless dx is null, *dx, which is resized to x's
/// shape and must not be the tensor that dout views. Throws std::invalid_argument if a shape does not match the forward
/// pass.
template <class T>
void conv_backward(const TensorView<T>& dout, const ConvCache<T>& cache, Tensor<T>* dx, TensorView<T> dw,
                   TensorView<T> db);

/// The same with new tensors: `auto [out, cache] = conv_forward(x, w, b, conv_param);`
template <class T>
std::pair<Tensor<T>, ConvCache<T>> conv_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                                                const ConvParam& conv_param);
template <class T>
ConvGradients<T> conv_backward(const TensorView<T>& dout, const ConvCache<T>& cache);

namespace detail {
/// conv_forward, but errors name `where`; with `relu`, out is max(0, out), computed in the same pass.
template <class T>
void conv_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                  const ConvParam& conv_param, bool relu, Tensor<T>& out, ConvCache<T>& cache);
template <class T>
void conv_backward(std::string_view where, const TensorView<T>& dout, const ConvCache<T>& cache, Tensor<T>* dx,
                   TensorView<T> dw, TensorView<T> db);
}  // namespace detail

}  // namespace lamina
