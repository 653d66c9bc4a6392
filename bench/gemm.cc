// The three products of an affine layer (batch, D) x (D, M).
#include "lamina/kernels/products/gemm.h"

#include "bench/bench.h"

namespace {

using lamina::Index;
using lamina::Shape;
using lamina::Tensor;

void affine_shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"batch", "D", "M"});
  for (Index batch : {5, 50, 100, 128})
    for (auto [D, M] : {std::pair<Index, Index>{3072, 100}, {100, 100}, {100, 10}, {50, 50}}) b->Args({batch, D, M});
  b->Args({100, 3072, 500})->Args({32, 16384, 10})->Args({128, 16384, 10})->Args({512, 512, 512});
}

void forward(benchmark::State& state) {
  const Index N = state.range(0), D = state.range(1), M = state.range(2);
  const auto x = bench::numbers<float>({N, D}), w = bench::numbers<float>({D, M}), b = bench::numbers<float>({M});
  Tensor<float> out(Shape{N, M});
  for (auto _ : state)
    lamina::kernels::gemm(false, false, N, M, D, x.data(), D, w.data(), M, out.data(), M, b.data(), true);
  bench::report_flops(state, 2.0 * static_cast<double>(N * D * M));
}
BENCHMARK(forward)->Name("gemm/forward")->Apply(affine_shapes)->UseRealTime();

void dx(benchmark::State& state) {
  const Index N = state.range(0), D = state.range(1), M = state.range(2);
  const auto dout = bench::numbers<float>({N, M}), w = bench::numbers<float>({D, M});
  Tensor<float> out(Shape{N, D});
  for (auto _ : state) lamina::kernels::gemm(false, true, N, D, M, dout.data(), M, w.data(), M, out.data(), D);
  bench::report_flops(state, 2.0 * static_cast<double>(N * D * M));
}
BENCHMARK(dx)->Name("gemm/dx")->Apply(affine_shapes)->UseRealTime();

void dw(benchmark::State& state) {
  const Index N = state.range(0), D = state.range(1), M = state.range(2);
  const auto x = bench::numbers<float>({N, D}), dout = bench::numbers<float>({N, M});
  Tensor<float> out(Shape{D, M});
  for (auto _ : state) lamina::kernels::gemm(true, false, D, M, N, x.data(), D, dout.data(), M, out.data(), M);
  bench::report_flops(state, 2.0 * static_cast<double>(N * D * M));
}
BENCHMARK(dw)->Name("gemm/dw")->Apply(affine_shapes)->UseRealTime();

// The same with operands rounded to bfloat16.
void forward_bf16(benchmark::State& state) {
  const Index N = state.range(0), D = state.range(1), M = state.range(2);
  const auto x = bench::numbers<float>({N, D}), w = bench::numbers<float>({D, M}), b = bench::numbers<float>({M});
  Tensor<float> out(Shape{N, M});
  for (auto _ : state)
    lamina::kernels::gemm_bf16(false, false, N, M, D, x.data(), D, w.data(), M, out.data(), M, b.data(), true);
  bench::report_flops(state, 2.0 * static_cast<double>(N * D * M));
}
BENCHMARK(forward_bf16)->Name("gemm_bf16/forward")->Apply(affine_shapes)->UseRealTime();

void dx_bf16(benchmark::State& state) {
  const Index N = state.range(0), D = state.range(1), M = state.range(2);
  const auto dout = bench::numbers<float>({N, M}), w = bench::numbers<float>({D, M});
  Tensor<float> out(Shape{N, D});
  for (auto _ : state) lamina::kernels::gemm_bf16(false, true, N, D, M, dout.data(), M, w.data(), M, out.data(), D);
  bench::report_flops(state, 2.0 * static_cast<double>(N * D * M));
}
BENCHMARK(dx_bf16)->Name("gemm_bf16/dx")->Apply(affine_shapes)->UseRealTime();

void dw_bf16(benchmark::State& state) {
  const Index N = state.range(0), D = state.range(1), M = state.range(2);
  const auto x = bench::numbers<float>({N, D}), dout = bench::numbers<float>({N, M});
  Tensor<float> out(Shape{D, M});
  for (auto _ : state) lamina::kernels::gemm_bf16(true, false, D, M, N, x.data(), D, dout.data(), M, out.data(), M);
  bench::report_flops(state, 2.0 * static_cast<double>(N * D * M));
}
BENCHMARK(dw_bf16)->Name("gemm_bf16/dw")->Apply(affine_shapes)->UseRealTime();

}  // namespace
