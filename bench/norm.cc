// Batch normalization over the rows of channels-last images, and layer normalization.
#include "lamina/kernels/norm/norm.h"

#include "bench/bench.h"

namespace {

using lamina::Index;
using lamina::Shape;
using lamina::Tensor;

struct Case {
  explicit Case(const benchmark::State& state) : rows(state.range(0)), columns(state.range(1)) {
    x = bench::numbers<float>({rows, columns});
    dout = bench::numbers<float>({rows, columns});
    out = Tensor<float>(x.shape());
    for (Tensor<float>* t : {&mean, &inv_std, &gamma, &beta, &dgamma, &dbeta}) *t = Tensor<float>(Shape{columns}, 0.5F);
  }
  double bytes(double passes) const {
    return passes * static_cast<double>(sizeof(float)) * static_cast<double>(rows * columns);
  }
  Index rows, columns;
  Tensor<float> x, dout, out, mean, inv_std, gamma, beta, dgamma, dbeta;
};

void statistics(benchmark::State& state) {
  Case c(state);
  for (auto _ : state)
    lamina::kernels::column_statistics(c.rows, c.columns, c.x.data(), c.mean.data(), c.inv_std.data());
  bench::report_bytes(state, c.bytes(1));
}
BENCHMARK(statistics)
    ->Name("batchnorm/statistics")
    ->Args({32768, 16})
    ->Args({32768, 64})
    ->Args({50, 50})
    ->UseRealTime();

void forward(benchmark::State& state) {
  Case c(state);
  for (auto _ : state)
    lamina::kernels::normalize_columns(c.rows, c.columns, c.x.data(), c.mean.data(), c.inv_std.data(), c.gamma.data(),
                                       c.beta.data(), true, c.out.data());
  bench::report_bytes(state, c.bytes(2));
}
BENCHMARK(forward)->Name("batchnorm/apply_relu")->Args({32768, 16})->Args({32768, 64})->Args({50, 50})->UseRealTime();

void batch(benchmark::State& state) {
  Case c(state);
  Tensor<float> dx(c.x.shape());
  for (auto _ : state) {
    lamina::kernels::normalize_batch(c.rows, c.columns, c.x.data(), c.gamma.data(), c.beta.data(), 1e-5, true,
                                     c.mean.data(), c.dbeta.data(), c.inv_std.data(), c.out.data());
    lamina::kernels::normalize_batch_backward(c.rows, c.columns, c.dout.data(), c.out.data(), c.x.data(), c.mean.data(),
                                              c.inv_std.data(), c.gamma.data(), true, c.dgamma.data(), c.dbeta.data(),
                                              dx.data());
  }
  bench::report_bytes(state, c.bytes(10));
}
BENCHMARK(batch)->Name("batchnorm/batch")->Args({50, 50})->Args({200, 100})->Args({100, 500})->UseRealTime();

void backward(benchmark::State& state) {
  Case c(state);
  for (auto _ : state) {
    lamina::kernels::normalize_columns_sums(c.rows, c.columns, c.dout.data(), c.x.data(), c.x.data(), c.mean.data(),
                                            c.inv_std.data(), c.dgamma.data(), c.dbeta.data());
    lamina::kernels::normalize_columns_backward(c.rows, c.columns, c.dout.data(), c.x.data(), c.x.data(), c.mean.data(),
                                                c.inv_std.data(), c.gamma.data(), c.dgamma.data(), c.dbeta.data(), true,
                                                c.out.data());
  }
  bench::report_bytes(state, c.bytes(7));
}
BENCHMARK(backward)->Name("batchnorm/backward")->Args({32768, 16})->Args({32768, 64})->Args({50, 50})->UseRealTime();

void rows(benchmark::State& state) {
  Case c(state);
  Tensor<float> mean(Shape{c.rows}), var(Shape{c.rows}, 1.0F);
  for (auto _ : state) {
    lamina::kernels::row_statistics(c.rows, c.columns, c.x.data(), mean.data(), var.data());
    lamina::kernels::normalize_rows(c.rows, c.columns, c.x.data(), mean.data(), var.data(), c.gamma.data(),
                                    c.beta.data(), true, c.out.data());
  }
  bench::report_bytes(state, c.bytes(3));
}
BENCHMARK(rows)->Name("layernorm/forward")->Args({100, 100})->Args({128, 1024})->UseRealTime();

}  // namespace
