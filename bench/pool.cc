// 2x2 pooling of channels-last images.
#include "lamina/kernels/pool.h"

#include "bench/bench.h"

namespace {

using lamina::Index;
using lamina::Shape;
using lamina::Tensor;

struct Case {
  explicit Case(const benchmark::State& state) {
    const Index H = state.range(1);
    s = {state.range(0), H, H, state.range(2), 2, 2, 2, H / 2, H / 2};
    x = bench::numbers<float>({s.N, H, H, s.C});
    out = Tensor<float>(Shape{s.N, s.OH, s.OW, s.C});
    argmax = Tensor<std::int32_t>(out.shape());
    lamina::kernels::max_pool_forward(s, x.data(), out.data(), argmax.data());
  }
  lamina::kernels::PoolShape s{};
  Tensor<float> x, out;
  Tensor<std::int32_t> argmax;
};

void forward(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::max_pool_forward(c.s, c.x.data(), c.out.data(), c.argmax.data());
  bench::report_bytes(state, 4.0 * static_cast<double>(c.x.size() + 2 * c.out.size()));
}
BENCHMARK(forward)->Name("max_pool/forward")->Args({32, 32, 64})->Args({128, 32, 64})->UseRealTime();

void backward(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::max_pool_backward(c.s, c.out.data(), c.argmax.data(), c.x.data());
  bench::report_bytes(state, 4.0 * static_cast<double>(c.x.size() + 2 * c.out.size()));
}
BENCHMARK(backward)->Name("max_pool/backward")->Args({32, 32, 64})->Args({128, 32, 64})->UseRealTime();

void average_forward(benchmark::State& state) {
  Case c(state);
  const lamina::kernels::AveragePoolShape s{c.s, 0, false};
  for (auto _ : state) lamina::kernels::average_pool_forward(s, c.x.data(), c.out.data());
  bench::report_bytes(state, 4.0 * static_cast<double>(c.x.size() + c.out.size()));
}
BENCHMARK(average_forward)->Name("average_pool/forward")->Args({32, 32, 64})->Args({128, 32, 64})->UseRealTime();

void average_backward(benchmark::State& state) {
  Case c(state);
  const lamina::kernels::AveragePoolShape s{c.s, 0, false};
  for (auto _ : state) lamina::kernels::average_pool_backward(s, c.out.data(), c.x.data());
  bench::report_bytes(state, 4.0 * static_cast<double>(c.x.size() + c.out.size()));
}
BENCHMARK(average_backward)->Name("average_pool/backward")->Args({32, 32, 64})->Args({128, 32, 64})->UseRealTime();

}  // namespace
