// The instruction set that kernels use: the best one that the processor has, or the one that the environment variable
// LAMINA_TARGET names. And other facts about the processor that kernels need.
#pragma once

#include <string>
#include <vector>

namespace lamina::kernels {

/// The name of the instruction set in use: "AMX", "AVX-512-BF16", "AVX-512", "AVX2", "SSE4", "SSE2", "NEON" or
/// "portable".
std::string target_name();
/// The instruction sets that this build contains and this processor can run, best first.
std::vector<std::string> available_targets();
/// Makes kernels use the named instruction set from the next call on. Throws std::invalid_argument if it is not
/// available. Must not be called while kernels run.
void set_target(const std::string& name);
/// Whether "AVX-512-BF16" or better is in use: AVX-512 with instructions for dot products of bfloat16 pairs. Kernels
/// that do not need them are the same as for "AVX-512".
bool has_bf16_products();
/// Whether "AMX" is in use: "AVX-512-BF16" with Intel's matrix unit, on which large matrix products of bfloat16 and of
/// float32 are computed.
bool has_amx();
/// The associativity of the L1 data cache; 0 if the system does not tell.
int cache_ways();
/// Whether two named instruction sets give the same bits, in float32 or in float64, as long as nothing is rounded to
/// bfloat16.
bool same_bits_without_bf16(const std::string& a, const std::string& b, bool float64 = false);

}  // namespace lamina::kernels
