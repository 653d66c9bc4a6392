// Tables as data sets: a CSV file whose columns are numbers and categories, of which one or several are to be
// predicted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "datasets/table_preparation.h"
#include "lamina/data/dataset.h"

namespace lamina {

/// Lists of columns are names with commas between them; a text that is the name of a column stands for that one.
struct TableOptions {
  std::string target = {};          ///< the columns to predict
  std::string ignore_columns = {};  ///< columns that the net does not see
  std::string categories = {};      ///< columns whose cells are categories, though all of them are numbers
  std::string split_column = {};    ///< a column that says which row is for what; empty: rows are drawn
  TableTarget kind = TableTarget::classes;
  std::uint32_t split_seed = 0;
  double val_fraction = 0.1, test_fraction = 0.1;  ///< of the rows of each class, or of all rows
  /// The preparation that an earlier run found, to be used as it is; none: it is found in this table's training rows.
  std::optional<TablePreparation> known = {};
  /// Called with a line about cells that no training row has.
  std::function<void(std::string_view line)> say = {};
};

/// Whether load_dataset() takes a path for that of a table: its name is one (csv.h), and it is no directory.
bool is_table(const std::filesystem::path& path);

/// A table as a data set whose examples have the shape (D, 1, 1). `data.preparation` is the text of the
/// TablePreparation that was found for it:
///
/// - The inputs are all columns but the target, those to ignore and the split's, in the order of the file.
/// - A column is of numbers if every cell in the training rows that is not empty is a finite number, with a decimal
///   point. Its mean and its deviation are those of the training rows' numbers. Any other column is of categories,
///   which are the texts of the training rows, sorted: by their bytes, or by value if all are numbers.
/// - Classes are the texts of the target in all rows, sorted in the same way.
///
/// Rows are held out for validation and testing as hold_out() draws them, class by class. With a split column they are
/// for what it says: train or training; val, valid or validation; test or testing. If it names none for validation,
/// these are held out of the training rows. Training rows are permuted.
///
/// Throws std::runtime_error with one line that names the file, and line and column where there are any, for a table
/// that read_csv() cannot read, columns that it does not have, an empty cell of a target or one that does not fit, no
/// training or validation rows, numbers with a decimal comma, and categories so many that the column names each row.
Dataset load_table(const std::filesystem::path& path, const TableOptions& options);

/// All rows of a table as the test split of a data set, prepared by `known`.
Dataset load_whole_table(const std::filesystem::path& path, const TablePreparation& known,
                         const UnknownCells& unknown = {});

}  // namespace lamina
