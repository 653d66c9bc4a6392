// Update rules.
#include "lamina/kernels/update.h"

#include "bench/bench.h"

namespace {

using lamina::Tensor;

void sgd_momentum(benchmark::State& state) {
  auto w = bench::numbers<float>({state.range(0)});
  const Tensor<float> dw = w;
  Tensor<float> v(w.shape());
  for (auto _ : state) lamina::kernels::sgd_momentum_update(w.size(), w.data(), dw.data(), v.data(), 1e-3F, 0.9F);
  bench::report_bytes(state, 20.0 * static_cast<double>(w.size()));
}
BENCHMARK(sgd_momentum)->Arg(10000)->Arg(307200)->Arg(1536000)->UseRealTime();

void adam(benchmark::State& state) {
  auto w = bench::numbers<float>({state.range(0)});
  const Tensor<float> dw = w;
  Tensor<float> m(w.shape()), v(w.shape());
  const lamina::kernels::AdamStep<float> step{1e-3F, 0.9F, 0.1F, 0.5F, 0.999F, 0.001F, 0.5F, 1e-8F};
  for (auto _ : state) lamina::kernels::adam_update(w.size(), w.data(), dw.data(), m.data(), v.data(), step);
  bench::report_bytes(state, 28.0 * static_cast<double>(w.size()));
}
BENCHMARK(adam)->Arg(10000)->Arg(307200)->Arg(1536000)->UseRealTime();

}  // namespace
