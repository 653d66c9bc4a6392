// What Probe measures, against plain loops in double; that looking changes no bit.
#include "lamina/solver/diagnostics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "lamina/layers/affine_naive.h"
#include "lamina/layers/batchnorm_naive.h"
#include "lamina/layers/conv_naive.h"
#include "lamina/layers/layernorm_naive.h"
#include "lamina/layers/max_pool_naive.h"
#include "lamina/layers/spatial_batchnorm_naive.h"
#include "lamina/solver/solver.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

using testing::Batch;
using testing::cast;
using testing::NetCase;

constexpr Index kImages = 12, kSize = 8;

/// sqrt(sum (x - factor y)^2) in the widest type.
template <class T>
double naive_distance(const TensorView<T>& x, double factor, const TensorView<T>& y) {
  long double sum = 0;
  for (Index i = 0; i < x.size(); ++i) {
    const long double d = static_cast<long double>(x[i]) - static_cast<long double>(factor) * y[i];
    sum += d * d;
  }
  return static_cast<double>(std::sqrt(sum));
}

Tensor<double> relu(Tensor<double> x) {
  for (double& value : x) value = value > 0 ? value : 0;
  return x;
}

/// (N, C, H, W) to (N, C).
Tensor<double> channel_means(const Tensor<double>& x) {
  Tensor<double> means(Shape{x.dim(0), x.dim(1)});
  const Index pixels = x.dim(2) * x.dim(3);
  for (Index i = 0; i < means.size(); ++i)
    means[i] = std::accumulate(&x[i * pixels], &x[i * pixels] + pixels, 0.0) / static_cast<double>(pixels);
  return means;
}

/// The outputs of the layers of a training pass, by the layers' specifications in double; those behind a dropout, whose
/// draws are not known here, are left out.
template <class T>
std::vector<Tensor<double>> naive_outputs(const NetConfig& config, const Parameters<T>& params, const Tensor<T>& X) {
  const auto p = [&](const std::string& name) { return cast<double>(params[name]); };
  std::vector<Tensor<double>> outputs;
  Tensor<double> x = cast<double>(X);
  int i = 1;
  const auto affine = [&](bool last) {
    const std::string n = std::to_string(i++), W = (config.model == "convnet" ? "_" : "") + n;
    x = naive::affine_forward<double>(x, p("W" + W), p("b" + W));
    if (!last) {
      const auto bn = BatchNormParam<double>{};
      if (config.model == "fc" && config.fc.normalization == Normalization::batchnorm) {
        auto param = bn;
        x = naive::batchnorm_forward<double>(x, p("gamma" + n), p("beta" + n), param).first;
      } else if (config.model == "fc" && config.fc.normalization == Normalization::layernorm) {
        x = naive::layernorm_forward<double>(x, p("gamma" + n), p("beta" + n), {}).first;
      }
      x = relu(std::move(x));
    }
    outputs.push_back(x);
  };
  const ConvNetOptions& conv = config.convnet;
  std::vector<Index> sizes, hidden;  // of filters, and of layers
  if (config.model == "two-layer") hidden = {config.two_layer.hidden_dim};
  if (config.model == "fc") hidden = config.fc.hidden_dims;
  if (config.model == "convnet") sizes = conv.filter_sizes;
  if (config.model == "three-layer-convnet") {
    sizes = {config.three_layer_convnet.filter_size};
    hidden = {config.three_layer_convnet.hidden_dim};
  }
  if (!sizes.empty()) {
    const std::string bar = config.model == "convnet" ? "_" : "";
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      const std::string n = std::to_string(i++);
      const Index stride = conv.conv_strides.size() == 1 ? conv.conv_strides[0] : conv.conv_strides[k];
      const ConvParam param{config.model == "convnet" ? stride : 1, (sizes[k] - 1) / 2};
      x = naive::conv_forward<double>(x, p("W" + bar + n), p("b" + bar + n), param);
      if (config.model == "convnet" && conv.use_batch_norm) {
        BatchNormParam<double> bn;
        x = naive::spatial_batchnorm_forward<double>(x, p("gamma" + n), p("beta" + n), bn);
      }
      x = relu(std::move(x));
      outputs.push_back(x);
      // Without a word about pooling, there is one, behind the last convolution.
      const Index last = k + 1 == sizes.size() ? 2 : 1;
      const Index pool = config.model == "convnet" && !conv.pools.empty() ? conv.pools[k] : last;
      if (pool > 1) x = naive::max_pool_forward<double>(x, {pool, pool, pool});
    }
    if (config.model == "convnet" && conv.global_average) x = channel_means(x);
  }
  for (std::size_t k = 0; k < hidden.size(); ++k) {
    affine(false);
    if (config.model == "fc" && config.fc.dropout != 1) return outputs;
  }
  affine(true);
  return outputs;
}

