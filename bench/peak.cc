#include "bench/peak.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/peak.cc"
#include "lamina/kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Floating-point operations of `rounds` rounds of independent multiply-adds.
double MultiplyAdds(long rounds, float* out) {
  const hn::ScalableTag<float> d;
  constexpr int kSums = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON ? 24 : 12;
  hn::Vec<decltype(d)> sums[kSums];
#pragma GCC unroll 32
  for (int i = 0; i < kSums; ++i) sums[i] = hn::Set(d, static_cast<float>(i));
  auto a = hn::Set(d, 0.999f), b = hn::Set(d, 0.001f);
  for (long round = 0; round < rounds; ++round)
#pragma GCC unroll 32
    for (int i = 0; i < kSums; ++i) sums[i] = hn::MulAdd(sums[i], a, b);
  auto sum = sums[0];
#pragma GCC unroll 32
  for (int i = 1; i < kSums; ++i) sum = hn::Add(sum, sums[i]);
  *out = hn::GetLane(hn::SumOfLanes(d, sum));
  return 2.0 * kSums * static_cast<double>(hn::Lanes(d)) * static_cast<double>(rounds);
}

}  // namespace bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bench {

HWY_EXPORT(MultiplyAdds);

double peak_gflops(int threads) {
  const auto kernel = LAMINA_DISPATCH(MultiplyAdds);
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    std::vector<double> rates(static_cast<std::size_t>(threads));
    std::vector<std::thread> workers;
    for (double& rate : rates)
      workers.emplace_back([&rate, kernel] {
        float sink = 0;
        double flops = 0, seconds = 0;
        const auto start = std::chrono::steady_clock::now();
        do {
          flops += kernel(100000, &sink);
          seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        } while (seconds < 0.02);
        rate = flops / seconds * 1e-9;
      });
    for (std::thread& worker : workers) worker.join();
    double sum = 0;
    for (double rate : rates) sum += rate;
    best = std::max(best, sum);
  }
  return best;
}

}  // namespace bench
#endif
