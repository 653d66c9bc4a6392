#include "datasets/csv.h"

#include "tests/datasets/data_testing.h"

namespace lamina {
namespace {

using namespace lamina::testing;

class Csv : public ::testing::Test {
 protected:
  CsvTable read(const std::string& text) const {
    write_bytes(path(), text);
    return read_csv(path());
  }
  /// All cells, each row with its line: "2: a|b".
  std::vector<std::string> rows(const std::string& text) const {
    const CsvTable table = read(text);
    std::vector<std::string> all;
    for (Index row = 0; row < table.rows(); ++row) {
      all.push_back(std::to_string(table.line(row)) + ":");
      for (Index c = 0; c < static_cast<Index>(table.columns().size()); ++c)
        all.back() += (c == 0 ? " " : "|") + std::string(table.cell(row, c));
    }
    return all;
  }
  std::string error(const std::string& text) const {
    const std::string said = thrown([&] { read(text); }), start = "[read_csv] " + path().string() + ": ";
    return said.starts_with(start) ? said.substr(start.size()) : said;
  }
  fs::path path() const { return temporary_.path() / "t.csv"; }
  TemporaryDirectory temporary_{quick_place()};
};

using Rows = std::vector<std::string>;

TEST_F(Csv, PlainRows) {
  const CsvTable table = read("a,b\n1,2\n3,\n");
  EXPECT_EQ(table.columns(), (Rows{"a", "b"}));
  EXPECT_EQ(table.separator(), ',');
  EXPECT_EQ(table.find("b"), 1);
  EXPECT_EQ(table.find("c"), std::nullopt);
  EXPECT_EQ(rows("a,b\n1,2\n3,\n"), (Rows{"2: 1|2", "3: 3|"}));
  EXPECT_EQ(rows("a,b\n1,2\n,"), (Rows{"2: 1|2", "3: |"}));  // no end of the last line
  EXPECT_EQ(rows("a\n1\n2"), (Rows{"2: 1", "3: 2"}));
}

TEST_F(Csv, QuotedCells) {
  EXPECT_EQ(rows("a,b\n\"x,\"\"y\"\"\", \"two\nlines\" \nnext,5\" disk\n"),
            (Rows{"2: x,\"y\"|two\nlines", "4: next|5\" disk"}));
  EXPECT_EQ(rows("\"a\",\"b\"\n\"\",\" x \"\n"), (Rows{"2: | x "}));
  EXPECT_EQ(rows("a,b\n\"1\r\n2\",3\r\n4,5\r\n"), (Rows{"2: 1\r\n2|3", "4: 4|5"}));
}

TEST_F(Csv, SeparatorsOfTheHeader) {
  EXPECT_EQ(rows("a;b\n1,5;2\n"), (Rows{"2: 1,5|2"}));
  EXPECT_EQ(rows("a\tb\n1, 5 \t2\n\t\n"), (Rows{"2: 1, 5|2", "3: |"}));
  EXPECT_EQ(rows("\"x;y;z\",b\n1,2\n"), (Rows{"2: 1|2"}));  // those in quotes do not count
  EXPECT_EQ(rows("\"x\"\";y;z\",b\n1,2\n"), (Rows{"2: 1|2"}));
  EXPECT_EQ(rows("5\";b;c\n1;2;3\n"), (Rows{"2: 1|2|3"}));  // a quote inside a cell begins none
}

TEST_F(Csv, LineEndsBlankLinesAndTheByteOrderMark) {
  EXPECT_EQ(rows("\xef\xbb\xbf"
                 "a,b\r\n1,2\r\n\r\n3,4\r\n"),
            (Rows{"2: 1|2", "4: 3|4"}));
  EXPECT_EQ(rows("a,b\r1,2\r\r3,4\r"), (Rows{"2: 1|2", "4: 3|4"}));
  EXPECT_EQ(rows("\n  \na,b\n\n 1 , 2 \n   \n"), (Rows{"5: 1|2"}));
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "a,b\n1,2\n")
                .columns(),
            (Rows{"a", "b"}));
}

TEST_F(Csv, ColumnsWithoutAName) { EXPECT_EQ(read(",a,\n1,2,3\n").columns(), (Rows{"unnamed 1", "a", "unnamed 3"})); }

