#include "lamina/kernels/activation.h"

#include <algorithm>
#include <cmath>

#include "lamina/kernels/machine/parallel.h"

namespace lamina::kernels {
namespace {

constexpr Index kChunk = 8192;  // elements

template <class Body>
void for_elements(Index n, Body&& body) {
  parallel_for((n + kChunk - 1) / kChunk, [&](Index chunk) {
    for (Index i = chunk * kChunk, end = std::min(n, i + kChunk); i < end; ++i) body(i);
  });
}

}  // namespace

template <class T>
void sigmoid(Index n, const T* x, T* out) {
  for_elements(n, [=](Index i) {
    const T e = std::exp(-std::abs(x[i]));
    out[i] = (x[i] < 0 ? e : T{1}) / (1 + e);
  });
}
template <class T>
void sigmoid_backward(Index n, const T* dout, const T* out, T* dx) {
  for_elements(n, [=](Index i) { dx[i] = dout[i] * out[i] * (1 - out[i]); });
}
template <class T>
void leaky_relu(Index n, T slope, const T* x, T* out) {
  for_elements(n, [=](Index i) { out[i] = x[i] > 0 ? x[i] : slope * x[i]; });
}
template <class T>
void leaky_relu_backward(Index n, T slope, const T* dout, const T* out, T* dx) {
  for_elements(n, [=](Index i) { dx[i] = out[i] > 0 ? dout[i] : slope * dout[i]; });
}

#define LAMINA_BOTH(T)                                           \
  template void sigmoid(Index, const T*, T*);                    \
  template void sigmoid_backward(Index, const T*, const T*, T*); \
  template void leaky_relu(Index, T, const T*, T*);              \
  template void leaky_relu_backward(Index, T, const T*, const T*, T*);
LAMINA_BOTH(float)
LAMINA_BOTH(double)
#undef LAMINA_BOTH

}  // namespace lamina::kernels
