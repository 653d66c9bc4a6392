// Convolutions. Arithmetic is counted at valid taps only, padding not; memory is what must be read and written.
#include "lamina/kernels/convolution/conv.h"

#include "bench/bench.h"

namespace {

using lamina::Index;
using lamina::Shape;
using lamina::Tensor;
using lamina::kernels::ConvShape;

void names(benchmark::internal::Benchmark* b) {
  b->ArgNames({"N", "HW", "C", "F", "k", "stride", "dilation", "groups"})->Unit(benchmark::kMillisecond);
}

// Those of the nets in bench.py.
void conv_shapes(benchmark::internal::Benchmark* b) {
  names(b);
  for (Index N : {32, 128}) {
    b->Args({N, 32, 3, 16, 7, 1, 1, 1})->Args({N, 32, 16, 32, 7, 1, 1, 1})->Args({N, 32, 32, 64, 3, 1, 1, 1});
    b->Args({N, 32, 3, 16, 7, 2, 1, 1})->Args({N, 16, 16, 32, 7, 2, 1, 1})->Args({N, 8, 32, 64, 3, 2, 1, 1});
  }
  b->Args({128, 32, 3, 64, 7, 2, 1, 1})->Args({128, 16, 64, 128, 7, 2, 1, 1})->Args({128, 8, 128, 256, 3, 2, 1, 1});
  for (Index C : {16, 32, 64}) b->Args({128, 512 / C, C, C, 3, 1, 1, 1});
}

void depthwise_shapes(benchmark::internal::Benchmark* b) {
  names(b);
  for (Index HW : {8, 16, 32})
    for (Index C : {64, 128, 256, 512}) b->Args({32, HW, C, C, 3, 1, 1, C});
  b->Args({128, 32, 64, 64, 3, 2, 1, 64})->Args({128, 8, 256, 256, 3, 2, 1, 256});
}

void other_shapes(benchmark::internal::Benchmark* b) {
  names(b);
  for (Index groups : {2, 4, 32}) b->Args({32, 16, 128, 128, 3, 1, 1, groups});  // grouped
  for (Index dilation : {2, 4}) b->Args({32, 32, 64, 64, 3, 1, dilation, 1});    // dilated
  b->Args({128, 32, 32, 64, 1, 1, 1, 1})->Args({128, 8, 256, 256, 1, 1, 1, 1})->Args({128, 32, 16, 32, 1, 2, 1, 1});
}

void all_shapes(benchmark::internal::Benchmark* b) {
  conv_shapes(b);
  depthwise_shapes(b);
  other_shapes(b);
}

// Pairs of output place and filter tap, along one axis, that meet the image.
Index valid_taps(const lamina::kernels::ConvAxis& a) {
  Index taps = 0;
  for (Index i = 0; i < a.places; ++i)
    for (Index p = 0; p < a.taps; ++p) {
      const Index h = i * a.stride - a.pad + p * a.dilation;
      taps += h >= 0 && h < a.pixels;
    }
  return taps;
}

struct Case {
  explicit Case(const benchmark::State& state) {
    const Index k = state.range(4), H = state.range(1), stride = state.range(5), dilation = state.range(6);
    const Index pad = (k - 1) / 2 * dilation, OH = 1 + (H + 2 * pad - (k - 1) * dilation - 1) / stride;
    const Index groups = state.range(7), C = state.range(2) / groups;
    s = {state.range(0), H, H, state.range(2), state.range(3), k, k, stride, pad, OH, OH, dilation, groups};
    const Index taps = valid_taps(s.height());
    flops = 2.0 * static_cast<double>(s.N * taps * taps * C * s.F);
    x = bench::numbers<float>({s.N, H, H, s.C});
    w = bench::numbers<float>({s.F, C, k, k});
    b = bench::numbers<float>({s.F});
    dout = bench::numbers<float>({s.N, OH, OH, s.F});
    out = Tensor<float>(dout.shape());
    dx = Tensor<float>(x.shape());
    dw = Tensor<float>(w.shape());
    db = Tensor<float>(b.shape());
  }
  void report(benchmark::State& state) const {
    bench::report_flops(state, flops);
    bench::report_bytes(state, 4.0 * static_cast<double>(x.size() + out.size() + w.size()));
  }
  ConvShape s{};
  double flops = 0;
  Tensor<float> x, w, b, dout, out, dx, dw, db;
};

void forward(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_forward(c.s, c.x.data(), c.w.data(), c.b.data(), false, c.out.data());
  c.report(state);
}
BENCHMARK(forward)->Name("conv/forward")->Apply(all_shapes)->UseRealTime();

void backward_data(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_backward_data(c.s, c.dout.data(), c.w.data(), c.dx.data());
  c.report(state);
}
BENCHMARK(backward_data)->Name("conv/dx")->Apply(all_shapes)->UseRealTime();

void backward_filter(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_backward_filter(c.s, c.x.data(), c.dout.data(), c.dw.data(), c.db.data());
  c.report(state);
}
BENCHMARK(backward_filter)->Name("conv/dw")->Apply(all_shapes)->UseRealTime();

// The same with operands rounded to bfloat16.
void forward_bf16(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_forward_bf16(c.s, c.x.data(), c.w.data(), c.b.data(), false, c.out.data());
  c.report(state);
}
BENCHMARK(forward_bf16)->Name("conv_bf16/forward")->Apply(conv_shapes)->UseRealTime();

void backward_data_bf16(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) lamina::kernels::conv_backward_data_bf16(c.s, c.dout.data(), c.w.data(), c.dx.data());
  c.report(state);
}
BENCHMARK(backward_data_bf16)->Name("conv_bf16/dx")->Apply(conv_shapes)->UseRealTime();

void backward_filter_bf16(benchmark::State& state) {
  Case c(state);
  for (auto _ : state)
    lamina::kernels::conv_backward_filter_bf16(c.s, c.x.data(), c.dout.data(), c.dw.data(), c.db.data());
  c.report(state);
}
BENCHMARK(backward_filter_bf16)->Name("conv_bf16/dw")->Apply(conv_shapes)->UseRealTime();

}  // namespace
