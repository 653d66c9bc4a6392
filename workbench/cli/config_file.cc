// A TOML file as flags: `learning-rate = 1e-3`, `num-filters = [16, 32]`, `no-batch-norm = true`.
#define TOML_EXCEPTIONS 1
#define TOML_ASSERT(expression) static_assert(true)  // some abort on files that are merely no TOML, such as "[||||"
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <sstream>

#include "lamina/io/atomic_file.h"
#include "workbench/cli/flags.h"

namespace lamina::cli {
namespace {

/// The value as it would stand on the command line; nothing for a kind of value that no flag takes.
std::optional<std::string> as_argument(const toml::node& value) {
  if (const auto* text = value.as_string()) return text->get();
  if (const auto* whole = value.as_integer()) return fmt::format("{}", whole->get());
  if (const auto* real = value.as_floating_point()) return fmt::format("{}", real->get());
  if (const auto* list = value.as_array()) {
    std::vector<std::string> parts;
    for (const toml::node& item : *list) {
      if (item.is_array()) return std::nullopt;
      const auto part = as_argument(item);
      if (!part) return std::nullopt;
      parts.push_back(*part);
    }
    return fmt::format("{}", fmt::join(parts, ","));
  }
  return std::nullopt;
}

/// A range of the table [search] as --search takes it; a list of values is a choice.
std::optional<std::string> as_range(const toml::node& value) {
  if (const auto* text = value.as_string()) return text->get();
  const auto* list = value.as_array();
  if (list == nullptr || list->empty()) return std::nullopt;
  std::string range = "choice:";
  for (const toml::node& item : *list) {
    const auto* truth = item.as_boolean();
    const auto part =
        truth != nullptr ? std::optional(std::string(truth->get() ? "true" : "false")) : as_argument(item);
    if (!part) return std::nullopt;
    range += (range.ends_with(':') ? "" : "|") + *part;
  }
  return range;
}

/// What may be wrong with a line that is no TOML: a text without quotes, a list without brackets. Starts with "; ".
std::string remedy(const std::string& text, std::size_t line) {
  std::istringstream lines(text);
  std::string words;
  for (std::size_t i = 0; i < line && std::getline(lines, words); ++i) continue;
  const std::size_t equals = words.find('=');
  if (equals == std::string::npos) return "";
  const auto trimmed = [](const std::string& word) {
    const std::size_t first = word.find_first_not_of(" \t\r"), last = word.find_last_not_of(" \t\r");
    return first == std::string::npos ? std::string() : word.substr(first, last - first + 1);
  };
  const std::string key = trimmed(words.substr(0, equals));
  const std::string value = trimmed(words.substr(equals + 1, words.find('#', equals) - equals - 1));
  if (value.empty() || value.find_first_of("\"'[]{}=") != std::string::npos) return "";
  if (value.find_first_not_of("0123456789.eE+-, ") == std::string::npos)
    return value.find(',') != std::string::npos ? fmt::format("; a list needs brackets: {} = [{}]", key, value) : "";
  return fmt::format("; a text needs quotes: {} = \"{}\"", key, value);
}

void read_search_table(const toml::node& value, const std::string& where, SearchTable* search) {
  if (search == nullptr) throw UsageError(fmt::format("{}: belongs to lamina search", where));
  const auto* table = value.as_table();
  if (table == nullptr)
    throw UsageError(fmt::format("{}: expected a table, [search], of flags and their ranges", where));
  for (const auto& [key, range] : *table) {
    std::string flag(key.str());
    std::replace(flag.begin(), flag.end(), '_', '-');
    const auto text = as_range(range);
    if (!text)
      throw UsageError(
          fmt::format("{}: {}: expected a range such as \"log-uniform:1e-4:1e-2\", or a list of values", where, flag));
    (*search)[flag] = *text;
  }
}

}  // namespace

void read_config_file(CLI::App& app, const std::filesystem::path& path, SearchTable* search) {
  std::string text;
  try {
    text = read_file(path, 1 << 20);
  } catch (const std::runtime_error& error) {
    throw UsageError(fmt::format("--config: {}", without_tag(error.what())));
  }
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto line = error.source().begin.line;
    throw UsageError(
        fmt::format("{}:{}: not TOML: {}{}", path.string(), line, error.description(), remedy(text, line)));
  }

  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames())
      if (name != "help" && name != "config" && name != "resume" && name != "search") known.push_back(name);

  std::map<std::string, std::string> seen;  // a key's name as a flag, and as it is written
  for (const auto& [key, value] : table) {
    const std::string written(key.str());
    std::string name = written;
    std::replace(name.begin(), name.end(), '_', '-');
    const std::string where = fmt::format("{}:{}: {}", path.string(), value.source().begin.line, written);
    if (const auto [other, is_new] = seen.emplace(name, written); !is_new)
      throw UsageError(fmt::format("{}: expected each key once, got {} as well", where, other->second));
    if (name == "search") {
      read_search_table(value, where, search);
      continue;
    }
    if (name == "help" || name == "config" || name == "resume")
      throw UsageError(fmt::format("{}: --{} belongs on the command line", where, name));
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const auto near = nearest(name, known, 3);
      throw UsageError(fmt::format("{}: unknown key; {} {}", where, near.empty() ? "known are" : "did you mean",
                                   fmt::join(near.empty() ? known : near, near.empty() ? ", " : " or ")) +
                       (near.empty() ? "" : "?"));
    }
    CLI::Option* option = app.get_option("--" + name);
    const bool is_flag = option->get_items_expected_max() == 0;
    if (option->count() > 0) continue;  // the command line wins
    try {
      if (is_flag) {
        const auto* on = value.as_boolean();
        if (on == nullptr) throw UsageError(fmt::format("{}: expected true or false", where));
        if (!on->get()) continue;
        option->add_result("true");
      } else if (const auto* on = value.as_boolean(); on != nullptr && option->get_items_expected_min() == 0) {
        if (!on->get()) continue;  // an option that may stand without a value
        option->add_result(option->get_default_str());
      } else {
        const auto argument = as_argument(value);
        if (!argument || argument->empty())
          throw UsageError(fmt::format("{}: expected a number, a text or a list of them", where));
        option->add_result(*argument);
      }
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      std::string reason = error.what();
      const std::string prefix = option->get_name() + ": ";
      if (reason.starts_with(prefix)) reason = reason.substr(prefix.size());
      throw UsageError(fmt::format("{}: {}", where, reason));
    }
  }
}

}  // namespace lamina::cli
