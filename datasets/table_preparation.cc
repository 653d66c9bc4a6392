#include "datasets/table_preparation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>

#include "lamina/check.h"
#include "lamina/nearest.h"
#include "lamina/option_json.h"

namespace lamina {
namespace {

using nlohmann::json;

constexpr const char* kInTable = "load_table";
constexpr const char* kPreparationFromJson = "table_preparation_from_json";
constexpr const char* kTargetKinds[] = {"classes", "numbers", "labels"};  // in the order of TableTarget

bool equal_in_any_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

// "blue, green, red"; of many the first ones.
std::string list_of(const std::vector<std::string>& words) {
  constexpr std::size_t kListed = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(words.size(), kListed); ++i) text += (i > 0 ? ", " : "") + quoted_cell(words[i]);
  return words.size() > kListed ? text + ", ..." : text;
}

std::string found_text(std::string_view cell) {
  return cell.empty() ? "found an empty cell" : "found " + quoted_cell(cell);
}

// The places of a column's categories by their text.
class CategoryPlaces {
 public:
  explicit CategoryPlaces(const TableColumn& column) {
    for (std::size_t i = 0; i < column.categories.size(); ++i) places_[column.categories[i]] = static_cast<Index>(i);
  }
  // -1 for a text that is none of them.
  Index of(std::string_view text) const {
    const auto found = places_.find(text);
    return found == places_.end() ? -1 : found->second;
  }

 private:
  std::unordered_map<std::string_view, Index> places_;
};

double number_of(const CsvTable& table, Index row, const TableColumn& column, std::string_view cell) {
  const double number = number_in(cell);
  if (std::isnan(number)) fail_cell(table, row, column.name, "expected a number, " + found_text(cell));
  if (std::isinf(number))
    fail_cell(table, row, column.name, "expected a number that double precision holds, " + found_text(cell));
  return number;
}

double prepared(const TableColumn& column, double number) {
  return column.deviation > 0 ? (number - column.mean) / column.deviation : 0;
}

double label_of(const CsvTable& table, Index row, const TableColumn& column, std::string_view cell) {
  for (const char* no : {"no", "false"})
    if (equal_in_any_case(cell, no)) return 0;
  for (const char* yes : {"yes", "true"})
    if (equal_in_any_case(cell, yes)) return 1;
  const double number = number_in(cell);
  if (number != 0 && number != 1)
    fail_cell(table, row, column.name, "expected a label of 0 or 1, no or yes, false or true, " + found_text(cell));
  return number;
}

json json_of(const TableColumn& column) {
  if (!column.is_number) return {{"name", column.name}, {"categories", column.categories}};
  return {{"name", column.name}, {"mean", column.mean}, {"deviation", column.deviation}};
}

TableColumn column_from(const json& object) {
  TableColumn column;
  column.name = object.at("name").get<std::string>();
  column.is_number = !object.contains("categories");
  if (column.is_number) {
    column.mean = object.at("mean").get<double>();
    column.deviation = object.at("deviation").get<double>();
    if (!std::isfinite(column.mean) || !std::isfinite(column.deviation) || column.deviation < 0)
      fail(kPreparationFromJson, "expected a finite mean and deviation of the column ", quoted_cell(column.name),
           ", got others");
    return column;
  }
  column.categories = object.at("categories").get<std::vector<std::string>>();
  if (column.categories.empty())
    fail(kPreparationFromJson, "expected categories of the column ", quoted_cell(column.name), ", got none");
  return column;
}

}  // namespace

TableTarget targets_of(Loss loss) {
  if (takes_labels(loss)) return TableTarget::classes;
  return loss == Loss::sigmoid ? TableTarget::labels : TableTarget::numbers;
}

double number_in(std::string_view cell) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (cell.starts_with('+') && !cell.starts_with("+-")) cell.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  if (end != cell.data() + cell.size() || error == std::errc::invalid_argument) return kNone;
  if (error == std::errc::result_out_of_range) return std::strtod(std::string(cell).c_str(), nullptr);
  return std::isfinite(number) ? number : kNone;  // "inf" and "nan" are texts
}

bool is_empty_cell(std::string_view cell) {
  return cell.empty() || equal_in_any_case(cell, "na") || equal_in_any_case(cell, "nan");
}

void fail_cell(const CsvTable& table, Index row, std::string_view column, const std::string& what) {
  fail_file(kInTable, table.path(), "line ", table.line(row), ", column ", quoted_cell(column), ": ", what);
}

Index column_of(const CsvTable& table, std::string_view name) {
  if (const auto found = table.find(name)) return *found;
  fail_file(kInTable, table.path(), "expected a column ", quoted_cell(name), ", found ", list_of(table.columns()),
            did_you_mean(name, table.columns()));
}

std::vector<Index> all_rows(const CsvTable& table) {
  std::vector<Index> rows(static_cast<std::size_t>(table.rows()));
  std::iota(rows.begin(), rows.end(), Index{0});
  return rows;
}

Index TablePreparation::num_inputs() const {
  Index count = 0;
  for (const TableColumn& column : inputs) count += column.width();
  return count;
}

