// diagnostics.csv: what is read, written and read again is the same.
#include "tests/fuzz/fuzz.h"
#include "workbench/pages/diagnostics_file.h"

namespace lamina::fuzz {
namespace {

Diagnostics two_layers(std::vector<Measurement> measurements) {
  Diagnostics diagnostics;
  diagnostics.every = 5;
  diagnostics.layers = {{"W1", true}, {"W2", false}};
  diagnostics.measurements = std::move(measurements);
  return diagnostics;
}

}  // namespace

void read_input(std::string_view bytes) {
  Diagnostics read = two_layers({});
  read.measurements = read_measurements(file("input.csv", bytes), read.layers, read.every, 2);
  const std::string csv = diagnostics_csv(read);
  Diagnostics again = two_layers({});
  again.measurements = read_measurements(file("written.csv", csv), read.layers, read.every, 2);
  require(diagnostics_csv(again) == csv, "other measurements after writing " + csv);
}

std::vector<std::string> seeds() {
  LayerValues values;
  for (std::size_t k = 0; k < kQuantities; ++k) values.values[k] = 0.1 * static_cast<double>(k);
  values.values[1] = std::numeric_limits<double>::infinity();
  return {diagnostics_csv(two_layers({{1, 2.3, true, {values, values}}, {2, 1e-300, true, {values, values}}}))};
}

}  // namespace lamina::fuzz
