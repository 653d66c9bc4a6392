// The instruction set that kernels run on: the best that the processor has, or the one that the environment's
// LAMINA_TARGET names. And what else kernels must know of the processor.
#pragma once

#include <string>
#include <vector>

namespace lamina::kernels {

/// The name of the instruction set in use: "AMX", "AVX-512-BF16", "AVX-512", "AVX2", "SSE4", "NEON" or "portable".
std::string target_name();
/// The names of the instruction sets that this processor can run and this build contains, the best first.
std::vector<std::string> available_targets();
/// Uses the named instruction set from the next kernel call on. Throws std::invalid_argument where it is not available.
/// Must not be called while kernels run.
void set_target(const std::string& name);
/// Whether "AVX-512-BF16" or better is in use: AVX-512 with instructions that multiply pairs of bfloat16. Kernels
/// that do not use these run as on "AVX-512".
bool has_bf16_products();
/// Whether "AMX" is in use: "AVX-512-BF16" with Intel's matrix unit, which computes larger matrix products of bfloat16
/// and of float32.
bool has_amx();
/// How many lines a set of the processor's first-level data cache holds; 0 where the system does not say.
int cache_ways();
/// Whether two named instruction sets give results with the same bits, in float32 or in float64, where nothing is
/// rounded to bfloat16.
bool same_bits_without_bf16(const std::string& a, const std::string& b, bool float64 = false);

}  // namespace lamina::kernels
