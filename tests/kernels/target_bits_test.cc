// Which kernels give the same bits on each instruction set, and which do not: a table. Within one instruction set they
// must. Kernels whose sums are cut into vectors, or whose products are fused with sums, may differ between two;
// docs/differences.md names them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "lamina/io/crc32.h"
#include "lamina/kernels/activation.h"
#include "lamina/kernels/convolution/conv.h"
#include "lamina/kernels/convolution/winograd.h"
#include "lamina/kernels/dropout.h"
#include "lamina/kernels/elementwise.h"
#include "lamina/kernels/gather.h"
#include "lamina/kernels/layout.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/norm/norm.h"
#include "lamina/kernels/pool.h"
#include "lamina/kernels/products/gemm.h"
#include "lamina/kernels/softmax.h"
#include "lamina/kernels/update.h"
#include "lamina/random.h"

namespace lamina::kernels {
namespace {

using Hashes = std::map<std::string, std::uint32_t>;  // by kernel and type

/// Calls the kernels of one type on drawn numbers and hashes what they write.
template <class T>
class Caller {
 public:
  explicit Caller(Hashes& hashes) : hashes_(hashes) {}
  void call_all() {
    elementwise();
    updates();
    products();
    convolutions();
    norms();
    images();
  }

 private:
  using Data = std::vector<T>;

  Data draw(Index n) {
    Data values(static_cast<std::size_t>(n));
    for (T& value : values) value = static_cast<T>(random_.randn());
    return values;
  }
  static Data room(Index n) { return Data(static_cast<std::size_t>(n)); }
  template <class... Outputs>
  void note(const char* kernel, const Outputs&... outputs) {
    std::string bytes;
    for (const auto& part : {std::as_bytes(std::span(outputs))...})
      bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
    hashes_[std::string(kernel) + (sizeof(T) == 4 ? " float32" : " float64")] = crc32(bytes);
  }

  void elementwise();
  void updates();
  void products();
  void convolutions();
  void norms();
  void images();

