#include "bench/peak.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "lamina/kernels/machine/target.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/peak.cc"
#include "lamina/kernels/machine/simd.h"

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

// The same of products of bfloat16 pairs; 0 where the instruction set has none.
double PairMultiplyAdds(long rounds, float* out) {
#if HWY_TARGET == HWY_AVX3
  constexpr int kSums = 24;
  __m512 sums[kSums];
#pragma GCC unroll 32
  for (int i = 0; i < kSums; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  __m512i a = _mm512_set1_epi32(0x3f7f3f7f), b = _mm512_set1_epi32(0x3a833a83);
  for (long round = 0; round < rounds; ++round)
#pragma GCC unroll 32
    for (int i = 0; i < kSums; ++i) asm("vdpbf16ps %2, %1, %0" : "+v"(sums[i]) : "v"(a), "v"(b));
  __m512 sum = sums[0];
#pragma GCC unroll 32
  for (int i = 1; i < kSums; ++i) sum = _mm512_add_ps(sum, sums[i]);
  *out = _mm512_cvtss_f32(sum);
  return 4.0 * kSums * 16 * static_cast<double>(rounds);
#else
  (void)rounds;
  return *out = 0;
#endif
}

}  // namespace bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bench {

namespace {

double rate_of(double (*kernel)(long, float*), int threads) {
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

}  // namespace

double peak_gflops(int threads) { return rate_of(LAMINA_DISPATCH(MultiplyAdds), threads); }

double bf16_peak_gflops(int threads) {
  return lamina::kernels::has_bf16_products() ? rate_of(LAMINA_DISPATCH(PairMultiplyAdds), threads)
                                              : peak_gflops(threads);
}

}  // namespace bench
#endif
