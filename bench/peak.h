// The processor's measured limit: multiply-adds in registers.
#pragma once

namespace bench {

/// float32 GFLOP/s (a multiply-add counted as 2) of `threads` threads that do nothing else for a tenth of a second, on
/// the instruction set in use: the best of several tries. With AMX, that of its vector units: products on the matrix
/// unit may be above it.
double peak_gflops(int threads);

/// The same of products of bfloat16 with sums in float32; peak_gflops() where the instruction set in use has none.
double bf16_peak_gflops(int threads);

}  // namespace bench
