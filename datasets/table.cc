#include "datasets/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>
#include <vector>

#include "datasets/held_out.h"
#include "lamina/check.h"
#include "lamina/memory.h"
#include "lamina/random.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLoadTable = "load_table";
constexpr const char* kNumbersNeedALoss = "; numbers are predicted with the loss squared, absolute or huber";
constexpr Index kMostCategories = 1000;
constexpr Index kMostForcedCategories = 1 << 16;
constexpr Index kFewCategories = 20;  // so many are never taken for names of rows

// A list of columns, each of which the table has.
std::vector<std::string> columns_in(const CsvTable& table, const std::string& list) {
  if (list.empty()) return {};
  if (table.find(list)) return {list};
  std::vector<std::string> names;
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t end = std::min(list.find(',', start), list.size());
    names.push_back(list.substr(start, end - start));
    column_of(table, names.back());
    if (std::count(names.begin(), names.end(), names.back()) > 1)
      fail_file(kLoadTable, table.path(), "expected each column once, got ", quoted_cell(names.back()), " twice");
    start = end + 1;
  }
  return names;
}

bool lists(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Sorted by value if all are numbers, else by bytes.
std::vector<std::string> sorted(const std::unordered_set<std::string_view>& texts) {
  std::vector<std::pair<double, std::string>> keyed;
  bool numbers = true;
  for (const std::string_view text : texts) {
    keyed.emplace_back(number_in(text), text);
    numbers = numbers && !std::isnan(keyed.back().first);
  }
  if (!numbers)
    for (auto& [number, text] : keyed) number = 0;
  std::sort(keyed.begin(), keyed.end());
  std::vector<std::string> result;
  result.reserve(keyed.size());
  for (auto& [number, text] : keyed) result.push_back(std::move(text));
  return result;
}

// Finds the preparation of a table in its training rows.
class Fit {
 public:
  Fit(const CsvTable& table, const TableOptions& options)
      : table_(table), options_(options), targets_(columns_in(table, options.target)) {
    if (targets_.empty())
      fail_file(kLoadTable, table.path(), "expected a column to predict (--target COLUMN), got none");
    ignored_ = columns_in(table, options.ignore_columns);
    forced_ = columns_in(table, options.categories);
    for (const auto* names : {&ignored_, &forced_})
      for (const std::string& name : *names)
        if (lists(targets_, name))
          fail_file(kLoadTable, table.path(), "expected the target ", quoted_cell(name),
                    " not to be among the columns ", names == &ignored_ ? "to ignore" : "of categories");
    if (!options.split_column.empty()) {
      column_of(table, options.split_column);
      ignored_.push_back(options.split_column);
    }
    found_.kind = options.kind;
    if (options.kind == TableTarget::classes) found_.targets = {classes()};
  }

  const TablePreparation& with_classes() const { return found_; }

  TablePreparation fit(const std::vector<Index>& rows) {
    if (options_.kind != TableTarget::classes)
      for (const std::string& name : targets_) {
        TableColumn target{.name = name};
        const Index place = column_of(table_, name);
        if (options_.kind == TableTarget::numbers) {
          if (const Index row = first_text(rows, place); row >= 0)
            fail_cell(table_, row, name, "expected a number, found " + quoted_cell(table_.cell(row, place)));
          standardise(target, rows, place);
        }
        found_.targets.push_back(target);
      }
    for (Index place = 0; place < static_cast<Index>(table_.columns().size()); ++place) {
      const std::string& name = table_.columns()[static_cast<std::size_t>(place)];
      if (!lists(targets_, name) && !lists(ignored_, name)) found_.inputs.push_back(input(name, rows, place));
    }
    if (found_.inputs.empty())
      fail_file(kLoadTable, table_.path(), "expected columns besides the target that the net can see, found none");
    check_fits_memory();
    return found_;
  }

 private:
  TableColumn classes() const {
    if (targets_.size() > 1)
      fail_file(kLoadTable, table_.path(), "expected one column of classes to predict, got ", targets_.size());
    const std::string& name = targets_.front();
    const Index place = column_of(table_, name);
    std::unordered_set<std::string_view> texts;
    for (Index row = 0; row < table_.rows(); ++row) {
      const std::string_view cell = table_.cell(row, place);
      if (is_empty_cell(cell))
        fail_cell(
            table_, row, name,
            "expected a class, found " + (cell.empty() ? "an empty cell" : "the empty cell " + quoted_cell(cell)));
      if (const double number = number_in(cell); number != std::floor(number))  // NaN, a text, is equal to nothing
        if (!std::isnan(number))
          fail_cell(
              table_, row, name,
              "expected classes, which are texts or whole numbers, found " + quoted_cell(cell) + kNumbersNeedALoss);
      texts.insert(cell);
    }
    TableColumn column{.name = name, .is_number = false, .categories = sorted(texts)};
    const auto count = static_cast<Index>(texts.size());
    if (count < 2)
      fail_file(kLoadTable, table_.path(), "column ", quoted_cell(name), ": expected 2 classes or more, found ", count);
    if (count > kMostCategories || (count > kFewCategories && 5 * count > table_.rows()))
      fail_file(kLoadTable, table_.path(), "column ", quoted_cell(name),
                ": expected classes of several rows each, found ", count, " in ", table_.rows(), " rows",
                kNumbersNeedALoss);
    return column;
  }

  // The first of these rows, as the file has them, whose cell is neither empty nor a number; -1 if there is none.
  Index first_text(const std::vector<Index>& rows, Index place) const {
    Index first = -1;
    for (const Index row : rows) {
      const std::string_view cell = table_.cell(row, place);
      if ((first < 0 || row < first) && !is_empty_cell(cell) && std::isnan(number_in(cell))) first = row;
    }
    return first;
  }

  TableColumn input(const std::string& name, const std::vector<Index>& rows, Index place) const {
    TableColumn column{.name = name};
    const bool forced = lists(forced_, name);
    const Index text = first_text(rows, place);
    if (!forced && text < 0) {
      standardise(column, rows, place);
      return column;
    }
    if (!forced) check_decimal_commas(name, rows, place);
    std::unordered_set<std::string_view> texts;
    for (const Index row : rows) {
      const std::string_view cell = table_.cell(row, place);
      texts.insert(is_empty_cell(cell) ? kEmptyCategory : cell);
    }
    column.is_number = false;
    column.categories = sorted(texts);
    const auto count = static_cast<Index>(texts.size()), num_rows = static_cast<Index>(rows.size());
    const bool many = count > kMostCategories || (count > kFewCategories && 2 * count > num_rows);
    if (forced ? count > kMostForcedCategories : many)
      fail_file(kLoadTable, table_.path(), "column ", quoted_cell(name),
                ": expected numbers or a few categories, found ", count, " texts in ", num_rows,
                " training rows, such as ", quoted_cell(table_.cell(std::max<Index>(text, 0), place)), " in line ",
                table_.line(std::max<Index>(text, 0)), "; --ignore-columns leaves the column out");
    return column;
  }

  // Fails for a column whose cells all are numbers if a comma stands for the point.
  void check_decimal_commas(const std::string& name, const std::vector<Index>& rows, Index place) const {
    Index first = -1;
    for (const Index row : rows) {
      std::string cell(table_.cell(row, place));
      if (is_empty_cell(cell)) continue;
      if (const std::size_t comma = cell.find(','); comma != std::string::npos) {
        cell[comma] = '.';
        if (first < 0 || row < first) first = row;
      }
      if (std::isnan(number_in(cell))) return;
    }
    if (first >= 0)
      fail_cell(table_, first, name,
                "expected numbers with a decimal point, found " + quoted_cell(table_.cell(first, place)) +
                    "; --categories makes categories of the column");
  }

  void standardise(TableColumn& column, const std::vector<Index>& rows, Index place) const {
    std::vector<double> numbers;
    for (const Index row : rows) {
      const std::string_view cell = table_.cell(row, place);
      if (is_empty_cell(cell)) continue;
      numbers.push_back(number_in(cell));
      if (std::isinf(numbers.back()))
        fail_cell(table_, row, column.name,
                  "expected a number that double precision holds, found " + quoted_cell(cell));
    }
    column.mean = column.deviation = 0;
    if (numbers.empty()) return;
    const auto count = static_cast<double>(numbers.size());
    const auto [least, most] = std::minmax_element(numbers.begin(), numbers.end());
    column.mean = *least;
    if (*least == *most) return;
    double sum = 0, squares = 0;
    for (const double number : numbers) sum += number / count;
    for (const double number : numbers) squares += (number - sum) * (number - sum) / count;
    column.mean = sum;
    column.deviation = std::sqrt(squares);
    if (!std::isfinite(column.deviation))
      fail_file(kLoadTable, table_.path(), "column ", quoted_cell(column.name),
                ": expected numbers whose squares double precision holds, found up to ", std::max(*most, -*least));
  }

  void check_fits_memory() const {
    const double bytes = 8.0 * static_cast<double>(table_.rows()) * static_cast<double>(found_.num_inputs());
    const double has = machine_memory();
    if (bytes > 0.5 * has)
      fail_file(kLoadTable, table_.path(), "expected rows that fit into the machine's ", std::llround(has / 1e9),
                " GB of memory, found ", table_.rows(), " rows that become ", found_.num_inputs(), " numbers each");
  }

  const CsvTable& table_;
  const TableOptions& options_;
  std::vector<std::string> targets_, ignored_, forced_;
  TablePreparation found_;
};

using RowParts = std::array<std::vector<Index>, 3>;  // the rows for training, validation and testing

// What a split column says of a row: 0, 1 or 2.
std::size_t part_of(const CsvTable& table, Index row, Index place) {
  constexpr std::array<std::array<std::string_view, 3>, 3> kWords = {
      {{"train", "training", "train"}, {"val", "valid", "validation"}, {"test", "testing", "test"}}};
  std::string text(table.cell(row, place));
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (std::size_t part = 0; part < kWords.size(); ++part)
    for (const std::string_view word : kWords[part])
      if (text == word) return part;
  fail_cell(table, row, table.columns()[static_cast<std::size_t>(place)],
            "expected train, val or test, found " + quoted_cell(table.cell(row, place)));
}

// `classes`: of all rows; none if they are not drawn class by class.
RowParts divide_rows(const CsvTable& table, const TableOptions& options, const std::vector<Label>& classes) {
  RowParts parts;
  std::vector<Index> drawn = all_rows(table);  // the rows among which those are that are held out
  double test_fraction = options.test_fraction;
  if (!options.split_column.empty()) {
    const Index place = column_of(table, options.split_column);
    for (const Index row : drawn) parts[part_of(table, row, place)].push_back(row);
    drawn.clear();
    if (parts[1].empty()) drawn.swap(parts[0]);
    test_fraction = 0;
  }
  RandomState random(options.split_seed);
  std::vector<std::vector<Index>> groups(1);
  for (const Index row : drawn) {
    const auto group = classes.empty() ? 0 : static_cast<std::size_t>(classes[static_cast<std::size_t>(row)]);
    if (group >= groups.size()) groups.resize(group + 1);
    groups[group].push_back(row);
  }
  for (const std::vector<Index>& rows : groups) {
    const auto [order, num_val, num_test] =
        hold_out(static_cast<Index>(rows.size()), options.val_fraction, test_fraction, random);
    for (Index i = 0; i < static_cast<Index>(rows.size()); ++i)
      parts[i < num_val              ? 1
            : i < num_val + num_test ? 2
                                     : 0]
          .push_back(rows[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);
  }
  random.shuffle(std::span<Index>(parts[0]));
  if (parts[0].empty()) fail_file(kLoadTable, table.path(), "expected rows to train on, found none");
  if (parts[1].empty())
    fail_file(kLoadTable, table.path(),
              "expected rows for validation, found none: there are too few, or the fraction for validation is 0");
  return parts;
}

Split rows_of(const CsvTable& table, const std::vector<Index>& rows, const TablePreparation& preparation,
              const UnknownCells& unknown) {
  Split split;
  split.X = Examples(preparation.read_inputs(table, rows, unknown));
  if (preparation.kind == TableTarget::classes)
    split.y = preparation.read_classes(table, rows);
  else
    split.targets = std::make_shared<const Tensor<double>>(preparation.read_targets(table, rows));
  return split;
}

Dataset empty_dataset(const fs::path& path, const TablePreparation& preparation) {
  Dataset data;
  data.name = path.filename().string();
  data.preparation = to_json(preparation);
  if (preparation.kind == TableTarget::classes)
    data.class_names = preparation.targets.front().categories;
  else
    for (const TableColumn& target : preparation.targets) data.target_names.push_back(target.name);
  return data;
}

}  // namespace

bool is_table(const fs::path& path) {
  std::error_code error;
  return is_csv(path) && !fs::is_directory(path, error);
}

Dataset load_table(const fs::path& path, const TableOptions& options) {
  check_fractions(kLoadTable, options.val_fraction, options.test_fraction);
  const CsvTable table = read_csv(path);
  std::optional<Fit> fit;
  if (!options.known) fit.emplace(table, options);
  const TablePreparation& first = options.known ? *options.known : fit->with_classes();
  std::vector<Label> classes;
  if (first.kind == TableTarget::classes) classes = first.read_classes(table, all_rows(table));
  const RowParts parts = divide_rows(table, options, classes);
  const TablePreparation preparation = options.known ? *options.known : fit->fit(parts[0]);
  Dataset data = empty_dataset(path, preparation);
  const UnknownCells unknown = {.allowed = true, .say = options.say};
  data.train = rows_of(table, parts[0], preparation, unknown);
  data.val = rows_of(table, parts[1], preparation, unknown);
  data.test = rows_of(table, parts[2], preparation, unknown);
  return data;
}

Dataset load_whole_table(const fs::path& path, const TablePreparation& known, const UnknownCells& unknown) {
  const CsvTable table = read_csv(path);
  Dataset data = empty_dataset(path, known);
  data.train = data.val = rows_of(table, {}, known, unknown);
  data.test = rows_of(table, all_rows(table), known, unknown);
  return data;
}

}  // namespace lamina
