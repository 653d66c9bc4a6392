// Update rules over n contiguous elements: each is one pass over memory that rounds every operation as NumPy does,
// in the order of the formula, without fused multiply-adds.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// w = w - rate dw
template <class T>
void sgd_update(Index n, T* w, const T* dw, T rate);
/// v = momentum v - rate dw;  w = w + v
template <class T>
void sgd_momentum_update(Index n, T* w, const T* dw, T* v, T rate, T momentum);
/// v = momentum v - rate dw;  w = w + (momentum v - rate dw)
template <class T>
void nesterov_update(Index n, T* w, const T* dw, T* v, T rate, T momentum);
/// average = average + fresh (w - average)
template <class T>
void average_update(Index n, T* average, const T* w, T fresh);
/// cache = decay cache + fresh dw^2;  w = w - rate dw / (sqrt(cache) + epsilon)
template <class T>
void rmsprop_update(Index n, T* w, const T* dw, T* cache, T rate, T decay, T fresh, T epsilon);

/// The numbers of one step of Adam: fresh1 = 1 - beta1, correction1 = 1 - beta1^t, and the same of beta2.
template <class T>
struct AdamStep {
  T rate, beta1, fresh1, correction1, beta2, fresh2, correction2, epsilon;
};
/// m = beta1 m + fresh1 dw;  v = beta2 v + fresh2 dw^2;
/// w = w - rate (m / correction1) / (sqrt(v / correction2) + epsilon)
template <class T>
void adam_update(Index n, T* w, const T* dw, T* m, T* v, const AdamStep<T>& step);

}  // namespace lamina::kernels
