// Elementwise kernels and sums.
#include "lamina/kernels/elementwise.h"

#include "bench/bench.h"
#include "lamina/kernels/activation.h"

namespace {

using lamina::Shape;
using lamina::Tensor;

void relu(benchmark::State& state) {
  const auto x = bench::numbers<float>({state.range(0)});
  Tensor<float> out(x.shape());
  for (auto _ : state) lamina::kernels::relu(x.size(), x.data(), out.data());
  bench::report_bytes(state, 8.0 * static_cast<double>(x.size()));
}
BENCHMARK(relu)->Arg(10000)->Arg(1 << 20)->UseRealTime();

template <class Kernel>
void activation(benchmark::State& state, Kernel kernel) {
  const auto x = bench::numbers<float>({state.range(0)});
  Tensor<float> out(x.shape());
  for (auto _ : state) kernel(x.size(), x.data(), out.data());
  bench::report_bytes(state, 8.0 * static_cast<double>(x.size()));
}
BENCHMARK_CAPTURE(activation, sigmoid, lamina::kernels::sigmoid<float>)->Arg(1 << 20)->UseRealTime();
BENCHMARK_CAPTURE(activation, tanh, lamina::kernels::tanh<float>)->Arg(1 << 20)->UseRealTime();
BENCHMARK_CAPTURE(activation, silu, lamina::kernels::silu<float>)->Arg(1 << 20)->UseRealTime();
BENCHMARK_CAPTURE(activation, gelu, lamina::kernels::gelu<float>)->Arg(1 << 20)->UseRealTime();
BENCHMARK_CAPTURE(activation, gelu_tanh, lamina::kernels::gelu_tanh<float>)->Arg(1 << 20)->UseRealTime();

void gelu_backward(benchmark::State& state) {
  const auto x = bench::numbers<float>({state.range(0)});
  Tensor<float> dx(x.shape());
  for (auto _ : state) lamina::kernels::gelu_backward(x.size(), x.data(), x.data(), dx.data());
  bench::report_bytes(state, 8.0 * static_cast<double>(x.size()));
}
BENCHMARK(gelu_backward)->Arg(1 << 20)->UseRealTime();

void sum_of_squares(benchmark::State& state) {
  const auto x = bench::numbers<float>({state.range(0)});
  double sum = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sum += lamina::kernels::sum_of_squares(x.size(), x.data()));
  bench::report_bytes(state, 4.0 * static_cast<double>(x.size()));
}
BENCHMARK(sum_of_squares)->Arg(10000)->Arg(1 << 20)->UseRealTime();

void column_sums(benchmark::State& state) {
  const auto x = bench::numbers<float>({state.range(0), state.range(1)});
  Tensor<float> sums(Shape{state.range(1)});
  for (auto _ : state) lamina::kernels::column_sums(x.dim(0), x.dim(1), x.data(), sums.data());
  bench::report_bytes(state, 4.0 * static_cast<double>(x.size()));
}
BENCHMARK(column_sums)->Args({100, 100})->Args({32768, 32})->UseRealTime();

}  // namespace