  Hashes& hashes_;
  RandomState random_{231};
};

constexpr Index kN = 1003;  // no multiple of a vector

template <class T>
void Caller<T>::elementwise() {
  const Data x = draw(kN), y = draw(kN);
  Data out = draw(kN), mask = room(kN), sums = room(17);
  const auto unary = [&](const char* name, auto&& call) {
    call();
    note(name, out);
  };
  unary("relu", [&] { relu(kN, x.data(), out.data()); });
  unary("relu_backward", [&] { relu_backward(kN, x.data(), y.data(), out.data()); });
  unary("relu_dropout_backward", [&] { relu_dropout_backward(kN, x.data(), y.data(), x.data(), T(1.5), out.data()); });
  unary("leaky_relu", [&] { leaky_relu(kN, T(0.01), x.data(), out.data()); });
  unary("leaky_relu_backward", [&] { leaky_relu_backward(kN, T(0.01), x.data(), y.data(), out.data()); });
  unary("sigmoid", [&] { sigmoid(kN, x.data(), out.data()); });
  unary("sigmoid_backward", [&] { sigmoid_backward(kN, x.data(), y.data(), out.data()); });
  unary("tanh", [&] { tanh(kN, x.data(), out.data()); });
  unary("tanh_backward", [&] { tanh_backward(kN, x.data(), y.data(), out.data()); });
  unary("silu", [&] { silu(kN, x.data(), out.data()); });
  unary("silu_backward", [&] { silu_backward(kN, x.data(), y.data(), out.data()); });
  unary("elu", [&] { elu(kN, T(0.5), x.data(), out.data()); });
  unary("elu_backward", [&] { elu_backward(kN, T(0.5), x.data(), y.data(), out.data()); });
  unary("gelu", [&] { gelu(kN, x.data(), out.data()); });
  unary("gelu_backward", [&] { gelu_backward(kN, x.data(), y.data(), out.data()); });
  unary("gelu_tanh", [&] { gelu_tanh(kN, x.data(), out.data()); });
  unary("gelu_tanh_backward", [&] { gelu_tanh_backward(kN, x.data(), y.data(), out.data()); });
  unary("copy", [&] { copy(kN, x.data(), out.data()); });
  unary("multiply", [&] { multiply(kN, x.data(), y.data(), out.data()); });
  unary("add", [&] { add(kN, x.data(), y.data(), out.data()); });
  unary("axpy", [&] { axpy(kN, T(0.3), x.data(), out.data()); });
  unary("scale_add", [&] { scale_add(kN, T(0.3), x.data(), out.data()); });
  unary("softmax", [&] { softmax(59, 17, x.data(), out.data()); });
  dropout(kN, random_, 0.6, T(1 / 0.6), x.data(), mask.data(), out.data());
  note("dropout", mask, out);
  column_sums(59, 17, x.data(), sums.data());
  note("column_sums", sums);
  note("sum_of_squares", std::vector<double>{sum_of_squares(kN, x.data())});
  std::vector<Label> labels(59);
  for (Label& label : labels) label = static_cast<Label>(random_.randint(17));
  const double loss = softmax_loss(59, 17, x.data(), labels.data(), out.data(), 0.1, RowWeights{nullptr, 59});
  note("softmax_loss", std::vector<double>{loss}, std::span(out));
  transpose(1, 59, 17, x.data(), out.data());
  note("transpose", out);
  copy_columns(59, 16, x.data(), 17, out.data(), 16);
  note("copy_columns", out);
}

template <class T>
void Caller<T>::updates() {
  const Data dw = draw(kN);
  Data w = draw(kN), v = room(kN), m = room(kN);
  sgd_update(kN, w.data(), dw.data(), T(0.01));
  note("sgd_update", w);
  sgd_momentum_update(kN, w.data(), dw.data(), v.data(), T(0.01), T(0.9));
  note("sgd_momentum_update", w, v);
  nesterov_update(kN, w.data(), dw.data(), v.data(), T(0.01), T(0.9));
  note("nesterov_update", w, v);
  average_update(kN, m.data(), w.data(), T(0.1));
  note("average_update", m);
  m = draw(kN);
  Data cache = draw(kN);
  for (T& value : cache) value *= value;
  rmsprop_update(kN, w.data(), dw.data(), cache.data(), T(0.01), T(0.99), T(0.01), T(1e-8));
  note("rmsprop_update", w, cache);
  const AdamStep<T> step{T(1e-3), T(0.9), T(0.1), T(0.1), T(0.999), T(1e-3), T(1e-3), T(1e-8)};
  adam_update(kN, w.data(), dw.data(), m.data(), cache.data(), step);
  note("adam_update", w, m, cache);
}

template <class T>
void Caller<T>::products() {
  const Index m = 37, n = 29, k = 211;
  const Data a = draw(m * k), b = draw(k * n), bias = draw(n);
  Data c = room(m * n);
  gemm(false, false, m, n, k, a.data(), k, b.data(), n, c.data(), n, bias.data(), true);
  note("gemm", c);
  gemm(true, true, m, n, k, a.data(), m, b.data(), k, c.data(), n);
  note("gemm, transposed", c);
  const Data thin = draw(k);
  gemm(false, false, m, 1, k, a.data(), k, thin.data(), 1, c.data(), 1);
  note("gemm with a vector", std::span(c).first(static_cast<std::size_t>(m)));
}

template <class T>
void Caller<T>::convolutions() {
  const ConvShape s{2, 9, 9, 8, 8, 3, 3, 1, 1, 9, 9};
  const Index pixels = s.N * s.H * s.W;
  const Data x = draw(pixels * s.C), w = draw(s.F * s.C * 9), b = draw(s.F), dout = draw(pixels * s.F);
  Data out = room(pixels * s.F), dx = room(pixels * s.C), dw = room(s.F * s.C * 9), db = room(s.F);
  conv_forward_direct(s, x.data(), w.data(), b.data(), true, out.data());
  note("conv_forward_direct", out);
  conv_backward_data_direct(s, dout.data(), w.data(), dx.data());
  note("conv_backward_data_direct", dx);
  conv_backward_filter_direct(s, x.data(), dout.data(), dw.data());
  note("conv_backward_filter_direct", dw);
  if constexpr (sizeof(T) == 4) {
    winograd_forward(s, x.data(), w.data(), b.data(), true, out.data());
    note("winograd_forward", out);
    winograd_backward_data(s, dout.data(), w.data(), dx.data());
    note("winograd_backward_data", dx);
    winograd_backward_filter(s, x.data(), dout.data(), dw.data());
    note("winograd_backward_filter", dw);
    if (!has_bf16_products()) return;
    conv_forward_bf16(s, x.data(), w.data(), b.data(), true, out.data());
    note("conv_forward_bf16", out);
    conv_backward_data_bf16(s, dout.data(), w.data(), dx.data());
    note("conv_backward_data_bf16", dx);
    conv_backward_filter_bf16(s, x.data(), dout.data(), dw.data(), db.data());
    note("conv_backward_filter_bf16", dw, db);
  }
}

template <class T>
void Caller<T>::norms() {
  const Index rows = 59, columns = 17;
  const Data x = draw(rows * columns), dout = draw(rows * columns), gamma = draw(columns), beta = draw(columns);
  Data mean = room(rows), var = room(rows), inv_std = room(rows), out = room(rows * columns), dx = out;
  Data dgamma = room(columns), dbeta = room(columns);
  // So that a difference is a kernel's own, each starts from drawn statistics.
  const auto draw_statistics = [&] {
    mean = draw(rows);
    var = draw(rows);
    for (T& value : var) value *= value;
    inv_std = draw(rows);
  };
  column_statistics(rows, columns, x.data(), mean.data(), var.data());
  note("column_statistics", mean, var);
  draw_statistics();
  inverse_std(columns, var.data(), 1e-5, inv_std.data());
  note("inverse_std", inv_std);
  draw_statistics();
  normalize_columns(rows, columns, x.data(), mean.data(), inv_std.data(), gamma.data(), beta.data(), true, out.data());
  note("normalize_columns", out);
  out = draw(rows * columns);
  normalize_columns_sums(rows, columns, dout.data(), out.data(), x.data(), mean.data(), inv_std.data(), dgamma.data(),
                         dbeta.data());
  note("normalize_columns_sums", dgamma, dbeta);
  dgamma = draw(columns);
  dbeta = draw(columns);
  normalize_columns_backward(rows, columns, dout.data(), out.data(), x.data(), mean.data(), inv_std.data(),
                             gamma.data(), dgamma.data(), dbeta.data(), true, dx.data());
  note("normalize_columns_backward", dx);
  normalize_batch(rows, columns, x.data(), gamma.data(), beta.data(), 1e-5, true, mean.data(), var.data(),
                  inv_std.data(), out.data());
  note("normalize_batch", mean, var, inv_std, out);
  draw_statistics();
  out = draw(rows * columns);
  normalize_batch_backward(rows, columns, dout.data(), out.data(), x.data(), mean.data(), inv_std.data(), gamma.data(),
                           true, dgamma.data(), dbeta.data(), dx.data());
  note("normalize_batch_backward", dgamma, dbeta, dx);
  row_statistics(rows, columns, x.data(), mean.data(), var.data());
  note("row_statistics", mean, var);
  draw_statistics();
  normalize_rows(rows, columns, x.data(), mean.data(), inv_std.data(), gamma.data(), beta.data(), true, out.data());
  note("normalize_rows", out);
  out = draw(rows * columns);
  normalize_rows_backward(rows, columns, dout.data(), out.data(), x.data(), mean.data(), inv_std.data(), gamma.data(),
                          dx.data(), dgamma.data(), dbeta.data());
  note("normalize_rows_backward", dgamma, dbeta, dx);
  const Index N = 3, C = 4, S = 77, G = 2;
  normalize_groups(N, C, S, G, x.data(), mean.data(), inv_std.data(), gamma.data(), beta.data(), out.data());
  note("normalize_groups", out);
  normalize_groups_backward(N, C, S, G, dout.data(), x.data(), mean.data(), inv_std.data(), gamma.data(), dx.data(),
                            dgamma.data(), dbeta.data());
  note("normalize_groups_backward", dgamma, dbeta, dx);
}

template <class T>
void Caller<T>::images() {
  const PoolShape s{2, 8, 8, 13, 2, 2, 2, 4, 4};
  const Data x = draw(s.N * s.H * s.W * s.C), dout = draw(s.N * s.OH * s.OW * s.C);
  Data out = room(s.N * s.OH * s.OW * s.C), dx = room(s.N * s.H * s.W * s.C), means = room(s.N * s.C);
  std::vector<std::int32_t> argmax(out.size());
  max_pool_forward(s, x.data(), out.data(), argmax.data());
  note("max_pool_forward", std::span(out), argmax);
  max_pool_backward(s, dout.data(), argmax.data(), dx.data());
  note("max_pool_backward", dx);
  const AveragePoolShape average{s, 1, true};
  average_pool_forward(average, x.data(), out.data());
  note("average_pool_forward", out);
  average_pool_backward(average, dout.data(), dx.data());
  note("average_pool_backward", dx);
  global_average_forward(s.N, s.H * s.W, s.C, x.data(), means.data());
  note("global_average_forward", means);
  means = draw(s.N * s.C);
  global_average_backward(s.N, s.H * s.W, s.C, means.data(), dx.data());
  note("global_average_backward", dx);

  const Index C = 3, H = 8, W = 8, example = C * H * W, count = 5;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count * example));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random_.randint(256));
  const std::vector<Index> rows{4, 0, 3, 3, 1};
  const std::vector<double> mean(static_cast<std::size_t>(example), 120.7);
  const std::vector<Move> moves{{}, {true, 1, -1}, {false, -2, 0}, {true, 0, 2}, {false, 3, 3}};
  Data batch = room(count * example);
  gather_bytes(count, example, bytes.data(), rows.data(), mean.data(), batch.data());
  note("gather_bytes", batch);
  gather_moved_bytes(count, C, H, W, bytes.data(), rows.data(), moves.data(), mean.data(), batch.data());
  note("gather_moved_bytes", batch);
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(example));
  sum_bytes(count, example, bytes.data(), sums.data());
  note("sum_bytes", sums);
}

