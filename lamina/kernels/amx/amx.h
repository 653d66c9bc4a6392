// Matrix products on Intel's matrix unit, AMX, which multiplies tiles of bfloat16 and accumulates in float32.
#pragma once

#include "lamina/kernels/products/product.h"

namespace lamina::kernels {

enum class AmxInput {
  float32,  ///< the operands as they are
  bf16,     ///< the operands rounded to bfloat16
};

/// Computes what gemm() does or, for AmxInput::bf16, gemm_bf16(). Returns false, with C unspecified, if the unit is not
/// in use or the product is too small for it.
///
/// A float32 is split exactly into a sum of three bfloat16. Of the nine partial products of two such sums, the six
/// largest are accumulated in float32, so each term is as accurate as a float32 product. But the unit flushes subnormal
/// numbers to zero: numbers below 2^-108 and products below 2^-102 lose digits, and results below 1.2e-38 become zero.
/// So the function also returns false for float32 operands that need true float32 arithmetic: if an operand holds a
/// NaN, an infinity or a number of 2^127 or more; if all its numbers are below 2^-90; if the product of the two
/// operands' largest numbers is below 2^-100; or if sums of such products might overflow.
bool try_amx(const Product<float>& product, AmxInput input);

}  // namespace lamina::kernels
