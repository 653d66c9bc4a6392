// The precision in which affine layers and convolutions compute their products.
#pragma once

#include <string_view>
#include <type_traits>

#include "lamina/check.h"

namespace lamina {

/// full: in the tensors' type. bf16, for float32 tensors only: the operands of every product (inputs, weights,
/// gradients of outputs; not biases) are rounded to the nearest bfloat16, ties to even, and the sums are float32.
/// Winograd's convolutions (kernels/convolution/winograd.h) round the transformed operands instead.
enum class Precision { full, bf16 };

/// Throws std::invalid_argument if tensors of T do not have this precision.
template <class T>
void check_precision(std::string_view where, Precision precision) {
  if (precision == Precision::bf16 && !std::is_same_v<T, float>)
    fail(where, "expected float32 for products of bfloat16, got float64");
}

}  // namespace lamina