Hashes hashes_of(const std::string& target) {
  set_target(target);
  Hashes hashes;
  Caller<float>(hashes).call_all();
  Caller<double>(hashes).call_all();
  return hashes;
}

TEST(TargetBits, WhichKernelsDiffer) {
  const std::string before = target_name();
  const std::vector<std::string> targets = available_targets();
  std::map<std::string, std::vector<std::uint32_t>> kernels;  // the hash on each target; 0: it has no such kernel
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Hashes hashes = hashes_of(targets[i]);
    EXPECT_EQ(hashes_of(targets[i]), hashes) << "two calls on " << targets[i];
    for (const auto& [kernel, hash] : hashes) {
      auto& row = kernels[kernel];
      row.resize(targets.size());
      row[i] = hash;
    }
  }
  set_target(before);

  std::size_t same = 0;
  std::printf("Kernels whose bits differ between instruction sets (equal letters: equal bits):\n%-36s", "");
  for (const std::string& target : targets) std::printf(" %-12s", target.c_str());
  std::printf("\n");
  for (const auto& [kernel, row] : kernels) {
    if (std::set<std::uint32_t>(row.begin(), row.end()).size() == 1) {
      ++same;
      continue;
    }
    std::printf("%-36s", kernel.c_str());
    std::vector<std::uint32_t> seen;
    for (const std::uint32_t hash : row) {
      if (std::find(seen.begin(), seen.end(), hash) == seen.end()) seen.push_back(hash);
      const auto place = std::find(seen.begin(), seen.end(), hash) - seen.begin();
      std::printf(" %-12c", hash == 0 ? '-' : static_cast<char>('a' + place));
    }
    std::printf("\n");
  }
  std::printf("%zu of %zu kernels give the same bits on all of them.\n", same, kernels.size());
}

}  // namespace
}  // namespace lamina::kernels