/// Means, deviations and shares of (N, M) or (N, C, H, W).
LayerValues naive_statistics(const Tensor<double>& x) {
  LayerValues values;
  long double sum = 0, squares = 0;
  Index zeros = 0, dead = 0;
  for (const double value : x) sum += value, zeros += value == 0;
  const long double mean = sum / x.size();
  for (const double value : x) squares += (value - mean) * (value - mean);
  const Index N = x.dim(0), C = x.dim(1), rest = x.size() / (N * C);
  for (Index c = 0; c < C; ++c) {
    bool alive = false;
    for (Index n = 0; n < N; ++n)
      for (Index k = 0; k < rest; ++k) alive = alive || x[(n * C + c) * rest + k] != 0;
    dead += !alive;
  }
  values[Quantity::output_mean] = static_cast<double>(mean);
  values[Quantity::output_std] = static_cast<double>(std::sqrt(squares / x.size()));
  values[Quantity::zero_share] = static_cast<double>(zeros) / static_cast<double>(x.size());
  values[Quantity::dead_share] = static_cast<double>(dead) / static_cast<double>(C);
  return values;
}

/// One step of a net, looked at; two units of each hidden layer are dead.
template <class T>
void check_net(const NetCase& net_case, Precision precision) {
  SCOPED_TRACE(net_case.name + (sizeof(T) == 4 ? ", float" : ", double") +
               (precision == Precision::bf16 ? ", bf16" : ""));
  NetConfig config = net_case.config;
  config.precision = precision;
  RandomState random(7);
  const auto net = make_net<T>(config, random);
  const Batch<T> batch = testing::random_batch<T>(kImages, kSize, random);
  for (const LayerView<T>& layer : net->layers())
    if (layer.relu)
      for (Index unit = 0; unit < 2; ++unit) net->params()[layer.shift][unit] = -100;

  Probe<T> probe(*net, 5, kImages);
  const Parameters<T> before = net->params();
  const double loss = net->loss(batch.X, batch.y).loss;
  probe.before_update({5, loss});
  const Parameters<T> grads = net->grads();
  for (auto& [name, w] : net->params())
    for (Index i = 0; i < w.size(); ++i) w[i] -= static_cast<T>(0.01) * grads[name][i];
  probe.after_update({5, loss});

  const Diagnostics& diagnostics = probe.diagnostics();
  ASSERT_EQ(diagnostics.measurements.size(), 1u);
  const Measurement& measurement = diagnostics.measurements[0];
  EXPECT_EQ(measurement.iteration, 5);
  EXPECT_EQ(measurement.loss, loss);
  EXPECT_TRUE(measurement.updated);
  EXPECT_EQ(diagnostics.even_loss, std::log(10.0));
  EXPECT_EQ(diagnostics.reg, 0.1);
  const auto layers = net->layers();
  ASSERT_EQ(measurement.layers.size(), layers.size());
  const std::vector<Tensor<double>> outputs = naive_outputs(config, before, batch.X);
  EXPECT_EQ(outputs.size(), config.fc.dropout == 1 ? layers.size() : 1);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    SCOPED_TRACE(layers[i].name);
    const LayerValues& got = measurement.layers[i];
    const auto near = [&](Quantity quantity, double expected, double tolerance) {
      EXPECT_NEAR(got[quantity], expected, tolerance * std::abs(expected)) << name_of(quantity);
    };
    const TensorView<T>&W = before[layers[i].weights], &dW = grads[layers[i].weights],
          &after = net->params()[layers[i].weights];
    const double norm = naive_distance(W, 0, W);
    EXPECT_GT(norm, 0);
    near(Quantity::weight_norm, norm, 1e-13);
    near(Quantity::gradient_norm, naive_distance(dW, config.reg, W), 1e-13);
    near(Quantity::shift_gradient_norm, naive_distance(grads[layers[i].shift], 0, grads[layers[i].shift]), 1e-13);
    near(Quantity::update_ratio, naive_distance(after, 1, W) / norm, 1e-13);
    EXPECT_GT(got[Quantity::update_ratio], 0);
    if (i >= outputs.size()) continue;
    const LayerValues expected = naive_statistics(outputs[i]);
    const double tolerance = precision == Precision::bf16 ? 0.02 : sizeof(T) == 4 ? 1e-4 : 1e-10;
    EXPECT_NEAR(got[Quantity::output_mean], expected[Quantity::output_mean],
                tolerance * expected[Quantity::output_std]);
    near(Quantity::output_std, expected[Quantity::output_std], tolerance);
    if (!layers[i].relu) continue;
    // Rounding may move an element across 0.
    EXPECT_NEAR(got[Quantity::zero_share], expected[Quantity::zero_share], precision == Precision::bf16 ? 0.01 : 1e-3);
    EXPECT_GT(expected[Quantity::zero_share], 0.1);
    EXPECT_EQ(got[Quantity::dead_share], expected[Quantity::dead_share]);
    EXPECT_GE(expected[Quantity::dead_share] * static_cast<double>(before[layers[i].shift].size()), 2);
    EXPECT_LT(expected[Quantity::dead_share], 0.7);
    // A unit that is 0 for every image has no gradient.
    Index without = 0;
    for (const T value : grads[layers[i].shift]) without += value == 0;
    EXPECT_EQ(got[Quantity::dead_share] * static_cast<double>(before[layers[i].shift].size()), without);
  }
}

