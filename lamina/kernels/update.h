// Update rules over n contiguous elements. Each makes one pass over memory and rounds after every operation, in the
// order of the formula, as NumPy does; there are no fused multiply-adds.
#pragma once

#include <algorithm>
#include <cstddef>

#include "lamina/kernels/machine/chunks.h"
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

/// The coefficients of one step of Adam: fresh1 = 1 - beta1, correction1 = 1 - beta1^t, and likewise for beta2.
template <class T>
struct AdamStep {
  T rate, beta1, fresh1, correction1, beta2, fresh2, correction2, epsilon;
};
/// m = beta1 m + fresh1 dw;  v = beta2 v + fresh2 dw^2;
/// w = w - rate (m / correction1) / (sqrt(v / correction2) + epsilon)
template <class T>
void adam_update(Index n, T* w, const T* dw, T* m, T* v, const AdamStep<T>& step);

/// Divides the tensors 0 .. tensors - 1, of size(i) elements each, into parts, and calls body(i, first, count) for each
/// part, on all threads. Small tensors share a chunk with others. Every part starts at a multiple of 64 elements.
template <class Size, class Body>
void for_parts(std::size_t tensors, const Size& size, const Body& body) {
  constexpr Index kChunk = 16384, kUnit = 64;
  const auto room = [&](std::size_t i) { return round_up(size(i), kUnit); };
  Index total = 0;
  for (std::size_t i = 0; i < tensors; ++i) total += room(i);
  for_chunks(Chunks{total, kChunk}, [&](Index begin, Index length) {
    const Index end = begin + length;
    Index start = 0;  // of tensor i, if all tensors were concatenated
    for (std::size_t i = 0; i < tensors && start < end; start += room(i++)) {
      const Index first = std::max<Index>(begin - start, 0), last = std::min(end - start, size(i));
      if (first < last) body(i, first, last - first);
    }
  });
}

}  // namespace lamina::kernels
