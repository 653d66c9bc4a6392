#include "lamina/kernels/activation.h"

#include <cmath>

#include "lamina/kernels/machine/both_precisions.h"
#include "lamina/kernels/machine/chunks.h"

namespace lamina::kernels {
namespace {

template <class Body>
void for_elements(Index n, const Body& body) {
  for_chunks(Chunks{n, 8192}, [&](Index first, Index length) {
    for (Index i = first; i < first + length; ++i) body(i);
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

LAMINA_FLOAT_AND_DOUBLE(sigmoid);
LAMINA_FLOAT_AND_DOUBLE(sigmoid_backward);
LAMINA_FLOAT_AND_DOUBLE(leaky_relu);
LAMINA_FLOAT_AND_DOUBLE(leaky_relu_backward);

}  // namespace lamina::kernels
