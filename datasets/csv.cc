#include "datasets/csv.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "datasets/gz_file.h"
#include "lamina/check.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReadCsv = "read_csv";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kSeparators = ",;\t";
constexpr std::size_t kMostBytes = std::numeric_limits<std::uint32_t>::max();  // cells count in 32 bits

std::string read_text(const fs::path& path) {
  constexpr std::size_t kLeastPart = 1 << 16;
  GzFile file(kReadCsv, path);
  std::string text;
  std::size_t size = 0;
  for (;;) {
    text.resize(std::min(kMostBytes + 1, std::max(2 * size, kLeastPart)));
    const Index got = file.read(text.data() + size, static_cast<Index>(text.size() - size));
    if (got < 0) fail_file(kReadCsv, path, "expected a table, found ", file.error());
    size += static_cast<std::size_t>(got);
    if (size > kMostBytes) fail_file(kReadCsv, path, "expected a table of at most 4 GiB, found more");
    if (size < text.size()) break;
  }
  text.resize(size);
  return text;
}

// The length of the character in UTF-8 that `text`, which is not empty, begins with; 0 if it is none, or NUL.
std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  const std::size_t size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (size == 0 || text.size() < size) return 0;
  // What would be a longer form than needed, half of a surrogate pair, or beyond U+10FFFF.
  const unsigned least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < least || byte(1) > most) return 0;
  for (std::size_t i = 2; i < size; ++i)
    if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
  return size;
}

// Whether a line ends at text[at]: with LF, or with a CR that no LF follows.
bool ends_line(std::string_view text, std::size_t at) {
  return text[at] == '\n' || (text[at] == '\r' && (at + 1 == text.size() || text[at + 1] != '\n'));
}

void check_characters(const fs::path& path, std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t size = character_size(text.substr(at, 4));
    if (size == 0) break;
    at += size;
  }
  if (at == text.size()) return;
  Index line = 1;
  for (std::size_t i = 0; i < at; ++i) line += ends_line(text, i);
  if (text[at] == '\0')
    fail_file(kReadCsv, path, "line ", line,
              ": expected text in UTF-8, found a NUL byte, as files in UTF-16 have them");
  fail_file(kReadCsv, path, "line ", line, ": expected text in UTF-8, found other bytes");
}

// The separator of which the first line has most, outside quoted cells.
char find_separator(std::string_view text) {
  std::array<Index, kSeparators.size()> counts{};
  bool quoted = false, at_start = true;  // of a cell
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"') continue;
      if (i + 1 < text.size() && text[i + 1] == '"')
        ++i;
      else
        quoted = false;
      continue;
    }
    if (c == '\n' || c == '\r') break;
    const std::size_t separator = kSeparators.find(c);
    if (separator != std::string_view::npos) ++counts[separator];
    quoted = c == '"' && at_start;
    at_start = separator != std::string_view::npos || (c == ' ' && at_start);
  }
  return kSeparators[static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin())];
}

}  // namespace

