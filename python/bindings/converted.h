// The layers' caches in another type, without their views: for a gradient of another type than the forward pass's.
#pragma once

#include <algorithm>

#include "lamina/layers/affine.h"
#include "lamina/layers/relu.h"
#include "lamina/tensor.h"

namespace lamina::python {

template <class U, class T>
Tensor<U> converted(const Tensor<T>& tensor) {
  Tensor<U> result;
  result.resize(tensor.shape());
  std::transform(tensor.begin(), tensor.end(), result.begin(), [](T value) { return static_cast<U>(value); });
  return result;
}

template <class U, class T>
AffineCache<U> converted(const AffineCache<T>& cache) {
  return {{}, {}, cache.precision};
}

}  // namespace lamina::python
