// Matrix products.
#pragma once

#include <unistd.h>

#include "lamina/tensor.h"

namespace lamina::kernels {

namespace detail {
/// Lines that a set of the first-level data cache holds; 0 where the system does not say. Tests set it.
inline int cache_ways =
#ifdef _SC_LEVEL1_DCACHE_ASSOC
    static_cast<int>(sysconf(_SC_LEVEL1_DCACHE_ASSOC));
#else
    0;
#endif
}  // namespace detail

/// C (m, n) = op(A) op(B) [+ bias (n,), added to every row] [then max(0, C)], row-major; op(A) is (m, k): A itself, or
/// the transpose of A (k, m) where transpose_a; op(B) is (k, n) likewise. lda, ldb, ldc: elements from one row to the
/// next of the stored matrices. C is overwritten and must not overlap A or B. Every element is summed in an order that
/// depends on the sizes alone, and on a processor with a matrix unit on whether the operands suit it (gemm_amx.h).
template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const T* a, Index lda, const T* b, Index ldb,
          T* c, Index ldc, const T* bias = nullptr, bool relu = false);

/// Sums over so many numbers and more are made in two halves, each by other threads; off the matrix unit only where A
/// is not transposed.
inline constexpr Index kSumInHalves = 2048;

/// The same as gemm() with A and B rounded to bfloat16 and sums in float32; the bias is added as it is.
void gemm_bf16(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const float* a, Index lda, const float* b,
               Index ldb, float* c, Index ldc, const float* bias = nullptr, bool relu = false);

}  // namespace lamina::kernels
