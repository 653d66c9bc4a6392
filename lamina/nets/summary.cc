#include "lamina/nets/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <iterator>
#include <utility>

#include "lamina/check.h"

namespace lamina {

void SummaryWriter::product(std::string name, std::string parameters, Index parameter_count, const Shape& output,
                            double flops) {
  line(std::move(name), output, output.size());
  layers_.back().parameters = std::move(parameters);
  layers_.back().parameter_count = parameter_count;
  layers_.back().flops = (learns_ ? 3 : 2) * flops;
  learns_ = true;
  last_ = Last::product;
}

void SummaryWriter::normalization(std::string name, const std::string& parameters, Index parameter_count,
                                  const Shape& output) {
  if (last_ == Last::product) {
    elementwise(std::move(name), output, false);
    if (!parameters.empty()) layers_.back().parameters += " " + parameters;
  } else {
    line(std::move(name), output, output.size());
    layers_.back().parameters = parameters;
  }
  layers_.back().parameter_count += parameter_count;
  if (parameter_count > 0) learns_ = true;
  last_ = Last::normalization;
}

void SummaryWriter::elementwise(std::string name, const Shape& output, bool in_place) {
  if (layers_.empty()) return line(std::move(name), output, output.size());
  layers_.back().name += " - " + name;
  if (!in_place) layers_.back().activation_count += output.size();
  last_ = Last::other;
}

void SummaryWriter::line(std::string name, const Shape& output, Index activation_count) {
  layers_.push_back({std::move(name), "", output, 0, 0, activation_count + std::exchange(kept_at_input_, 0)});
  last_ = Last::other;
}

void SummaryWriter::keep(Index elements) {
  (layers_.empty() ? kept_at_input_ : layers_.back().activation_count) += elements;
}

void SummaryWriter::mark(std::size_t first, const std::string& prefix) {
  for (std::size_t i = first; i < layers_.size(); ++i) layers_[i].name.insert(0, prefix);
}

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

std::string NetSummary::to_string(Index batch_size, Index slots) const {
  if (batch_size < 1) fail("NetSummary", "expected a batch size of at least 1, got ", batch_size);
  if (slots < 1 || slots > batch_size)
    fail("NetSummary", "expected slots of 1 to ", batch_size, ", the batch size, got ", slots);
  const Index slot = (batch_size + slots - 1) / slots;  // the largest one's examples
  const double batch = static_cast<double>(batch_size), bytes = static_cast<double>(scalar_bytes);
  const double kept = static_cast<double>(slot) * bytes;

  using Row = std::array<std::string, 6>;
  std::vector<Row> rows = {{"layer", "output", "parameters", "number", "arithmetic", "memory"}};
  for (const LayerSummary& layer : layers)
    rows.push_back({layer.name, layer.output.to_string(), layer.parameters.empty() ? "-" : layer.parameters,
                    with_commas(layer.parameter_count), layer.flops == 0 ? "-" : scaled(layer.flops * batch, "FLOP"),
                    scaled(static_cast<double>(layer.activation_count) * kept, "B")});
  rows.push_back({"total", "", "", with_commas(parameter_count()), scaled(flops() * batch, "FLOP"),
                  scaled(static_cast<double>(activation_count()) * kept, "B")});

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
  if (slots > 1)
    text += fmt::format(
        "The step is computed in {} slots. The memory is that of one slot, of {} example{}, as long as they are "
        "computed\n"
        "one by one (those of small nets may run side by side). Sums of gradients take up to {} more.\n",
        slots, slot, slot == 1 ? "" : "s",
        scaled(static_cast<double>(std::bit_width(static_cast<std::uint64_t>(slots - 1))) *
                   static_cast<double>(parameter_count()) * bytes,
               "B"));
  return text;
}

}  // namespace lamina