TEST_F(Csv, UnicodeStaysAsItIs) {
  EXPECT_EQ(rows("gr\xc3\xb6\xc3\x9f"
                 "e,\xf0\x9f\x90\x9c\n\xe2\x82\xac,\xf4\x8f\xbf\xbf\n"),
            (Rows{"2: \xe2\x82\xac|\xf4\x8f\xbf\xbf"}));
}

TEST_F(Csv, GzippedFiles) {
  const fs::path path = temporary_.path() / "t.csv.gz";
  const gzFile file = gzopen(path.c_str(), "wb");
  gzputs(file, "a,b\n1,2\n");
  gzclose(file);
  EXPECT_EQ(read_csv(path).cell(0, 1), "2");
  std::string bytes = read_bytes(path);
  write_bytes(path, bytes.substr(0, bytes.size() - 9));
  EXPECT_EQ(thrown([&] { read_csv(path); }),
            "[read_csv] " + path.string() + ": expected a table, found the gzipped data ends too early");
}

TEST_F(Csv, ErrorsNameTheLine) {
  EXPECT_EQ(error(""), "expected a header and rows, found an empty file");
  EXPECT_EQ(error("\xef\xbb\xbf\n\n"), "expected a header and rows, found an empty file");
  EXPECT_EQ(error("a,b\n\n"), "expected rows below the header, found none");
  EXPECT_EQ(error("a,b\n1,2\n\n3\n"), "line 4: expected 2 cells as in the header, found 1");
  EXPECT_EQ(error("a\n1,2\n"), "line 2: expected 1 cell as in the header, found 2");
  EXPECT_EQ(error("a,b\n\"1\n\n\",2,3\n"), "line 2: expected 2 cells as in the header, found 3");
  EXPECT_EQ(error("a,b\n1,\n3,\"4\n5,6\n"),
            "line 3: expected the quote to be closed that begins here, found the end of the file");
  EXPECT_EQ(error("a,b\n\"1\"x,2\n"), "line 2: expected a separator after the closing quote, found other text");
  EXPECT_EQ(error("a,b, a\n1,2,3\n"), "line 1: expected a name for each column of its own, found two columns 'a'");
  EXPECT_EQ(error(std::string("a,b\n1,2\n3,\0\n", 12)),
            "line 3: expected text in UTF-8, found a NUL byte, as files in UTF-16 have them");
  for (const char* bad :
       {"\xe4", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5", "\xc3", "\xe2\x82", "\x80"})
    EXPECT_EQ(error("a,b\r\n1,2\r\n3," + std::string(bad)), "line 3: expected text in UTF-8, found other bytes") << bad;
  EXPECT_EQ(thrown([&] { read_csv(temporary_.path() / "none.csv"); }),
            "[read_csv] " + (temporary_.path() / "none.csv").string() + ": expected a file, found none");
}

TEST_F(Csv, CellsAreWrittenAsTheyAreRead) {
  for (const std::string cell : {"", "plain", "a,b", "a;b", "\"", "x\ny", "\r", " x", "x\t", "5\" disk", "\"\""}) {
    for (const char separator : {',', ';', '\t'}) {
      const std::string text = std::string("a") + separator + "b\n" + csv_cell(cell) + separator + "1\n";
      EXPECT_EQ(read(text).cell(0, 0), cell) << text;
    }
  }
  EXPECT_EQ(csv_cell("a b"), "a b");
  EXPECT_EQ(csv_cell("say \"x\""), "\"say \"\"x\"\"\"");
}

TEST(CsvNames, AreThoseOfTables) {
  for (const char* name : {"a.csv", "A.CSV", "dir/x.tsv", "x.csv.gz", "x.TSV.GZ"}) EXPECT_TRUE(is_csv(name)) << name;
  for (const char* name : {"csv", "a.txt", "a.csv.zip", "a.gz", "a.csv/b"}) EXPECT_FALSE(is_csv(name)) << name;
}

TEST(CsvErrors, QuoteCellsOnOneLine) {
  EXPECT_EQ(quoted_cell("a\nb"), "'a b'");
  EXPECT_EQ(quoted_cell(std::string(59, 'x') + "\xc3\xa4"), "'" + std::string(59, 'x') + "...'");
}

}  // namespace
}  // namespace lamina
