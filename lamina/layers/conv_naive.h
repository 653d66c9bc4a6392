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
  const Index N = x.dim(0), H = x.dim(2), W = x.dim(3);
  const Index F = w.dim(0), C = w.dim(1), HH = w.dim(2), WW = w.dim(3);  // C: channels of a group
  const Sides stride = conv_param.stride, pad = conv_param.pad, dilation = conv_param.dilation;
  const Index OH = 1 + (H + 2 * pad.h - (HH - 1) * dilation.h - 1) / stride.h;
  const Index OW = 1 + (W + 2 * pad.w - (WW - 1) * dilation.w - 1) / stride.w;
  const Index filters = F / conv_param.groups;  // of a group
  Tensor<T> out({N, F, OH, OW});
  for (Index n = 0; n < N; ++n)
    for (Index f = 0; f < F; ++f)
      for (Index i = 0; i < OH; ++i, Stoppable::check())
        for (Index j = 0; j < OW; ++j) {
          T sum = b.empty() ? T{0} : b(f);
          for (Index c = 0; c < C; ++c)
            for (Index p = 0; p < HH; ++p)
              for (Index q = 0; q < WW; ++q) {
                const Index h = i * stride.h + p * dilation.h - pad.h, k = j * stride.w + q * dilation.w - pad.w;
                if (h >= 0 && h < H && k >= 0 && k < W) sum += x(n, f / filters * C + c, h, k) * w(f, c, p, q);
              }
          out(n, f, i, j) = sum;
        }
  return out;
}

// `bias`: whether there is a b; without it, db is empty.
template <class T>
ConvGradients<T> conv_backward(const TensorView<T>& dout, const TensorView<T>& x, const TensorView<T>& w,
                               const ConvParam& conv_param, bool bias = true) {
  const Index N = x.dim(0), H = x.dim(2), W = x.dim(3);
  const Index F = w.dim(0), C = w.dim(1), HH = w.dim(2), WW = w.dim(3);  // C: channels of a group
  const Sides stride = conv_param.stride, pad = conv_param.pad, dilation = conv_param.dilation;
  const Index OH = dout.dim(2), OW = dout.dim(3), filters = F / conv_param.groups;
  ConvGradients<T> g{Tensor<T>(x.shape()), Tensor<T>(w.shape()), bias ? Tensor<T>({F}) : Tensor<T>()};
  for (Index n = 0; n < N; ++n)
    for (Index f = 0; f < F; ++f)
      for (Index i = 0; i < OH; ++i, Stoppable::check())
        for (Index j = 0; j < OW; ++j) {
          const T d = dout(n, f, i, j);
          if (bias) g.db(f) += d;
          for (Index c = 0; c < C; ++c)
            for (Index p = 0; p < HH; ++p)
              for (Index q = 0; q < WW; ++q) {
                const Index h = i * stride.h + p * dilation.h - pad.h, k = j * stride.w + q * dilation.w - pad.w;
                if (h < 0 || h >= H || k < 0 || k >= W) continue;
                g.dw(f, c, p, q) += d * x(n, f / filters * C + c, h, k);
                g.dx(n, f / filters * C + c, h, k) += d * w(f, c, p, q);
              }
        }
  return g;
}

}  // namespace lamina::naive
