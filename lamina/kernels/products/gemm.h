// Matrix products.
#pragma once

#include <unistd.h>

#include <functional>

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

/// Whether gemm() makes each of C's rows with the same bits wherever it lies and however many there are: then the
/// product of some rows gives what the product of all gives. So it is for all but large products and long sums.
bool rows_stand_alone(Index m, Index n, Index k);

/// Rows `first` to first + count - 1 of a product: (count, n), scratch memory of the calling thread.
template <class T>
using RowsOfProduct = std::function<void(Index first, Index count, T* rows)>;

/// Whether who needs the rows of such a product but once does well to take gemm_in_blocks(). So it is on a processor's
/// matrix unit, beside which memory is slow.
template <class T>
bool blocks_pay(Index m, Index n, Index k);
/// C = A^T B of A (k, m) and B (k, n) block by block: done(first, count, rows), on any threads and in any order. Where
/// blocks_pay(), and where there is no matrix unit, the rows are gemm()'s, to the bit, unless the unit suits some
/// blocks and not all; blocks and bits do not depend on the number of threads.
template <class T>
void gemm_in_blocks(Index m, Index n, Index k, const T* a, Index lda, const T* b, Index ldb,
                    const RowsOfProduct<T>& done);

/// The same as gemm() with A and B rounded to bfloat16 and sums in float32; the bias is added as it is.
void gemm_bf16(bool transpose_a, bool transpose_b, Index m, Index n, Index k, const float* a, Index lda, const float* b,
               Index ldb, float* c, Index ldc, const float* bias = nullptr, bool relu = false);

}  // namespace lamina::kernels
