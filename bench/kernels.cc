#include <cstdio>

#include "bench/bench.h"
#include "bench/peak.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/threads.h"

double bench::peak() {
  static const double gflops = peak_gflops(lamina::num_threads());
  return gflops;
}

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  std::printf("%s, %d threads, peak %.0f GFLOP/s in float32\n", lamina::kernels::target_name().c_str(),
              lamina::num_threads(), bench::peak());
  benchmark::RunSpecifiedBenchmarks();
}
