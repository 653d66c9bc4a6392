// The instruction set that kernels run on: the best that the processor has, or the one that LAMINA_TARGET names.
#pragma once

#include <string>
#include <vector>

namespace lamina::kernels {

/// Name of the instruction set in use: "AMX", "AVX-512-BF16", "AVX-512", "AVX2", "SSE4", "NEON" or "portable".
std::string target_name();
/// Names that this processor can run and this build has, best first.
std::vector<std::string> available_targets();
/// Uses the named one from the next kernel call on. Throws std::invalid_argument where it is not available.
/// Not to be called while kernels run.
void set_target(const std::string& name);
/// Whether it is AVX-512-BF16 or better: AVX-512 and instructions that multiply pairs of bfloat16. All else runs as on
/// AVX-512.
bool has_bf16_products();
/// Whether it is AMX: AVX-512-BF16 and a matrix unit, which makes larger matrix products, those of float32 too.
bool has_amx();
/// Whether results on two named instruction sets have the same bits where no products of bfloat16 are asked for, in
/// float32 or in float64.
bool same_bits_without_bf16(const std::string& a, const std::string& b, bool float64 = false);

}  // namespace lamina::kernels