/// Cuts the text of a table into cells.
class CsvReader {
 public:
  explicit CsvReader(const fs::path& path) {
    table_.path_ = path;
    table_.text_ = read_text(path);
    check_characters(path, table_.text_);
    if (std::string_view(table_.text_).starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  CsvTable read() {
    skip_blank_lines();
    if (at_ == text().size()) fail_file(kReadCsv, table_.path_, "expected a header and rows, found an empty file");
    table_.separator_ = find_separator(text().substr(at_));
    read_header();
    while (skip_blank_lines(), at_ < text().size()) {
      table_.lines_.push_back(line_);
      read_row();
    }
    if (table_.lines_.empty()) fail_file(kReadCsv, table_.path_, "expected rows below the header, found none");
    return std::move(table_);
  }

 private:
  std::string_view text() const { return table_.text_; }
  bool at_end_of_line() const { return at_ == text().size() || text()[at_] == '\n' || text()[at_] == '\r'; }
  template <class... Parts>
  [[noreturn]] void wrong(Index line, const Parts&... parts) const {
    fail_file(kReadCsv, table_.path_, "line ", line, ": ", parts...);
  }

  void skip_spaces() {
    while (at_ < text().size() && (text()[at_] == ' ' || (text()[at_] == '\t' && table_.separator_ != '\t'))) ++at_;
  }
  void end_line() {
    while (at_ < text().size() && !ends_line(text(), at_)) ++at_;  // the CR of a CRLF
    if (at_ == text().size()) return;
    ++at_;
    ++line_;
  }
  void skip_blank_lines() {
    while (at_ < text().size()) {
      const std::size_t start = at_;
      while (at_ < text().size() && text()[at_] == ' ') ++at_;
      if (!at_end_of_line()) {
        at_ = start;
        return;
      }
      end_line();
    }
  }

  void read_header() {
    const Index line = line_;
    std::vector<CsvTable::Cell> cells;
    read_cells(cells);
    std::set<std::string> names;
    for (const auto& [begin, size] : cells) {
      std::string name(text().substr(begin, size));
      if (name.empty()) name = "unnamed " + std::to_string(names.size() + 1);
      if (!names.insert(name).second)
        wrong(line, "expected a name for each column of its own, found two columns ", quoted_cell(name));
      table_.columns_.push_back(std::move(name));
    }
  }
  void read_row() {
    const Index line = line_;
    const std::size_t before = table_.cells_.size(), expected = table_.columns_.size();
    read_cells(table_.cells_);
    if (const std::size_t got = table_.cells_.size() - before; got != expected)
      wrong(line, "expected ", expected, expected == 1 ? " cell" : " cells", " as in the header, found ", got);
  }
  // Reads a line's cells, and goes to the next line.
  void read_cells(std::vector<CsvTable::Cell>& cells) {
    for (;;) {
      skip_spaces();
      const bool quoted = at_ < text().size() && text()[at_] == '"';
      cells.push_back(quoted ? read_quoted() : read_plain());
      if (at_end_of_line()) break;
      ++at_;  // the separator
    }
    end_line();
  }
  CsvTable::Cell read_plain() {
    const std::size_t begin = at_;
    while (!at_end_of_line() && text()[at_] != table_.separator_) ++at_;
    std::size_t end = at_;
    while (end > begin && (text()[end - 1] == ' ' || text()[end - 1] == '\t')) --end;
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
  }
  CsvTable::Cell read_quoted() {
    const Index line = line_;
    std::string& text = table_.text_;
    const std::size_t begin = ++at_;
    std::size_t end = begin;  // of what was unquoted so far
    for (;; ++at_) {
      if (at_ == text.size())
        wrong(line, "expected the quote to be closed that begins here, found the end of the file");
      if (text[at_] == '"' && (at_ + 1 == text.size() || text[at_ + 1] != '"')) break;
      if (text[at_] == '"') ++at_;
      line_ += ends_line(text, at_);
      text[end++] = text[at_];
    }
    ++at_;
    skip_spaces();
    if (!at_end_of_line() && text[at_] != table_.separator_)
      wrong(line_, "expected a separator after the closing quote, found other text");
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
  }

  CsvTable table_;
  std::size_t at_ = 0;
  Index line_ = 1;
};

std::optional<Index> CsvTable::find(std::string_view column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) return {};
  return found - columns_.begin();
}

bool is_csv(const fs::path& path) {
  std::string name = path.filename().string();
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name.ends_with(".csv") || name.ends_with(".tsv");
}

CsvTable read_csv(const fs::path& path) { return CsvReader(path).read(); }

std::string quoted_cell(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::size_t size = std::min(text.size(), kMost);
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;  // a whole character
  std::string quoted = "'";
  for (const char c : text.substr(0, size)) quoted += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return quoted + (size < text.size() ? "...'" : "'");
}

std::string csv_cell(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  const bool plain = text.find_first_of(",;\t\"\r\n") == std::string_view::npos && !text.starts_with(kByteOrderMark) &&
                     (text.empty() || !(is_space(text.front()) || is_space(text.back())));
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

}  // namespace lamina
