// docs/options.md lists the options of a run as the code describes them.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "workbench/runs/run_config.h"

namespace lamina {
namespace {

std::string row(const Option& option, const OptionValue& value, const std::string& models) {
  const bool is_switch = std::holds_alternative<bool*>(value);
  const std::string text = is_switch ? "" : text_of(value);
  std::string row = "| `--" + flag_of(option) + "` | `" + std::string(option.name) + "` | " +
                    (is_switch ? "a switch" : wanted(option, value)) + " | " + (text.empty() ? "" : "`" + text + "` ") +
                    "| ";
  for (const char c : option.help) row += c == '|' ? std::string("\\|") : std::string(1, c);
  if (!option.needs.empty()) row += " (" + std::string(option.needs) + " " + std::string(option.needs_value) + ")";
  return row + (models.empty() ? "" : " (" + models + ")") + " |\n";
}

// One row a flag. Where several models of the course have it, the row is that of whoever takes a list.
std::string table() {
  struct Row {
    std::string flag, text;
  };
  std::vector<Row> rows;
  std::map<std::string, std::string> models;  // by flag
  RunConfig config;
  visit_all_options(config, [&](const Option& option, const OptionValue&) {
    if (!option.model.empty())
      models[flag_of(option)] += (models[flag_of(option)].empty() ? "" : ", ") + std::string(option.model);
  });
  visit_all_options(config, [&](const Option& option, const OptionValue& value) {
    const std::string flag = flag_of(option);
    if (flag.empty()) return;
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& each) { return each.flag == flag; });
    const std::string text = row(option, value, models[flag]);
    if (found == rows.end())
      rows.push_back({flag, text});
    else if (std::holds_alternative<std::vector<Index>*>(value))
      found->text = text;
  });
  std::string all;
  for (const Row& each : rows) all += each.text;
  return all;
}

TEST(OptionsPage, HasTheTableOfTheCode) {
  const std::string path = std::string(LAMINA_SOURCE_DIR) + "/docs/options.md";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_NE(page.str().find(table()), std::string::npos)
      << "the table of docs/options.md should be\n| flag | name | values | default | meaning |\n|---|---|---|---|---|\n"
      << table();
}

}  // namespace
}  // namespace lamina
