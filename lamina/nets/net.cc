#include "lamina/nets/net.h"

#include <fmt/format.h>

#include "lamina/check.h"
#include "lamina/kernels/elementwise.h"

namespace lamina {

template <class T>
void Net<T>::make_parameters(const ParameterLayout& layout) {
  params_ = Parameters<T>(layout);
  grads_ = Parameters<T>(layout);
  for (auto& [name, value] : params_)
    if (name.starts_with("gamma")) value.fill(T{1});
}

template <class T>
void Net<T>::draw_weights(std::string_view name, double scale, RandomState& random) {
  for (T& w : params_[name]) w = static_cast<T>(scale * random.randn());
}

template <class T>
void Net<T>::check_parameters(std::string_view where) const {
  if (params_.size() != grads_.size())
    fail(where, "expected ", grads_.size(), " parameters as when the net was made, got ", params_.size());
  auto made = grads_.begin();
  for (const auto& entry : params_) {
    if (entry.name != made->name) fail(where, "expected the parameter ", made->name, ", got ", entry.name);
    check_shape(where, entry.name, entry.value.shape(), made->value.shape(), "the net");
    ++made;
  }
}

template <class T>
void Net<T>::check_labels(std::string_view where, const TensorView<T>& X, std::span<const Label> y, Index num_classes) {
  const Index N = X.dim(0);
  if (N == 0) fail(where, "expected X with at least one example, got ", X.shape());
  if (static_cast<Index>(y.size()) != N)
    fail(where, "expected one label y for each of the ", N, " examples of X ", X.shape(), ", got ", y.size());
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i] < 0 || y[i] >= num_classes)
      fail(where, "expected labels y of 0 to ", num_classes - 1, ", got ", y[i], " at position ", i);
}

template <class T>
double Net<T>::add_regularization() {
  if (reg == 0) return 0;
  double sum = 0;
  auto gradient = grads_.begin();
  for (const auto& [name, W] : params_) {
    if (name.starts_with('W')) {
      sum += kernels::sum_of_squares(W.size(), W.data());
      kernels::axpy(W.size(), static_cast<T>(reg), W.data(), gradient->value.data());
    }
    ++gradient;
  }
  return 0.5 * reg * sum;
}

template class Net<float>;
template class Net<double>;

Index NetSummary::parameter_count() const {
  Index count = 0;
  for (const LayerSummary& layer : layers) count += layer.parameter_count;
  return count;
}

Index NetSummary::activation_count() const {
  Index count = 0;
  for (const LayerSummary& layer : layers) count += layer.activation_count;
  return count;
}

double NetSummary::flops() const {
  double sum = 0;
  for (const LayerSummary& layer : layers) sum += layer.flops;
  return sum;
}

namespace {

std::string with_commas(Index n) {
  const std::string digits = std::to_string(n);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string scaled(double value, const char* unit) {
  const char* prefixes[] = {"", "k", "M", "G", "T", "P"};
  std::size_t i = 0;
  while (value >= 1000 && i + 1 < std::size(prefixes)) value /= 1000, ++i;
  return i == 0 ? fmt::format("{:.0f} {}", value, unit) : fmt::format("{:.1f} {}{}", value, prefixes[i], unit);
}

}  // namespace

std::string NetSummary::to_string(Index batch_size) const {
  if (batch_size < 1) fail("NetSummary", "expected a batch size of at least 1, got ", batch_size);
  const double batch = static_cast<double>(batch_size), bytes = scalar_bytes;

  using Row = std::array<std::string, 6>;
  std::vector<Row> rows = {{"layer", "output", "parameters", "number", "arithmetic", "memory"}};
  for (const LayerSummary& layer : layers)
    rows.push_back({layer.name, layer.output.to_string(), layer.parameters.empty() ? "-" : layer.parameters,
                    with_commas(layer.parameter_count), layer.flops == 0 ? "-" : scaled(layer.flops * batch, "FLOP"),
                    scaled(static_cast<double>(layer.activation_count) * batch * bytes, "B")});
  rows.push_back({"total", "", "", with_commas(parameter_count()), scaled(flops() * batch, "FLOP"),
                  scaled(static_cast<double>(activation_count()) * batch * bytes, "B")});

  std::array<std::size_t, 6> widths{};
  for (const Row& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  const std::string line = std::string(widths[0] + widths[1] + widths[2] + widths[3] + widths[4] + widths[5] + 10, '-');

  std::string text = fmt::format("{}: examples of shape {}, batches of {}\n\n", title, input.to_string(), batch_size);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const Row& row = rows[r];
    if (r == 1 || r + 1 == rows.size()) text += line + '\n';
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}  {:>{}}\n", row[0], widths[0], row[1], widths[1],
                        row[2], widths[2], row[3], widths[3], row[4], widths[4], row[5], widths[5]);
  }
  text += fmt::format(
      "\nArithmetic and memory are those of one training step of {} example{}: the matrix products of its forward and\n"
      "backward pass (a multiply-add is 2), and what the forward pass keeps for the backward pass. Parameters and\n"
      "their gradients take {} more.\n",
      batch_size, batch_size == 1 ? "" : "s", scaled(2 * static_cast<double>(parameter_count()) * bytes, "B"));
  return text;
}

}  // namespace lamina
