// How the rows of a table become the inputs of a net, and its scores the table's values again: what a model that was
// trained on a table keeps.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/csv.h"
#include "lamina/data/dataset.h"
#include "lamina/nets/loss.h"
#include "lamina/tensor.h"

namespace lamina {

/// What is to be predicted: one column's class, one or several numbers, or several labels that are 0 or 1 each.
enum class TableTarget : std::uint8_t { classes, numbers, labels };
/// The kind of targets that a loss takes.
TableTarget targets_of(Loss loss);

/// A column and what of its cells the net sees. A number x becomes (x - mean) / deviation, or 0 where the training rows
/// all have the same number. A category becomes one number for each of `categories`: 1 for its own, 0 for the others.
struct TableColumn {
  std::string name = {};
  bool is_number = true;
  std::vector<std::string> categories = {};
  double mean = 0, deviation = 1;  ///< of the training rows that have a number; deviation is 0 if all have the same

  /// How many numbers a cell becomes.
  Index width() const { return is_number ? 1 : static_cast<Index>(categories.size()); }
};

/// What stands for an empty cell among categories.
inline constexpr std::string_view kEmptyCategory = "(empty)";

/// What a cell that no training row had is to become.
struct UnknownCells {
  bool allowed = false;                                 ///< false: a category that training did not have is an error
  std::function<void(std::string_view line)> say = {};  ///< called once with the first of them, if they are allowed
};

struct TablePreparation {
  TableTarget kind = TableTarget::classes;
  std::vector<TableColumn> inputs;
  /// Classes: one column, whose categories are the classes. Labels have a mean of 0 and a deviation of 1.
  std::vector<TableColumn> targets;

  /// How many numbers a row becomes.
  Index num_inputs() const;
  /// The given rows as examples (N, num_inputs, 1, 1). Columns are found by name, wherever they stand; others are
  /// ignored. An empty cell becomes 0, the mean, in a column of numbers, and kEmptyCategory in one of categories.
  /// Throws std::runtime_error that names file, line and column: for a column that is missing, a cell that is not a
  /// number, and a category that training did not have, if `unknown` does not allow it. It then becomes 0 in all
  /// places.
  Tensor<double> read_inputs(const CsvTable& table, std::span<const Index> rows,
                             const UnknownCells& unknown = {}) const;
  /// The classes of the given rows. Throws as read_inputs, also for an empty cell.
  std::vector<Label> read_classes(const CsvTable& table, std::span<const Index> rows) const;
  /// The numbers or labels of the given rows, (N, K), as the net is to predict them. Throws as read_inputs, also for an
  /// empty cell. A label is 0 or 1, no or yes, false or true.
  Tensor<double> read_targets(const CsvTable& table, std::span<const Index> rows) const;
  /// A number that the net predicts for target k, in the unit of its column.
  double in_unit(double predicted, Index k) const;
};

/// What is written to a model file, one JSON object.
std::string to_json(const TablePreparation& preparation);
/// Throws std::invalid_argument for a text that to_json() did not write.
TablePreparation table_preparation_from_json(const std::string& text);

/// All rows of a table, 0 to rows() - 1.
std::vector<Index> all_rows(const CsvTable& table);

/// The number in a cell: a decimal fraction with a point, "-1.5e3". Infinite where it is beyond what double holds; NaN
/// where there is none.
double number_in(std::string_view cell);
/// Whether a cell has no value: no text, "NA" or "NaN", in any case of letters.
bool is_empty_cell(std::string_view cell);
/// An error in a cell: throws std::runtime_error "[load_table] file: line 17, column 'age': ...".
[[noreturn]] void fail_cell(const CsvTable& table, Index row, std::string_view column, const std::string& what);
/// The index of a column. Throws std::runtime_error, with the columns that may have been meant, if there is none.
Index column_of(const CsvTable& table, std::string_view name);

}  // namespace lamina
