// Activations over n contiguous elements. Outputs may be the inputs. NaN stays NaN, and infinities give the limits.
//
// Bounds in ulp are those of tests/kernels/activation_kernel_test.cc: the largest error that it allows, in units of the
// last place of the exact result.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// out = 1 / (1 + exp(-x)), without overflow, to 3 ulp.
template <class T>
void sigmoid(Index n, const T* x, T* out);
/// dx = dout out (1 - out)
template <class T>
void sigmoid_backward(Index n, const T* dout, const T* out, T* dx);
/// out = tanh(x), to 4 ulp.
template <class T>
void tanh(Index n, const T* x, T* out);
/// dx = dout (1 - out^2)
template <class T>
void tanh_backward(Index n, const T* dout, const T* out, T* dx);
/// out = x s(x), where s is the sigmoid, to 4 ulp.
template <class T>
void silu(Index n, const T* x, T* out);
/// dx = dout (s(x) + x s(x) s(-x))
template <class T>
void silu_backward(Index n, const T* dout, const T* x, T* dx);
/// out = x where x > 0, else slope x
template <class T>
void leaky_relu(Index n, T slope, const T* x, T* out);
/// dx = dout where out > 0, else slope dout
template <class T>
void leaky_relu_backward(Index n, T slope, const T* dout, const T* out, T* dx);
/// out = x Phi(x), where Phi is the normal distribution, to 7 ulp.
template <class T>
void gelu(Index n, const T* x, T* out);
/// dx = dout (Phi(x) + x phi(x)), where phi is its density
template <class T>
void gelu_backward(Index n, const T* dout, const T* x, T* dx);
/// out = x s(v(x)), v(x) = 2 sqrt(2 / pi) (x + 0.044715 x^3), where s is the sigmoid, to 4 + 3 |v| ulp.
template <class T>
void gelu_tanh(Index n, const T* x, T* out);
/// dx = dout (s(v) + x s(v) s(-v) dv/dx)
template <class T>
void gelu_tanh_backward(Index n, const T* dout, const T* x, T* dx);
/// out = x where x > 0, else alpha (e^x - 1), which has an error of 4 ulp at most if alpha is 1.
template <class T>
void elu(Index n, T alpha, const T* x, T* out);
/// dx = dout where out > 0, else dout (out + alpha)
template <class T>
void elu_backward(Index n, T alpha, const T* dout, const T* out, T* dx);

}  // namespace lamina::kernels
