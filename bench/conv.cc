// Convolutions of the nets in bench.py; arithmetic is counted at valid taps only, padding not.
#include "lamina/kernels/convolution/conv.h"

#include "bench/bench.h"

namespace {

using lamina::Index;
using lamina::Shape;
using lamina::Tensor;
using lamina::kernels::ConvShape;

void conv_shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"N", "HW", "C", "F", "k", "stride"})->Unit(benchmark::kMillisecond);
  for (Index N : {32, 128}) {
    b->Args({N, 32, 3, 16, 7, 1})->Args({N, 32, 16, 32, 7, 1})->Args({N, 32, 32, 64, 3, 1});
    b->Args({N, 32, 3, 16, 7, 2})->Args({N, 16, 16, 32, 7, 2})->Args({N, 8, 32, 64, 3, 2});
  }
  b->Args({128, 32, 3, 64, 7, 2})->Args({128, 16, 64, 128, 7, 2})->Args({128, 8, 128, 256, 3, 2});
}

// Pairs of output place and filter tap, along one axis, that meet the image.
Index valid_taps(Index H, Index k, Index stride, Index pad, Index OH) {
  Index taps = 0;
  for (Index i = 0; i < OH; ++i)
    for (Index p = 0; p < k; ++p) {
      const Index h = i * stride - pad + p;
      taps += h >= 0 && h < H;
    }
  return taps;
}

struct Case {
  explicit Case(const benchmark::State& state) {
    const Index k = state.range(4), H = state.range(1), pad = (k - 1) / 2, stride = state.range(5);
    const Index OH = 1 + (H + 2 * pad - k) / stride;
    s = {state.range(0), H, H, state.range(2), state.range(3), k, k, stride, pad, OH, OH};
    const Index taps = valid_taps(H, k, stride, pad, OH);
    flops = 2.0 * static_cast<double>(s.N * taps * taps * s.C * s.F);
    x = bench::numbers<float>({s.N, H, H, s.C});
    w = bench::numbers<float>({s.F, s.C, k, k});
    b = bench::numbers<float>({s.F});
    dout = bench::numbers<float>({s.N, OH, OH, s.F});
    out = Tensor<float>(dout.shape());
    dx = Tensor<float>(x.shape());
    dw = Tensor<float>(w.shape());
    db = Tensor<float>(b.shape());
  }
  ConvShape s{};
  double flops = 0;
  Tensor<float> x, w, b, dout, out, dx, dw, db;
};

void forward(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_forward(c.s, c.x.data(), c.w.data(), c.b.data(), false, c.out.data());
  bench::report_flops(state, c.flops);
}
BENCHMARK(forward)->Name("conv/forward")->Apply(conv_shapes)->UseRealTime();

void backward_data(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_backward_data(c.s, c.dout.data(), c.w.data(), c.dx.data());
  bench::report_flops(state, c.flops);
}
BENCHMARK(backward_data)->Name("conv/dx")->Apply(conv_shapes)->UseRealTime();

void backward_filter(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_backward_filter(c.s, c.x.data(), c.dout.data(), c.dw.data(), c.db.data());
  bench::report_flops(state, c.flops);
}
BENCHMARK(backward_filter)->Name("conv/dw")->Apply(conv_shapes)->UseRealTime();

// The same with operands rounded to bfloat16.
void forward_bf16(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_forward_bf16(c.s, c.x.data(), c.w.data(), c.b.data(), false, c.out.data());
  bench::report_flops(state, c.flops);
}
BENCHMARK(forward_bf16)->Name("conv_bf16/forward")->Apply(conv_shapes)->UseRealTime();

void backward_data_bf16(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_backward_data_bf16(c.s, c.dout.data(), c.w.data(), c.dx.data());
  bench::report_flops(state, c.flops);
}
BENCHMARK(backward_data_bf16)->Name("conv_bf16/dx")->Apply(conv_shapes)->UseRealTime();

void backward_filter_bf16(benchmark::State& state) {
  Case c(state);
  for (auto _ : state)
    lamina::kernels::conv_backward_filter_bf16(c.s, c.x.data(), c.dout.data(), c.dw.data(), c.db.data());
  bench::report_flops(state, c.flops);
}
BENCHMARK(backward_filter_bf16)->Name("conv_bf16/dw")->Apply(conv_shapes)->UseRealTime();

}  // namespace