Tensor<double> TablePreparation::read_inputs(const CsvTable& table, std::span<const Index> rows,
                                             const UnknownCells& unknown) const {
  const auto count = static_cast<Index>(rows.size()), width = num_inputs();
  Tensor<double> X(Shape{count, width, 1, 1});
  X.fill(0);
  Index first = 0, num_unknown = 0;
  std::string first_unknown;
  for (const TableColumn& column : inputs) {
    const Index place = column_of(table, column.name);
    const CategoryPlaces places(column);
    for (Index i = 0; i < count; ++i) {
      const Index row = rows[static_cast<std::size_t>(i)];
      const std::string_view cell = table.cell(row, place);
      double* out = X.data() + i * width + first;
      const bool empty = is_empty_cell(cell);
      if (column.is_number) {
        if (!empty) *out = prepared(column, number_of(table, row, column, cell));
        continue;
      }
      if (const Index category = places.of(empty ? kEmptyCategory : cell); category >= 0) {
        out[category] = 1;
      } else if (unknown.allowed) {
        if (++num_unknown == 1)
          first_unknown = quoted_cell(cell) + " in line " + std::to_string(table.line(row)) + ", column " +
                          quoted_cell(column.name);
      } else {
        fail_cell(table, row, column.name,
                  "expected one of the " + std::to_string(column.categories.size()) +
                      " categories of the training rows (" + list_of(column.categories) + "), " + found_text(cell) +
                      did_you_mean(cell, column.categories));
      }
    }
    first += column.width();
  }
  if (num_unknown > 0 && unknown.say)
    unknown.say(std::to_string(num_unknown) + (num_unknown == 1 ? " cell has a category" : " cells have categories") +
                " that no training row has, which " + (num_unknown == 1 ? "counts" : "count") +
                " as none; the first: " + first_unknown);
  return X;
}

std::vector<Label> TablePreparation::read_classes(const CsvTable& table, std::span<const Index> rows) const {
  const TableColumn& column = targets.front();
  const Index place = column_of(table, column.name);
  const CategoryPlaces places(column);
  std::vector<Label> classes;
  classes.reserve(rows.size());
  for (const Index row : rows) {
    const std::string_view cell = table.cell(row, place);
    const Index label = cell.empty() ? -1 : places.of(cell);
    if (label < 0)
      fail_cell(table, row, column.name,
                "expected one of the classes " + list_of(column.categories) + ", " + found_text(cell));
    classes.push_back(static_cast<Label>(label));
  }
  return classes;
}

Tensor<double> TablePreparation::read_targets(const CsvTable& table, std::span<const Index> rows) const {
  const auto count = static_cast<Index>(rows.size()), width = static_cast<Index>(targets.size());
  Tensor<double> Y(Shape{count, width});
  for (Index k = 0; k < width; ++k) {
    const TableColumn& column = targets[static_cast<std::size_t>(k)];
    const Index place = column_of(table, column.name);
    for (Index i = 0; i < count; ++i) {
      const Index row = rows[static_cast<std::size_t>(i)];
      const std::string_view cell = table.cell(row, place);
      Y[i * width + k] = kind == TableTarget::labels ? label_of(table, row, column, cell)
                                                     : prepared(column, number_of(table, row, column, cell));
    }
  }
  return Y;
}

double TablePreparation::in_unit(double predicted, Index k) const {
  const TableColumn& column = targets[static_cast<std::size_t>(k)];
  return column.mean + predicted * column.deviation;
}

std::string to_json(const TablePreparation& preparation) {
  json object = {{"target", kTargetKinds[static_cast<std::size_t>(preparation.kind)]}};
  for (const auto& [name, columns] : {std::pair{"inputs", &preparation.inputs}, {"targets", &preparation.targets}}) {
    json list = json::array();
    for (const TableColumn& column : *columns) list.push_back(json_of(column));
    object[name] = std::move(list);
  }
  return json_text(object);
}

TablePreparation table_preparation_from_json(const std::string& text) {
  const json object = parse_json_object(kPreparationFromJson, text);
  TablePreparation preparation;
  try {
    const auto kind = object.at("target").get<std::string>();
    const auto* const found = std::find(std::begin(kTargetKinds), std::end(kTargetKinds), kind);
    if (found == std::end(kTargetKinds))
      fail(kPreparationFromJson, "expected classes, numbers or labels, got ", quoted_cell(kind));
    preparation.kind = static_cast<TableTarget>(found - std::begin(kTargetKinds));
    for (const json& column : object.at("inputs")) preparation.inputs.push_back(column_from(column));
    for (const json& column : object.at("targets")) preparation.targets.push_back(column_from(column));
  } catch (const json::exception& error) {
    fail(kPreparationFromJson, "expected the columns of a table, got a text without them: ", error.what());
  }
  const bool classes = preparation.kind == TableTarget::classes;
  bool fits = !preparation.inputs.empty() && !preparation.targets.empty();
  if (classes) fits = fits && preparation.targets.size() == 1;
  for (const TableColumn& target : preparation.targets) fits = fits && target.is_number == !classes;
  if (!fits) fail(kPreparationFromJson, "expected inputs, and targets of their kind, got others");
  return preparation;
}

}  // namespace lamina
