// Matrix products on the processor's matrix unit (Intel's AMX), which multiplies tiles of bfloat16 with sums in
// float32.
#pragma once

#include "lamina/tensor.h"

namespace lamina::kernels {

/// The arguments of gemm() (gemm.h).
struct FloatProduct {
  bool transpose_a, transpose_b;
  Index m, n, k;
  const float* a;
  Index lda;
  const float* b;
  Index ldb;
  float* c;
  Index ldc;
  const float* bias;
  bool relu;
};

inline constexpr Index kLeastForAmx = 1 << 21;  ///< multiply-adds

/// Whether the instruction set in use has the unit and a product of this size is worth cutting into its tiles.
bool amx_suits(Index m, Index n, Index k);

/// C as gemm() gives it. Every number is the sum of three of bfloat16, exactly; of the nine products of two such sums
/// the six largest are added up in float32, so that a term's error is that of a float32 product. Numbers below 2^-108
/// and products of two below 2^-102 lose digits, however, and results below 1.2e-38 are zero: the unit has no subnormal
/// numbers. False, with C unspecified, where an operand holds NaN, an infinity or numbers of 2^127 and more, or nothing
/// but numbers below 2^-90, or where the two largest make a product below 2^-100 or sums might overflow: those need
/// float32's own arithmetic.
bool gemm_amx(const FloatProduct& product);
/// C as gemm_bf16() gives it.
void gemm_amx_bf16(const FloatProduct& product);

}  // namespace lamina::kernels
