// The specification of conv.h, in plain loops over (N, C, H, W). A Stoppable (threads.h)
// can interrupt them.
#pragma once

#include "lamina/layers/conv.h"
#include "lamina/tensor.h"
#include "lamina/threads.h"

namespace lamina::naive {

template <class T>
Tensor<T> conv_forward(const TensorView<T>& x, const TensorView<T>& w, const TensorView<T>& b,
                       const ConvParam& conv_param) {
  const Index N = x.dim(0), C = x.dim(1), H = x.dim(2), W = x.dim(3);
  const Index F = w.dim(0), HH = w.dim(2), WW = w.dim(3), s = conv_param.stride, pad = conv_param.pad;
  const Index OH = 1 + (H + 2 * pad - HH) / s, OW = 1 + (W + 2 * pad - WW) / s;
  Tensor<T> out({N, F, OH, OW});
  for (Index n = 0; n < N; ++n)
    for (Index f = 0; f < F; ++f)
      for (Index i = 0; i < OH; ++i, Stoppable::check())
        for (Index j = 0; j < OW; ++j) {
          T sum = b(f);
          for (Index c = 0; c < C; ++c)
            for (Index p = 0; p < HH; ++p)
              for (Index q = 0; q < WW; ++q) {
                const Index h = i * s + p - pad, k = j * s + q - pad;
                if (h >= 0 && h < H && k >= 0 && k < W) sum += x(n, c, h, k) * w(f, c, p, q);
              }
          out(n, f, i, j) = sum;
        }
  return out;
}

template <class T>
ConvGradients<T> conv_backward(const TensorView<T>& dout, const TensorView<T>& x, const TensorView<T>& w,
                               const ConvParam& conv_param) {
  const Index N = x.dim(0), C = x.dim(1), H = x.dim(2), W = x.dim(3);
  const Index F = w.dim(0), HH = w.dim(2), WW = w.dim(3), s = conv_param.stride, pad = conv_param.pad;
  const Index OH = dout.dim(2), OW = dout.dim(3);
  ConvGradients<T> g{Tensor<T>(x.shape()), Tensor<T>(w.shape()), Tensor<T>({F})};
  for (Index n = 0; n < N; ++n)
    for (Index f = 0; f < F; ++f)
      for (Index i = 0; i < OH; ++i, Stoppable::check())
        for (Index j = 0; j < OW; ++j) {
          const T d = dout(n, f, i, j);
          g.db(f) += d;
          for (Index c = 0; c < C; ++c)
            for (Index p = 0; p < HH; ++p)
              for (Index q = 0; q < WW; ++q) {
                const Index h = i * s + p - pad, k = j * s + q - pad;
                if (h < 0 || h >= H || k < 0 || k >= W) continue;
                g.dw(f, c, p, q) += d * x(n, c, h, k);
                g.dx(n, c, h, k) += d * w(f, c, p, q);
              }
        }
  return g;
}

}  // namespace lamina::naive
