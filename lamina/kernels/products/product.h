// The arguments of a matrix product, as kernels pass them on.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// What gemm() computes, by the names of its parameters (gemm.h).
template <class T>
struct Product {
  bool transpose_a, transpose_b;
  Index m, n, k;
  const T* a;
  Index lda;
  const T* b;
  Index ldb;
  T* c;
  Index ldc;
  const T* bias = nullptr;
  bool relu = false;

  /// Multiply-adds.
  Index work() const { return m * n * k; }
};

}  // namespace lamina::kernels
