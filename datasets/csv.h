// Files of comma-separated values (RFC 4180, and what programs make of it): reading them whole, and writing a cell.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// A table as it stands in a file: a row of column names, then rows of as many cells. All cells are text.
class CsvTable {
 public:
  const std::filesystem::path& path() const { return path_; }
  /// ',', ';' or a tab.
  char separator() const { return separator_; }
  /// A column without a name is "unnamed 3", counted from 1.
  const std::vector<std::string>& columns() const { return columns_; }
  /// The index of a column in columns(); none if the table does not have it.
  std::optional<Index> find(std::string_view column) const;
  Index rows() const { return static_cast<Index>(lines_.size()); }
  /// The text of a cell, without the quotes around it. Valid as long as the table lives.
  std::string_view cell(Index row, Index column) const {
    const Cell& cell = cells_[static_cast<std::size_t>(row) * columns_.size() + static_cast<std::size_t>(column)];
    return {text_.data() + cell.begin, cell.size};
  }
  /// The line of the file in which a row begins, counted from 1 as editors do.
  Index line(Index row) const { return lines_[static_cast<std::size_t>(row)]; }

 private:
  friend class CsvReader;

  struct Cell {
    std::uint32_t begin, size;
  };

  std::filesystem::path path_;
  char separator_ = ',';
  std::string text_;  // of the file; quoted cells are unquoted in place
  std::vector<std::string> columns_;
  std::vector<Cell> cells_;
  std::vector<Index> lines_;
};

/// Whether a file's name is that of a table: it ends in .csv, .tsv, .csv.gz or .tsv.gz, in any case of letters.
bool is_csv(const std::filesystem::path& path);

/// Reads a table. Cells are separated by commas, semicolons or tabs, whichever the header has most of outside quotes.
/// A cell in double quotes may contain separators, line ends and, doubled, quotes. Around a cell without quotes spaces
/// do not count. Lines end in LF, CRLF or CR; blank lines are skipped. A byte order mark is skipped. Gzipped files are
/// decompressed. Throws std::runtime_error with one line that names the file and the line for: no header, no rows, a
/// row of another length, a quote that is not closed or that text follows, two columns of one name, bytes that are NUL
/// or not UTF-8, and more than 4 GiB.
CsvTable read_csv(const std::filesystem::path& path);

/// A cell's text in quotes for one line of an error message: shortened, and with a space for each control character.
std::string quoted_cell(std::string_view text);
/// A cell as a file has it, whatever its separator: in quotes if it contains a comma, a semicolon, a tab, quotes, line
/// ends, or spaces at its ends.
std::string csv_cell(std::string_view text);

}  // namespace lamina
