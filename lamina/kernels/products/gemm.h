// Matrix products.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// C (m, n) = op(A) op(B) [+ bias (n,), added to every row] [then max(0, C)], all row-major. op(A) is (m, k): A itself,
/// or the transpose of A (k, m) where transpose_a. op(B) is (k, n) likewise. lda, ldb and ldc are the elements from one
/// row of the stored matrix to the next. C is overwritten and must not overlap A or B. The order in which an element of
/// C is summed depends on the sizes alone, never on threads; on a processor with a matrix unit it also depends on
/// whether that unit suits the operands (amx/amx.h).
template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const T* a, Index lda, const T* b, Index ldb,
          T* c, Index ldc, const T* bias = nullptr, bool relu = false);

/// gemm() of A and B rounded to bfloat16, with sums in float32. The bias is added as it is.
void gemm_bf16(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const float* a, Index lda, const float* b,
               Index ldb, float* c, Index ldc, const float* bias = nullptr, bool relu = false);

}  // namespace lamina::kernels
