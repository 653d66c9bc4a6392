#include "lamina/solver/diagnostics.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "lamina/check.h"

namespace lamina {
namespace {

/// Four sums side by side, so that an addition need not wait for the one before it.
template <class Term>
double sum_over(std::size_t n, Term term) {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (std::size_t k = 0; k < 4; ++k) sums[k] += term(i + k);
  for (; i < n; ++i) sums[0] += term(i);
  return sums[0] + sums[1] + (sums[2] + sums[3]);
}

template <class T>
double norm(std::span<const T> x) {
  return std::sqrt(sum_over(x.size(), [x](std::size_t i) { return static_cast<double>(x[i]) * x[i]; }));
}

/// |x - factor y|
template <class T>
double distance(std::span<const T> x, double factor, std::span<const T> y) {
  return std::sqrt(sum_over(x.size(), [x, factor, y](std::size_t i) {
    const double d = static_cast<double>(x[i]) - factor * static_cast<double>(y[i]);
    return d * d;
  }));
}

/// Measures an output (rows, units) by the sum, the sum of squares and the number of nonzero values of each unit.
/// `sums` is scratch memory.
template <class T>
void measure_output(const TensorView<T>& output, bool relu, std::vector<double>& sums, LayerValues& values) {
  const auto units = static_cast<std::size_t>(output.dim(output.rank() - 1));
  const std::size_t n = output.flat().size();
  sums.assign(3 * units, 0.0);
  double *sum = sums.data(), *square = sum + units, *alive = square + units;
  for (std::size_t at = 0; at < n; at += units) {
    const T* row = output.data() + at;
    for (std::size_t u = 0; u < units; ++u) {
      const double x = row[u];
      sum[u] += x;
      square[u] += x * x;
      alive[u] += x != 0 ? 1.0 : 0.0;
    }
  }
  const auto total = [units](const double* x) { return sum_over(units, [x](std::size_t u) { return x[u]; }); };
  const auto count = static_cast<double>(n);
  const double mean = total(sum) / count;
  values[Quantity::output_mean] = mean;
  // std::max would hide a NaN.
  const double variance = total(square) / count - mean * mean;
  values[Quantity::output_std] = variance < 0 ? 0 : std::sqrt(variance);
  if (!relu) return;
  values[Quantity::zero_share] = 1 - total(alive) / count;
  values[Quantity::dead_share] =
      static_cast<double>(std::count(alive, alive + units, 0.0)) / static_cast<double>(units);
}

}  // namespace

std::string_view name_of(Quantity quantity) {
  constexpr std::string_view kNames[kQuantities] = {"weight_norm",  "gradient_norm", "shift_gradient_norm",
                                                    "update_ratio", "output_mean",   "output_std",
                                                    "zero_share",   "dead_share"};
  return kNames[static_cast<std::size_t>(quantity)];
}

Index default_measure_every(Index num_iterations) { return std::max<Index>(1, num_iterations / 200); }

template <class T>
Probe<T>::Probe(const Net<T>& net, Index every, Index batch_size) : net_(net) {
  if (every < 1) fail("Probe", "expected 1 iteration or more between measurements, got ", every);
  diagnostics_.every = every;
  diagnostics_.batch_size = batch_size;
  diagnostics_.reg = net.reg;
  diagnostics_.even_loss = even_loss(net.net_options().loss.loss, net.num_classes());
  for (const LayerView<T>& layer : net.layers()) diagnostics_.layers.push_back({layer.name, layer.relu});
}

template <class T>
void Probe<T>::before_update(const StepEvent& event) {
  open_ = is_measured(event.iteration, diagnostics_.every) || !std::isfinite(event.loss);
  if (!open_) return;
  const std::vector<LayerView<T>> layers = net_.layers();
  const Parameters<T>& params = net_.params();
  const Parameters<T>& grads = net_.grads();
  Measurement measurement{event.iteration, event.loss, false, std::vector<LayerValues>(layers.size())};
  before_.resize(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const TensorView<T>& W = params[layers[i].weights];
    LayerValues& values = measurement.layers[i];
    values[Quantity::weight_norm] = norm(W.flat());
    values[Quantity::gradient_norm] = distance(grads[layers[i].weights].flat(), net_.reg, W.flat());
    values[Quantity::shift_gradient_norm] = layers[i].shift.empty() ? 0 : norm(grads[layers[i].shift].flat());
    measure_output(layers[i].output, layers[i].relu, sums_, values);
    before_[i].assign(W);
  }
  diagnostics_.measurements.push_back(std::move(measurement));
}

template <class T>
void Probe<T>::after_update(const StepEvent&) {
  if (!open_) return;
  open_ = false;
  const std::vector<LayerView<T>> layers = net_.layers();
  const Parameters<T>& params = net_.params();
  Measurement& measurement = diagnostics_.measurements.back();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const TensorView<T>& W = params[layers[i].weights];
    const double moved = distance<T>(W.flat(), 1, std::as_const(before_[i]).flat());
    LayerValues& values = measurement.layers[i];
    values[Quantity::update_ratio] = moved == 0 ? 0 : moved / values[Quantity::weight_norm];
  }
  measurement.updated = true;
}

template class Probe<float>;
template class Probe<double>;

}  // namespace lamina
