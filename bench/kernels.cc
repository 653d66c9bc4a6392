#include <algorithm>
#include <chrono>
#include <cstdio>

#include "bench/bench.h"
#include "bench/peak.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/threads.h"

double bench::peak() {
  static const double gflops = peak_gflops(lamina::num_threads());
  return gflops;
}

double bench::memory_limit() {
  static const double limit = [] {
    constexpr lamina::Index kNumbers = 1 << 25;  // 128 MiB in, 128 MiB out
    lamina::Tensor<float> from(lamina::Shape{kNumbers}), to(from.shape());
    double best = 0;
    for (int attempt = 0; attempt < 6; ++attempt) {
      const auto start = std::chrono::steady_clock::now();
      lamina::kernels::copy(kNumbers, from.data(), to.data());
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      best = std::max(best, 8.0 * kNumbers * 1e-9 / seconds.count());
    }
    return best;
  }();
  return limit;
}

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::printf("%s, %d threads, peak %.0f GFLOP/s in float32, memory %.1f GB/s\n",
              lamina::kernels::target_name().c_str(), lamina::num_threads(), bench::peak(), bench::memory_limit());
  benchmark::RunSpecifiedBenchmarks();
}