TEST(Probe, MeasuresWhatPlainLoopsGive) {
  for (const NetCase& net_case : testing::net_cases(kSize)) {
    check_net<double>(net_case, Precision::full);
    check_net<float>(net_case, Precision::full);
    check_net<float>(net_case, Precision::bf16);
  }
}

TEST(Probe, LooksAtItsIterationsAndWhereTheLossIsNotFinite) {
  EXPECT_EQ(default_measure_every(100), 1);
  EXPECT_EQ(default_measure_every(4000), 20);
  NetConfig config = testing::net_cases(kSize)[2].config;
  RandomState random(7);
  const auto net = make_net<float>(config, random);
  const Batch<float> batch = testing::random_batch<float>(kImages, kSize, random);
  net->loss(batch.X, batch.y);
  Probe<float> probe(*net, 8, kImages);
  for (Index t = 1; t <= 33; ++t) {
    const StepEvent event{t, t == 33 ? std::numeric_limits<double>::quiet_NaN() : 1.0};
    if (t == 33) net->params()["W2"][3] = std::numeric_limits<float>::infinity();
    probe.before_update(event);
    if (t < 33) probe.after_update(event);
  }
  std::vector<Index> seen;
  for (const Measurement& measurement : probe.diagnostics().measurements) seen.push_back(measurement.iteration);
  EXPECT_EQ(seen, (std::vector<Index>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 16, 24, 32, 33}));
  const Measurement& last = probe.diagnostics().measurements.back();
  EXPECT_FALSE(last.updated);
  EXPECT_EQ(last.layers[0][Quantity::update_ratio], 0);
  EXPECT_TRUE(std::isfinite(last.layers[0][Quantity::weight_norm]));
  EXPECT_FALSE(std::isfinite(last.layers[1][Quantity::weight_norm]));
  EXPECT_THROW(Probe<float>(*net, 0, 1), std::invalid_argument);
}

TEST(Probe, TakesALayerWithoutAShift) {
  NetConfig config = testing::block_cases(kSize)[0].config;
  config.net = "conv 4 3x3 no_bias | relu | affine 10";
  RandomState random(7);
  const auto net = make_net<double>(config, random);
  const Batch<double> batch = testing::random_batch<double>(kImages, kSize, random);
  Probe<double> probe(*net, 1, kImages);
  probe.before_update({1, net->loss(batch.X, batch.y).loss});
  const std::vector<LayerValues>& layers = probe.diagnostics().measurements[0].layers;
  EXPECT_GT(layers[0][Quantity::gradient_norm], 0);
  EXPECT_EQ(layers[0][Quantity::shift_gradient_norm], 0);
  EXPECT_GT(layers[1][Quantity::shift_gradient_norm], 0);
}

/// Parameters after a training of a net, looked at or not.
template <class T>
std::vector<T> trained(const NetConfig& config, bool look) {
  RandomState random(3);
  const auto net = make_net<T>(config, random);
  const auto split = [&](Index n) {
    Tensor<double> X = random.randn({n, 3, kSize, kSize});
    std::vector<Label> y;
    for (Index i = 0; i < n; ++i) y.push_back(static_cast<Label>(random.randint(10)));
    return Split{Examples(std::move(X)), std::move(y)};
  };
  const SolverData data{split(60), split(20)};
  SolverOptions options;
  options.update_rule = UpdateRule::adam;
  options.batch_size = 10;
  options.num_epochs = 4;
  options.verbose = false;
  Solver<Net<T>> solver(*net, data, options, random);
  Probe<T> probe(*net, 3, 10);
  if (look) {
    solver.before_update = [&](const StepEvent& event) { probe.before_update(event); };
    solver.after_update = [&](const StepEvent& event) { probe.after_update(event); };
  }
  solver.train();
  EXPECT_EQ(probe.diagnostics().measurements.size(), look ? 15u : 0u);
  return testing::elements(std::as_const(*net).params());
}

TEST(Probe, ChangesNoBit) {
  for (const NetCase& net_case : testing::net_cases(kSize)) {
    const auto bits = [](const auto& a, const auto& b) {
      return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0;
    };
    EXPECT_TRUE(bits(trained<float>(net_case.config, true), trained<float>(net_case.config, false))) << net_case.name;
    EXPECT_TRUE(bits(trained<double>(net_case.config, true), trained<double>(net_case.config, false))) << net_case.name;
  }
}

}  // namespace
}  // namespace lamina
