#include "workbench/pages/diagnostics_file.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "lamina/check.h"
#include "lamina/io/atomic_file.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRead = "read_measurements";
constexpr std::string_view kNames = "iteration,layer,quantity,value";
constexpr std::string_view kNet = "net";  // in the layer column, for values of the whole net
constexpr std::string_view kLoss = "loss";

bool is_there(Quantity quantity, const LayerInfo& layer, bool updated) {
  if (quantity == Quantity::zero_share || quantity == Quantity::dead_share) return layer.relu;
  return quantity != Quantity::update_ratio || updated;
}

void add_row(std::string& text, std::string_view start, std::string_view layer, std::string_view quantity,
             double value) {
  std::array<char, 32> digits{};
  std::string_view number = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (std::isfinite(value)) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    number = {digits.data(), static_cast<std::size_t>(end - digits.data())};
  }
  for (const std::string_view part : {start, std::string_view(","), layer, std::string_view(","), quantity,
                                      std::string_view(","), number, std::string_view("\n")})
    text += part;
}

/// The lines of a file, cut at their commas.
class Rows {
 public:
  Rows(const fs::path& path, std::string_view text) : path_(path), left_(text) {}

  struct Row {
    Index iteration = 0;
    std::string_view layer, quantity;
    double value = 0;
  };
  std::string_view line() {
    ++number_;
    const std::size_t end = left_.find('\n');
    if (end == std::string_view::npos) wrong("a line's end", "the end of the file");
    const std::string_view line = left_.substr(0, end);
    left_.remove_prefix(end + 1);
    return line;
  }
  bool next(Row& row) {
    if (left_.empty()) return false;
    std::string_view rest = line();
    const auto part = [&rest, this]() {
      const std::size_t comma = rest.find(',');
      if (comma == std::string_view::npos) wrong(kNames, rest);
      const std::string_view text = rest.substr(0, comma);
      rest.remove_prefix(comma + 1);
      return text;
    };
    row.iteration = number<Index>(part());
    row.layer = part();
    row.quantity = part();
    row.value = number<double>(rest);
    return true;
  }
  [[noreturn]] void wrong(std::string_view expected, std::string_view got) const {
    fail_file(kRead, path_, "expected ", expected, " in line ", number_, ", got '", got.substr(0, 60), "'");
  }

 private:
  template <class V>
  V number(std::string_view text) const {
    V value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) wrong("a number", text);
    return value;
  }

  const fs::path& path_;
  std::string_view left_;
  Index number_ = 0;  // the number of the line that was read last, counted from 1
};

}  // namespace

std::string diagnostics_csv(const Diagnostics& diagnostics) {
  std::string text(kNames);
  text += '\n';
  for (const Measurement& measurement : diagnostics.measurements) {
    const std::string start = std::to_string(measurement.iteration);
    add_row(text, start, kNet, kLoss, measurement.loss);
    for (std::size_t i = 0; i < diagnostics.layers.size(); ++i)
      for (std::size_t k = 0; k < kQuantities; ++k) {
        const auto quantity = static_cast<Quantity>(k);
        if (is_there(quantity, diagnostics.layers[i], measurement.updated))
          add_row(text, start, diagnostics.layers[i].name, name_of(quantity), measurement.layers[i][quantity]);
      }
  }
  return text;
}

std::vector<Measurement> read_measurements(const fs::path& path, const std::vector<LayerInfo>& layers, Index every,
                                           Index last) {
  const std::string text = read_file(path);
  Rows rows(path, text);
  if (const std::string_view names = rows.line(); names != kNames)
    fail_file(kRead, path, "expected the names ", kNames, ", got '", names.substr(0, 60), "'");
  std::vector<Measurement> measurements;
  Rows::Row row;
  while (rows.next(row)) {
    if (row.iteration > last) break;
    if (row.layer != kNet || row.quantity != kLoss) rows.wrong("net,loss", row.layer);
    Measurement measurement{row.iteration, row.value, true, std::vector<LayerValues>(layers.size())};
    for (std::size_t i = 0; i < layers.size(); ++i)
      for (std::size_t k = 0; k < kQuantities; ++k) {
        const auto quantity = static_cast<Quantity>(k);
        if (!is_there(quantity, layers[i], true)) continue;
        if (!rows.next(row)) rows.wrong("a measurement", "the end of the file");
        if (row.iteration != measurement.iteration || row.layer != layers[i].name || row.quantity != name_of(quantity))
          rows.wrong(std::string(name_of(quantity)) + " of " + layers[i].name, row.quantity);
        measurement.layers[i][quantity] = row.value;
      }
    measurements.push_back(std::move(measurement));
  }
  Index expected = last;
  while (expected > 0 && !is_measured(expected, every)) --expected;
  const Index found = measurements.empty() ? 0 : measurements.back().iteration;
  if (found != expected)
    fail_file(kRead, path, "expected measurements up to iteration ", expected, ", got them up to ", found);
  return measurements;
}

}  // namespace lamina
