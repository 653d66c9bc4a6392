// bfloat16, the upper half of a float32, and rounding to it.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "lamina/tensor.h"

namespace lamina::kernels {

/// Pairs of bfloat16 in a vector of AVX-512, whose instructions multiply them.
inline constexpr Index kPairLanes = 16;

/// The bits of x rounded to bfloat16, to the nearest, ties to even; a NaN gives a NaN.
inline std::uint16_t bf16_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (std::isnan(x)) return static_cast<std::uint16_t>(bits >> 16 | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// x rounded to bfloat16.
inline float round_to_bf16(float x) { return std::bit_cast<float>(static_cast<std::uint32_t>(bf16_bits(x)) << 16); }
/// out[i] = x[i] rounded to bfloat16; may be in place.
void round_to_bf16(Index n, const float* x, float* out);

}  // namespace lamina::kernels
