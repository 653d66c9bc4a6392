// Tables: every cell that was read and is written again is read as the same. They are also read as data sets.
#include "datasets/csv.h"

#include <algorithm>

#include "datasets/table.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {
namespace {

std::string written(const CsvTable& table) {
  const auto columns = static_cast<Index>(table.columns().size());
  std::string text;
  const auto write = [&](std::string_view cell, Index column) {
    const std::string as_written = csv_cell(cell);
    text += as_written.empty() ? "\"\"" : as_written;  // so that no line is blank
    text += column + 1 == columns ? '\n' : table.separator();
  };
  for (Index c = 0; c < columns; ++c) write(table.columns()[static_cast<std::size_t>(c)], c);
  for (Index row = 0; row < table.rows(); ++row)
    for (Index c = 0; c < columns; ++c) write(table.cell(row, c), c);
  return text;
}

void check_written(const CsvTable& table) {
  const std::string text = written(table);
  const CsvTable again = read_csv(file("written.csv", text));
  require(again.columns() == table.columns() && again.rows() == table.rows(), "another table after writing");
  require(again.separator() == table.separator() || table.columns().size() == 1, "another separator after writing");
  if (again.separator() == table.separator()) require(written(again) == text, "other cells after writing");
}

}  // namespace

void read_input(std::string_view bytes) {
  const std::filesystem::path path = file("input.csv", bytes);
  const CsvTable table = read_csv(path);
  check_written(table);
  TableOptions options = {.target = table.columns().back()};
  // The length of the first column's name says what the target is, so that seeds can choose.
  options.kind = static_cast<TableTarget>((std::max<std::size_t>(1, table.columns().front().size()) - 1) % 3);
  const Dataset data = load_table(path, options);
  require(to_json(table_preparation_from_json(data.preparation)) == data.preparation,
          "another preparation after writing");
  Tensor<double> X;
  for (const Split* split : {&data.train, &data.val, &data.test}) {
    split->X.slice(0, split->size(), X);
    for (const double x : X) require(x == x, "an input that is not a number");
    for (const Label label : split->y)
      require(label >= 0 && label < static_cast<Label>(data.class_names.size()), "a label without a class");
  }
}

std::vector<std::string> seeds() {
  const std::string rows = "1,red,a\n2,\"bl\"\"ue\",b\n,red,a\n4e1,,b\n1,red,a\n2,blue,b\n";
  std::string tabs = "x\tk\ty\r\n" + rows;
  for (char& c : tabs) c = c == ',' ? '\t' : c;
  return {"x,k,y\n" + rows,
          "\xef\xbb\xbfx;y\r\n1;0\r\n2;1\r\n\r\n3;0\r\n-4.5;1\r\n",
          tabs,
          "a,b\n\"1\n2\",yes\n\"1\n2\",no\n\"1\n2\",yes\n\"1\n2\",no\n\"1\n2\",yes\n",
          "xx,y\n1,0.5\n2,-3\n3,1e2\n4,7\n5,8\n",
          "xxx,y\n1,0\n2,1\n3,1\n4,0\n5,1\n"};
}

}  // namespace lamina::fuzz
