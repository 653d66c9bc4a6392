#include "notebooks/printed_values.h"

#include <cstdlib>
#include <functional>
#include <map>
#include <sstream>

#include "lamina/check.h"

namespace lamina {
namespace detail {
extern const char* const kPrintedValues;
}  // namespace detail

namespace {

struct Printed {
  std::string text;
  std::vector<double> values;
};

std::map<std::string, Printed, std::less<>> read() {
  std::map<std::string, Printed, std::less<>> all;
  Printed* last = nullptr;
  std::istringstream lines(detail::kPrintedValues);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string word;
    if (line[0] != ' ') {
      words >> word;
      if (!word.ends_with(':')) fail("printed_values", "expected 'name: values', got '", line, "'");
      word.pop_back();
      if (all.contains(word)) fail("printed_values", "expected each name once, got ", word, " twice");
      last = &all[word];
    }
    if (last == nullptr) fail("printed_values", "expected a name first, got '", line, "'");
    while (words >> word) {
      char* end = nullptr;
      last->values.push_back(std::strtod(word.c_str(), &end));
      if (*end != '\0') fail("printed_values", "expected numbers, got '", word, "'");
      last->text += (last->text.empty() ? "" : " ") + word;
    }
  }
  return all;
}

const Printed& find(std::string_view name) {
  static const std::map<std::string, Printed, std::less<>> all = read();
  const auto found = all.find(name);
  if (found == all.end()) fail("printed_values", "expected a name in notebooks/printed_values.txt, got '", name, "'");
  return found->second;
}

}  // namespace

const std::vector<double>& printed_values(std::string_view name) { return find(name).values; }

double printed_value(std::string_view name) {
  const std::vector<double>& values = printed_values(name);
  if (values.size() != 1) fail("printed_value", "expected one value called ", name, ", got ", values.size());
  return values[0];
}

const std::string& printed_text(std::string_view name) { return find(name).text; }

}  // namespace lamina
