// What the benchmarks of kernels share.
#pragma once

#include <benchmark/benchmark.h>

#include "lamina/random.h"
#include "lamina/tensor.h"

namespace bench {

/// GFLOP/s that all threads reach together in an FMA loop, measured once at the start.
double peak();

/// GB/s, read and written, that all threads reach together in copying memory beyond the caches, measured once.
double memory_limit();

/// Uniform numbers of [-1, 1).
template <class T>
lamina::Tensor<T> numbers(const lamina::Shape& shape) {
  lamina::RandomState random(1);
  lamina::Tensor<T> x(shape);
  for (T& value : x) value = static_cast<T>(2 * random.rand() - 1);
  return x;
}

/// Reports the rate of `flops` an iteration and its share of the peak.
inline void report_flops(benchmark::State& state, double flops) {
  const double all = flops * static_cast<double>(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(all * 1e-9, benchmark::Counter::kIsRate);
  state.counters["of_peak"] = benchmark::Counter(all * 1e-9 / peak(), benchmark::Counter::kIsRate);
}

/// Reports the rate of `bytes` read and written an iteration and its share of memory_limit(), of which what fits into
/// the caches reaches more than all.
inline void report_bytes(benchmark::State& state, double bytes) {
  const double all = bytes * static_cast<double>(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(all));
  state.counters["of_memory"] = benchmark::Counter(all * 1e-9 / memory_limit(), benchmark::Counter::kIsRate);
}

}  // namespace bench
