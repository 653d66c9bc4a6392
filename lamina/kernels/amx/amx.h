// Matrix products on the processor's matrix unit, Intel's AMX, which multiplies tiles of bfloat16 with sums in float32.
#pragma once

#include "lamina/kernels/products/product.h"

namespace lamina::kernels {

enum class AmxInput {
  float32,  ///< the operands as they are
  bf16,     ///< the operands rounded to bfloat16
};

/// Computes C as gemm() gives it, or of AmxInput::bf16 as gemm_bf16(), where that is worth it. Returns false, with C
/// unspecified, where no such unit is in use or the product is too small to be cut into its tiles.
///
/// A float32 operand is written as a sum of three bfloat16, exactly. Of the nine products of two such sums the six
/// largest are added up in float32, so that the error of a term is that of a float32 product. But numbers below 2^-108
/// and products of two numbers below 2^-102 lose digits, and results below 1.2e-38 become zero, since the unit has no
/// subnormal numbers. So the function also returns false for float32 operands that need float32's own arithmetic: where
/// an operand holds a NaN, an infinity or a number of 2^127 and more, or nothing but numbers below 2^-90, or where the
/// product of the two operands' largest numbers is below 2^-100, or sums of such products might overflow.
bool try_amx(const Product<float>& product, AmxInput input);

}  // namespace lamina::kernels
