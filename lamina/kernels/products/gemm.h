// Matrix products.
#pragma once

#include "lamina/kernels/machine/parallel.h"
#include "lamina/kernels/products/plan.h"
#include "lamina/tensor.h"

namespace lamina::kernels {

/// C (m, n) = op(A) op(B), with an optional epilogue: + bias (n,) in every row, then max(0, C) if relu. All matrices
/// are row-major. op(A) is (m, k): A itself, or the transpose of A (k, m) if transpose_a. op(B) is (k, n) likewise.
/// lda, ldb and ldc are the distances, in elements, between rows of the stored matrices. C is overwritten and must not
/// overlap A or B. The order of summation depends on the sizes alone, never on threads; on a processor with a matrix
/// unit it also depends on whether the operands suit the unit (amx/amx.h).
template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const T* a, Index lda, const T* b, Index ldb,
          T* c, Index ldc, const T* bias = nullptr, bool relu = false);

/// gemm() of A and B rounded to bfloat16, with sums in float32. The bias is not rounded.
void gemm_bf16(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const float* a, Index lda, const float* b,
               Index ldb, float* c, Index ldc, const float* bias = nullptr, bool relu = false);

/// Calls first() and second(). Each computes a product of `work` multiply-adds, and neither reads what the other
/// writes: the two gradients of an affine layer. Of two threads each computes one of them, if that costs less than
/// dividing both.
template <class First, class Second>
void two_products(Index work, First&& first, Second&& second) {
  const auto product = [&](Index i) { i == 0 ? first() : second(); };
  if (one_thread_each(work, this_machine())) return parallel_for(2, product);
  product(0);
  product(1);
}

}  // namespace lamina::kernels
