#include "datasets/table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "datasets/load.h"
#include "tests/datasets/data_testing.h"

namespace lamina {
namespace {

using namespace lamina::testing;

using Words = std::vector<std::string>;

class Table : public ::testing::Test {
 protected:
  const fs::path& write(const std::string& text, const std::string& name = "t.csv") {
    path_ = temporary_.path() / name;
    write_bytes(path_, text);
    return path_;
  }
  std::string error(const std::string& text, const TableOptions& options) {
    write(text);
    return untagged(thrown([&] { load_table(path_, options); }));
  }
  std::string untagged(const std::string& said) const {
    const std::string start = "[load_table] " + path_.string() + ": ";
    return said.starts_with(start) ? said.substr(start.size()) : said;
  }
  TemporaryDirectory temporary_{quick_place()};
  fs::path path_;
};

// A table with a split of its own: `train`, then a row for validation and one for testing.
std::string with_split(const std::string& header, const Words& train, const std::string& val, const std::string& test) {
  std::string text = header + ",part\n";
  for (const std::string& row : train) text += row + ",train\n";
  return text + val + ",valid\n" + test + ",Test\n";
}

std::vector<double> row_of(const Split& split, Index row) {
  Tensor<double> X;
  split.X.slice(row, 1, X);
  return {X.begin(), X.end()};
}

TablePreparation preparation_of(const Dataset& data) { return table_preparation_from_json(data.preparation); }

const TableOptions kOwnSplit = {.target = "y", .split_column = "part"};

TEST_F(Table, NumbersAreStandardisedByTheTrainingRows) {
  const Dataset data =
      load_table(write(with_split("x,c,y", {"1,7,a", "3,7,b", ",7,a", "8,7,b"}, "1000,9,b", ",NA,a")), kOwnSplit);
  const TablePreparation found = preparation_of(data);
  ASSERT_EQ(found.inputs.size(), 2u);
  EXPECT_EQ(found.inputs[0].mean, 4);
  const double deviation = std::sqrt((9.0 + 1 + 16) / 3);
  EXPECT_DOUBLE_EQ(found.inputs[0].deviation, deviation);
  EXPECT_EQ(data.example_shape(), (Shape{2, 1, 1}));
  EXPECT_EQ(data.train.size(), 4);
  double sum = 0, squares = 0;
  for (Index i = 0; i < 4; ++i) {
    const double x = row_of(data.train, i)[0];
    sum += x;
    squares += x * x;
    EXPECT_EQ(row_of(data.train, i)[1], 0) << "a constant column";
  }
  EXPECT_NEAR(sum, 0, 1e-14);
  EXPECT_NEAR(squares, 3, 1e-14) << "three numbers, and 0 for the empty cell";
  EXPECT_DOUBLE_EQ(row_of(data.val, 0)[0], (1000 - 4) / deviation);
  EXPECT_EQ(row_of(data.val, 0)[1], 0);
  EXPECT_EQ(row_of(data.test, 0), (std::vector<double>{0, 0}));
  EXPECT_EQ(data.class_names, (Words{"a", "b"}));
  EXPECT_EQ(data.val.y, (std::vector<Label>{1}));
  EXPECT_EQ(data.test.y, (std::vector<Label>{0}));
  EXPECT_EQ(data.name, "t.csv");
}

TEST_F(Table, ConstantColumnsAreZeroWhateverTheyRoundTo) {
  const Dataset data = load_table(write(with_split("x,y", {"0.1,a", "0.1,b", "0.1,a"}, "0.1,b", "5,a")), kOwnSplit);
  EXPECT_EQ(preparation_of(data).inputs[0].deviation, 0);
  EXPECT_EQ(row_of(data.test, 0)[0], 0);
}

TEST_F(Table, CategoriesAreSortedAndOneHot) {
  Words lines;
  const Dataset data = load_table(
      write(with_split("k,y", {"red,a", ",b", "blue,a", "green,b"}, "violet,b", "red,a")),
      {.target = "y", .split_column = "part", .say = [&](std::string_view line) { lines.emplace_back(line); }});
  const TablePreparation found = preparation_of(data);
  EXPECT_EQ(found.inputs[0].categories, (Words{"(empty)", "blue", "green", "red"}));
  EXPECT_EQ(row_of(data.test, 0), (std::vector<double>{0, 0, 0, 1}));
  EXPECT_EQ(row_of(data.val, 0), (std::vector<double>{0, 0, 0, 0}));
  EXPECT_EQ(lines,
            (Words{"1 cell has a category that no training row has, which counts as none; the first: 'violet' in "
                   "line 6, column 'k'"}));
  const CsvTable table = read_csv(path_);
  EXPECT_EQ(untagged(thrown([&] { found.read_inputs(table, all_rows(table)); })),
            "line 6, column 'k': expected one of the 4 categories of the training rows ('(empty)', 'blue', 'green', "
            "'red'), found 'violet'");
}

TEST_F(Table, WhatIsANumber) {
  for (const auto& [text, number] :
       std::map<std::string, double>{{"1", 1}, {"-1.5e3", -1500}, {"+.5", 0.5}, {"1e-999", 0}, {"007", 7}})
    EXPECT_EQ(number_in(text), number) << text;
  EXPECT_TRUE(std::isinf(number_in("1e999")));
  for (const char* text : {"", "x", "1x", "0x10", "inf", "-nan", "1,5", "1 000", "+-1", "--1", "1e", "."})
    EXPECT_TRUE(std::isnan(number_in(text))) << text;
  for (const char* text : {"", "NA", "na", "NaN"}) EXPECT_TRUE(is_empty_cell(text)) << text;
  for (const char* text : {"0", "none", "N"}) EXPECT_FALSE(is_empty_cell(text)) << text;
}

TEST_F(Table, NumericCodesCanBeCategories) {
  const Dataset data =
      load_table(write(with_split("zip,x,y", {"10,1,a", "9,2,b", "10,3,a", "9,4,b"}, "9,1,a", "10,1,b")),
                 {.target = "y", .categories = "zip", .split_column = "part"});
  EXPECT_EQ(preparation_of(data).inputs[0].categories, (Words{"9", "10"})) << "by value";
  EXPECT_EQ(data.example_shape(), (Shape{3, 1, 1}));
}

TEST_F(Table, ClassesOfNumbersAreInTheirOrder) {
  const Dataset data = load_table(write(with_split("x,y", {"1,10", "2,9", "3,-1"}, "1,9", "2,10")), kOwnSplit);
  EXPECT_EQ(data.class_names, (Words{"-1", "9", "10"}));
  EXPECT_EQ(data.test.y, (std::vector<Label>{2}));
}

TEST_F(Table, NumericTargetsAreStandardisedAndHaveTheirUnits) {
  const TableOptions options = {.target = "y,z", .split_column = "part", .kind = TableTarget::numbers};
  const Dataset data =
      load_table(write(with_split("x,y,z", {"1,10,5", "2,20,5", "3,30,5"}, "1,40,6", "2,20,5")), options);
  EXPECT_EQ(data.target_names, (Words{"y", "z"}));
  EXPECT_TRUE(data.class_names.empty());
  const TablePreparation found = preparation_of(data);
  ASSERT_NE(data.val.targets, nullptr);
  EXPECT_EQ(data.val.targets->shape(), (Shape{1, 2}));
  EXPECT_DOUBLE_EQ((*data.val.targets)[0], 20 / std::sqrt(200.0 / 3));
  EXPECT_EQ((*data.val.targets)[1], 0);
  EXPECT_DOUBLE_EQ(found.in_unit((*data.val.targets)[0], 0), 40);
  EXPECT_EQ(found.in_unit(3, 1), 5);
  EXPECT_EQ(error("x,y\n1,2\n2,\n3,4\n4,5\n", {.target = "y", .kind = TableTarget::numbers}),
            "line 3, column 'y': expected a number, found an empty cell");
  EXPECT_EQ(error("x,y\n1,2\n2,u\n3,4\n4,5\n", {.target = "y", .kind = TableTarget::numbers}),
            "line 3, column 'y': expected a number, found 'u'");
}

TEST_F(Table, LabelsAreZerosAndOnes) {
  const TableOptions options = {.target = "p,q", .split_column = "part", .kind = TableTarget::labels};
  const Dataset data =
      load_table(write(with_split("x,p,q", {"1,0,yes", "2,1,no"}, "1,1.0,True", "2,0,FALSE")), options);
  EXPECT_EQ((*data.val.targets)[0], 1);
  EXPECT_EQ((*data.val.targets)[1], 1);
  EXPECT_EQ((*data.test.targets)[0], 0);
  EXPECT_EQ((*data.test.targets)[1], 0);
  EXPECT_EQ(preparation_of(data).targets[1].deviation, 1);
  EXPECT_EQ(error(with_split("x,p,q", {"1,0,2", "2,1,1"}, "1,1,1", "2,0,0"), options),
            "line 2, column 'q': expected a label of 0 or 1, no or yes, false or true, found '2'");
}

// 40 rows of class a and 20 of class b, each with its number.
std::string numbered() {
  std::string text = "n,y\n";
  for (int i = 0; i < 60; ++i) text += std::to_string(i) + (i % 3 == 0 ? ",b\n" : ",a\n");
  return text;
}

TEST_F(Table, SplitsAreStratifiedAndDrawnBySeed) {
  write(numbered());
  const auto parts = [&](std::uint32_t seed) {
    const Dataset data =
        load_table(path_, {.target = "y", .split_seed = seed, .val_fraction = 0.2, .test_fraction = 0.1});
    const TableColumn column = preparation_of(data).inputs[0];
    std::vector<std::multiset<int>> found;
    for (const Split* split : {&data.train, &data.val, &data.test}) {
      found.emplace_back();
      for (Index i = 0; i < split->size(); ++i) {
        const int n = static_cast<int>(std::lround(column.mean + row_of(*split, i)[0] * column.deviation));
        EXPECT_EQ(split->y[static_cast<std::size_t>(i)], n % 3 == 0);
        found.back().insert(n);
      }
    }
    EXPECT_EQ(std::count(data.val.y.begin(), data.val.y.end(), 0), 8);
    EXPECT_EQ(std::count(data.val.y.begin(), data.val.y.end(), 1), 4);
    EXPECT_EQ(std::count(data.test.y.begin(), data.test.y.end(), 0), 4);
    EXPECT_EQ(std::count(data.test.y.begin(), data.test.y.end(), 1), 2);
    return found;
  };
  const auto first = parts(0);
  std::set<int> all;
  for (const auto& part : first) all.insert(part.begin(), part.end());
  EXPECT_EQ(all.size(), 60u);
  EXPECT_EQ(first, parts(0));
  EXPECT_NE(first, parts(1));
}

TEST_F(Table, ASplitColumnWithoutValidationHoldsItOut) {
  std::string text = "x,y,part\n";
  for (int i = 0; i < 20; ++i) text += std::to_string(i) + (i % 2 ? ",a,training\n" : ",b,TRAIN\n");
  const Dataset data = load_table(write(text + "1,a,testing\n"), kOwnSplit);
  EXPECT_EQ(data.train.size(), 18);
  EXPECT_EQ(data.val.size(), 2);
  EXPECT_EQ(data.test.size(), 1);
}

TEST_F(Table, AKnownPreparationIsUsedAsItIs) {
  const Dataset before = load_table(write(with_split("x,k,y", {"1,u,a", "3,v,b"}, "1,u,b", "2,v,a")), kOwnSplit);
  const TablePreparation known = preparation_of(before);
  // Other rows, with the columns in another order and one more.
  const Dataset data = load_whole_table(write("extra;y;k;x\n?;b;v;5\n?;a;u;2\n", "new.csv"), known);
  EXPECT_EQ(data.test.size(), 2);
  EXPECT_EQ(row_of(data.test, 0), (std::vector<double>{3, 0, 1}));
  EXPECT_EQ(row_of(data.test, 1), (std::vector<double>{0, 1, 0}));
  EXPECT_EQ(data.test.y, (std::vector<Label>{1, 0}));
  EXPECT_EQ(data.preparation, before.preparation);
  TableOptions options = kOwnSplit;
  options.known = known;
  const Dataset again = load_table(write(with_split("x,k,y", {"10,u,a", "30,v,b"}, "1,u,b", "5,v,a")), options);
  EXPECT_EQ(row_of(again.test, 0)[0], 3);
  const auto refused = [&](const std::string& text) {
    write(text);
    return untagged(thrown([&] { load_whole_table(path_, known); }));
  };
  EXPECT_EQ(refused("x,y\n1,a\n"), "expected a column 'k', found 'x', 'y'");
  EXPECT_EQ(refused("x,k,y\n1,u,a\none,u,a\n"), "line 3, column 'x': expected a number, found 'one'");
  EXPECT_EQ(refused("x,k,y\n1,u,c\n"), "line 2, column 'y': expected one of the classes 'a', 'b', found 'c'");
  EXPECT_EQ(
      refused("x,k,y\n1,,a\n"),
      "line 2, column 'k': expected one of the 2 categories of the training rows ('u', 'v'), found an empty cell");
}

TEST_F(Table, ThePreparationIsKeptAsText) {
  TablePreparation made;
  made.inputs = {{.name = "gr\xc3\xb6\xc3\x9f"
                          "e \"q\"",
                  .mean = 0.1,
                  .deviation = 1.0 / 3},
                 {.name = "k", .is_number = false, .categories = {"", "\n", "x"}}};
  made.targets = {{.name = "y", .is_number = false, .categories = {"a", "b"}}};
  const TablePreparation read = table_preparation_from_json(to_json(made));
  EXPECT_EQ(to_json(read), to_json(made));
  EXPECT_EQ(read.inputs[0].name, made.inputs[0].name);
  EXPECT_EQ(read.inputs[0].deviation, 1.0 / 3);
  EXPECT_EQ(read.inputs[1].categories, made.inputs[1].categories);
  EXPECT_EQ(read.num_inputs(), 4);
  for (
      const char* text :
      {"", "{}", R"({"target":"classes","inputs":[],"targets":[]})", R"({"target":"x","inputs":[],"targets":[]})",
       R"({"target":"numbers","inputs":[{"name":"a"}],"targets":[{"name":"y","mean":0,"deviation":1}]})",
       R"({"target":"numbers","inputs":[{"name":"a","mean":0,"deviation":-1}],"targets":[{"name":"y","mean":0,"deviation":1}]})",
       R"({"target":"numbers","inputs":[{"name":"a","categories":[]}],"targets":[{"name":"y","mean":0,"deviation":1}]})",
       R"({"target":"classes","inputs":[{"name":"a","mean":0,"deviation":1}],"targets":[{"name":"y","mean":0,"deviation":1}]})"})
    EXPECT_THROW(table_preparation_from_json(text), std::invalid_argument) << text;
}

TEST_F(Table, ErrorsNameLineAndColumn) {
  const TableOptions y = {.target = "y"};
  EXPECT_EQ(error("x,y\n1,a\n", {}), "expected a column to predict (--target COLUMN), got none");
  EXPECT_EQ(error("size,y\n1,a\n", {.target = "sise"}),
            "expected a column 'sise', found 'size', 'y'; did you mean size?");
  EXPECT_EQ(error("x,y\n1,a\n2,\n", y), "line 3, column 'y': expected a class, found an empty cell");
  EXPECT_EQ(error("x,y\n1,a\n2,NA\n", y), "line 3, column 'y': expected a class, found the empty cell 'NA'");
  EXPECT_EQ(error("x,y\n1,a\n2,a\n", y), "column 'y': expected 2 classes or more, found 1");
  EXPECT_EQ(error("x,y\n1,1\n2,1.5\n", y),
            "line 3, column 'y': expected classes, which are texts or whole numbers, found '1.5'; numbers are "
            "predicted with the loss "
            "squared, absolute or huber");
  EXPECT_EQ(error("x,y,z\n1,1,2\n2,1,2\n", {.target = "y,z"}), "expected one column of classes to predict, got 2");
  EXPECT_EQ(error("x,y\n1,a\n2,b\n", {.target = "y,y"}), "expected each column once, got 'y' twice");
  EXPECT_EQ(error("x,y\n1,a\n2,b\n", {.target = "y", .ignore_columns = "y"}),
            "expected the target 'y' not to be among the columns to ignore");
  EXPECT_EQ(error("x,y\n1,a\n2,b\n", {.target = "y", .ignore_columns = "x", .val_fraction = 0.5}),
            "expected rows for validation, found none: there are too few, or the fraction for validation is 0");
  EXPECT_EQ(error("x,y\n1,a\n2,b\n3,a\n4,b\n", {.target = "y", .ignore_columns = "x"}),
            "expected columns besides the target that the net can see, found none");
  EXPECT_EQ(error("x,y,s\n1,a,train\n2,b,dev\n", {.target = "y", .split_column = "s"}),
            "line 3, column 's': expected train, val or test, found 'dev'");
  EXPECT_EQ(error("x,y,s\n1,a,val\n2,b,test\n", {.target = "y", .split_column = "s"}),
            "expected rows to train on, found none");
  EXPECT_EQ(error(with_split("x,y", {"1,a", "1e999,b"}, "1,a", "1,a"), kOwnSplit),
            "line 3, column 'x': expected a number that double precision holds, found '1e999'");
  EXPECT_EQ(error(with_split("x,y", {"1e308,a", "-1e308,b"}, "1,a", "1,a"), kOwnSplit),
            "column 'x': expected numbers whose squares double precision holds, found up to 1e+308");
  EXPECT_EQ(
      error("x;y;part\n1,5;a;train\n2;b;train\n3;a;val\n", kOwnSplit),
      "line 2, column 'x': expected numbers with a decimal point, found '1,5'; --categories makes categories of the "
      "column");
  EXPECT_EQ(error(with_split("x,y", {"1,a", "2,b"}, "one,a", "1,a"), kOwnSplit),
            "line 4, column 'x': expected a number, found 'one'");
}

TEST_F(Table, AColumnThatNamesEachRowIsNoCategory) {
  std::string text = "id,x,y,part\n";
  for (int i = 0; i < 50; ++i)
    text += "row" + std::to_string(i) + ",1," + (i % 2 ? "a" : "b") + (i < 40 ? ",train\n" : ",val\n");
  EXPECT_EQ(
      error(text, kOwnSplit),
      "column 'id': expected numbers or a few categories, found 40 texts in 40 training rows, such as 'row0' in line "
      "2; --ignore-columns leaves the column out");
  TableOptions options = kOwnSplit;
  options.ignore_columns = "id";
  EXPECT_EQ(load_table(path_, options).example_shape(), (Shape{1, 1, 1}));
  options = kOwnSplit;
  options.categories = "id";
  EXPECT_EQ(load_table(path_, options).example_shape(), (Shape{41, 1, 1}));
  EXPECT_EQ(error(text, {.target = "id"}),
            "column 'id': expected classes of several rows each, found 50 in 50 rows; "
            "numbers are predicted with the loss squared, absolute or huber");
}

TEST_F(Table, AListMayBeTheNameOfAColumn) {
  const Dataset data =
      load_table(write("\"a,b\",y\n1,u\n2,v\n3,u\n4,v\n5,u\n6,v\n"), {.target = "y", .categories = "a,b"});
  EXPECT_FALSE(preparation_of(data).inputs[0].is_number);
}

TEST_F(Table, LoadDatasetKnowsTablesByTheirName) {
  write(numbered());
  LoadOptions options;
  options.table.target = "y";
  EXPECT_EQ(load_dataset(path_.string(), {}, options).train.size(), 48);
  EXPECT_FALSE(has_own_splits(path_.string()));
  fs::create_directories(temporary_.path() / "folder.csv");
  EXPECT_FALSE(is_table(temporary_.path() / "folder.csv"));
}

}  // namespace
}  // namespace lamina
