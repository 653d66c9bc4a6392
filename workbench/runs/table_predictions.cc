#include "workbench/runs/table_predictions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "lamina/check.h"

namespace lamina {
namespace {

constexpr const char* kTable = "table";  // the entry of a model file's metadata

/// Columns that are added to a table: their names, and one row's cells.
struct Added {
  std::vector<std::string> names, cells;
  void add(const std::string& name, std::string cell) {
    names.push_back(name);
    cells.push_back(std::move(cell));
  }
};

std::string number_text(double number) { return fmt::format("{:.7g}", number); }

Added predicted_cells(const Predictions& found, const TablePreparation& preparation, Index row) {
  Added added;
  const Index width = found.scores.dim(1);
  const double* scores = found.scores.data() + row * width;
  const TableColumn& first = preparation.targets.front();
  if (preparation.kind == TableTarget::classes) {
    const Label best = found.classes[static_cast<std::size_t>(row)];
    added.add("predicted " + first.name, first.categories[static_cast<std::size_t>(best)]);
    for (Index c = 0; c < width; ++c)
      added.add("probability " + first.categories[static_cast<std::size_t>(c)],
                number_text(found.probabilities[row * width + c]));
    return added;
  }
  for (Index k = 0; k < width; ++k) {
    const std::string& name = preparation.targets[static_cast<std::size_t>(k)].name;
    if (preparation.kind == TableTarget::labels) {
      added.add("predicted " + name, scores[k] > 0 ? "1" : "0");
      added.add("probability " + name, number_text(1 / (1 + std::exp(-scores[k]))));
    } else {
      added.add("predicted " + name, number_text(preparation.in_unit(scores[k], k)));
    }
  }
  return added;
}

}  // namespace

std::optional<TablePreparation> preparation_of(const ModelInfo& info) {
  const auto kept = info.metadata.find(kTable);
  if (kept == info.metadata.end()) return {};
  try {
    TablePreparation found = table_preparation_from_json(kept->second);
    const bool classes = found.kind == TableTarget::classes;
    const std::size_t outputs = classes ? found.targets.front().categories.size() : found.targets.size();
    if (found.num_inputs() != info.config.input_dim.size() || static_cast<Index>(outputs) != info.config.num_classes)
      fail("load_model", "expected columns that fit the net, got others");
    return found;
  } catch (const std::invalid_argument& cause) {
    throw std::runtime_error(std::string("[load_model] expected the columns of the table that the net was trained on, "
                                         "found a damaged text: ") +
                             cause.what());
  }
}

std::string predictions_csv(const TrainedNet& net, const TablePreparation& preparation, const CsvTable& table,
                            const UnknownCells& unknown) {
  const Predictions found = net.predict(Examples(preparation.read_inputs(table, all_rows(table), unknown)));
  const std::vector<std::string> names = predicted_cells(found, preparation, 0).names;
  std::vector<Index> kept;
  for (Index place = 0; place < static_cast<Index>(table.columns().size()); ++place)
    if (std::find(names.begin(), names.end(), table.columns()[static_cast<std::size_t>(place)]) == names.end())
      kept.push_back(place);
  std::string text;
  const auto write = [&](std::string_view cell, bool last) {
    text += csv_cell(cell);
    text += last ? '\n' : table.separator();
  };
  for (const Index place : kept) write(table.columns()[static_cast<std::size_t>(place)], false);
  for (std::size_t i = 0; i < names.size(); ++i) write(names[i], i + 1 == names.size());
  for (Index row = 0; row < table.rows(); ++row) {
    for (const Index place : kept) write(table.cell(row, place), false);
    const std::vector<std::string> cells = predicted_cells(found, preparation, row).cells;
    for (std::size_t i = 0; i < cells.size(); ++i) write(cells[i], i + 1 == cells.size());
  }
  return text;
}

}  // namespace lamina
