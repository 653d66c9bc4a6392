// What the products of affine layers and convolutions are computed in.
#pragma once

#include <string_view>
#include <type_traits>

#include "lamina/check.h"

namespace lamina {

/// full: in the tensors' type. bf16, for float32 tensors only: the operands of every product (inputs, weights,
/// gradients of outputs; not biases) are rounded to bfloat16, to the nearest, ties to even, and the sums are float32.
/// Convolutions that are faster by fewer multiplications round the transformed operands instead
/// (kernels/convolution/winograd.h).
enum class Precision { full, bf16 };

/// Throws std::invalid_argument where the precision does not go with tensors of T.
template <class T>
void check_precision(std::string_view where, Precision precision) {
  if (precision == Precision::bf16 && !std::is_same_v<T, float>)
    fail(where, "expected float32 for products of bfloat16, got float64");
}

}  // namespace lamina
