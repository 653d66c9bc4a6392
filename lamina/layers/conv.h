// Convolution (cross-correlation) of images x with F filters. Tap (p, q) of a filter at place (i, j) of the output
// falls on the pixel (h, k) with h = i stride + p dilation - pad, and k = j stride + q dilation - pad likewise:
//   out[n, f, i, j] = b[f] + sum_{c, p, q} x[n, c, h, k] w[f, c, p, q]
//
//   x (N, C, H, W), zero outside;  w (F, C, HH, WW);  b (F,);  stride >= 1;  pad >= 0;  dilation >= 1
//   out (N, F, OH, OW),  OH = 1 + floor((H + 2 pad - (HH - 1) dilation - 1) / stride), and OW likewise
//
//   dw[f, c, p, q] = sum_{n, i, j} dout[n, f, i, j] x[n, c, h, k];  db[f] = sum dout[:, f]
//   dx[n, c, h, k] = sum dout[n, f, i, j] w[f, c, p, q] over f and all places and taps that fall on (h, k)
//
// Stride, pad and dilation are numbers for each of height and width. With G groups, filters and channels are divided
// into G consecutive groups each, and a filter sees the channels of its own group only: w is (F, C / G, HH, WW), and c
// runs over these. With G = C, a convolution is called depthwise.
#pragma once

#include <string_view>
#include <utility>

#include "lamina/layers/precision.h"
#include "lamina/sides.h"
#include "lamina/tensor.h"

namespace lamina {

/// The notebooks' `conv_param`.
struct ConvParam {
  Sides stride = 1;
  Sides pad = 0;
  Layout layout = Layout::nchw;  ///< of x, out and their gradients; nhwc: (N, H, W, C) and (N, OH, OW, F)
  Precision precision = Precision::full;
  Sides dilation = 1;
  Index groups = 1;
};

/// Holds views of x and w, which must outlive it.
template <class T>
struct ConvCache {
  TensorView<T> x, w;
  bool bias = true;  ///< whether there is a b
  ConvParam param;
  Tensor<T> x_nhwc;  ///< a copy of x with channels last, if x itself has another layout
};

template <class T>
struct ConvGradients {
  Tensor<T> dx, dw, db;
};

/// `out` is resized; it must not be the tensor that x views. w has the shape (F, C / groups, HH, WW) in both layouts.
/// An empty view as b, TensorView<T>(), stands for no bias. Channels last runs without a copy. N may be 0. Throws
/// std::invalid_argument if the shapes do not fit, if groups does not divide C and F, if the filter with its dilation
/// is larger than the padded image, for stride < 1, pad < 0, pad > 2^20, dilation < 1 or groups < 1, and if the
/// precision is not one for T.
template <class T>
void conv_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b, const ConvParam& conv_param,
                  Tensor<T>& out, ConvCache<T>& cache);
/// dout of out's shape. Overwrites dw of w's shape, db (F,) and, unless dx is null, *dx, which is resized to x's shape
/// and must not be the tensor that dout views. Without a b, db is an empty view. Throws std::invalid_argument if a
/// shape does not match the forward pass.
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
/// Throws what conv_forward would.
template <class T>
void check_convolution(std::string_view where, const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                       const ConvParam& conv_param);
/// conv_forward, but errors name `where`; with `relu`, out is max(0, out), computed in the same pass.
template <class T>
void conv_forward(std::string_view where, const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                  const ConvParam& conv_param, bool relu, Tensor<T>& out, ConvCache<T>& cache);
template <class T>
void conv_backward(std::string_view where, const TensorView<T>& dout, const ConvCache<T>& cache, Tensor<T>* dx,
                   TensorView<T> dw, TensorView<T> db);
}  // namespace detail

}  // namespace lamina
