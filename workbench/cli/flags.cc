#include "workbench/cli/flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <sstream>

namespace lamina::cli {
namespace {

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  return names;
}

constexpr std::uint32_t kNoCharacter = 0xffffffff;

// The character of UTF-8 that begins at a byte, and how many bytes it has; kNoCharacter and 1 where none does.
std::pair<std::uint32_t, std::size_t> character_at(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const std::uint32_t first = byte(at);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  std::uint32_t point = first & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(at + i) & 0xc0u) != 0x80u) return {kNoCharacter, 1};
    point = point << 6 | (byte(at + i) & 0x3fu);
  }
  constexpr std::uint32_t kLeast[] = {0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point < 0xe000;
  if (first < 0xc0 || first > 0xf4 || point < kLeast[bytes - 2] || point > 0x10ffff || surrogate)
    return {kNoCharacter, 1};
  return {point, bytes};
}

// Control characters, Unicode's ends of lines and paragraphs, and the marks that turn the direction of a text, with
// which a name can look like another one.
bool breaks_lines_or_turns_text(std::uint32_t point) {
  return point < ' ' || (point >= 0x7f && point < 0xa0) || point == 0x61c || (point >= 0x200e && point <= 0x200f) ||
         (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

// What stands between $' and ' in a shell for a text with control characters.
std::string escaped(const std::string& text) {
  std::string word;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\')
      word += std::string("\\") + c;
    else if (byte >= ' ' && byte < 127)
      word += c;
    else
      word += fmt::format("\\{:03o}", byte);
  }
  return word;
}

}  // namespace

CLI::Validator whole_number(Index least, Index most) {
  return CLI::Validator(
      [least, most](std::string& text) -> std::string {
        Index value = 0;
        try {
          const OptionRange range{static_cast<double>(least), static_cast<double>(most)};
          read_text({.name = {}, .help = {}, .range = range}, &value, text);
        } catch (const std::invalid_argument& error) {
          return error.what();
        }
        return {};
      },
      "");
}

CLI::Validator one_of(std::vector<std::string> words) {
  return CLI::Validator(
      [words = std::move(words)](std::string& text) -> std::string {
        if (contains(words, text)) return {};
        return fmt::format("expected one of {}, got '{}'{}", fmt::join(words, ", "), text, did_you_mean(text, words));
      },
      "");
}

void add_data_dir(CLI::App& app, std::filesystem::path& data_dir) {
  app.add_option("--data-dir", data_dir,
                 "Where data sets lie and downloads go [$LAMINA_DATA, or ~/.cache/lamina where it is not set]")
      ->type_name("DIR");
}

void add_threads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads,
                 "Threads; 0: $LAMINA_NUM_THREADS, else one a processor. The results do not depend on it")
      ->type_name("N")
      ->check(whole_number(0, 1024))
      ->capture_default_str();
}

std::filesystem::path default_directory(const std::string& name) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
  const auto base = std::filesystem::path("runs") / (name + "-" + text);
  std::filesystem::path path = base;
  for (int i = 2; std::filesystem::exists(path); ++i)
    path = std::filesystem::path(base.string() + "-" + std::to_string(i));
  return path;
}

std::string shown(const std::filesystem::path& path) {
  const std::string text = path.string();
  if (on_one_line(text) != text) return "$'" + escaped(text) + "'";
  if (!text.empty() && text.find_first_of(" '\"$&()*;<>?[\\]`{|}~") == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

void tell(const std::string& line) {
  std::fflush(stdout);
  std::fputs((on_one_line(line) + "\n").c_str(), stderr);
}

std::string without_tag(const std::string& text) {
  const std::size_t end = text.find("] ");
  return text.starts_with('[') && end != std::string::npos ? text.substr(end + 2) : text;
}

void check_values(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_items_expected_max() == 0) {
      option->disable_flag_override();
    } else {
      option->check(CLI::Validator(
          [](std::string& text) { return text.empty() ? "expected a value, got an empty text" : ""; }, ""));
    }
  }
  for (CLI::App* sub : app.get_subcommands({})) check_values(*sub);
}

std::string on_one_line(const std::string& text) {
  std::string line;
  for (std::size_t at = 0; at < text.size();) {
    const auto [point, bytes] = character_at(text, at);
    if (point == kNoCharacter)
      line += "\xef\xbf\xbd";  // U+FFFD, the replacement character
    else
      line += breaks_lines_or_turns_text(point) ? std::string(" ") : text.substr(at, bytes);
    at += bytes;
  }
  return line;
}

std::string splits_line(const std::string& name, Index train, Index val, Index test, const Shape& example) {
  const bool rows = example[1] == 1 && example[2] == 1;
  return fmt::format(
      "{}: {} train, {} val and {} test {}", on_one_line(name), with_commas(train), with_commas(val), with_commas(test),
      rows ? fmt::format("rows of {}", several(example[0], "number", "numbers")) : "images of " + example.to_string());
}

std::string outputs_line(const std::vector<std::string>& classes, const std::vector<std::string>& targets) {
  constexpr std::size_t kRoom = 100;
  const std::vector<std::string>& names = targets.empty() ? classes : targets;
  const std::string head = fmt::format("{} {}: ", names.size(),
                                       targets.empty()     ? "classes"
                                       : names.size() == 1 ? "target"
                                                           : "targets");
  std::vector<std::string> shown_names;
  for (const std::string& name : names) shown_names.push_back(on_one_line(name));
  const std::string whole = head + fmt::format("{}", fmt::join(shown_names, ", "));
  if (whole.size() <= kRoom || names.size() < 4) return whole;
  const std::string end = "..., " + shown_names.back();
  std::string line = head;
  for (std::size_t i = 0; i + 1 < names.size(); ++i) {
    if (i >= 2 && line.size() + shown_names[i].size() + 2 + end.size() > kRoom) break;
    line += shown_names[i] + ", ";
  }
  line += end;
  return whole.size() <= line.size() ? whole : line;
}

std::string unknown_word(const CLI::App& app, const std::string& word) {
  const bool is_flag = word.starts_with("-");
  std::vector<std::string> known = command_names(app);
  if (is_flag) {
    known.clear();
    for (const CLI::Option* option : app.get_options())
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  std::string meant = did_you_mean(word, known);
  if (meant.empty() && !is_flag && !known.empty()) meant = fmt::format("; the commands are {}", fmt::join(known, ", "));
  return fmt::format("unknown {} '{}'{}", is_flag ? "flag" : "argument", word, meant);
}

std::string in_typed_names(const CLI::App& app, const std::vector<std::string>& typed, std::string line) {
  const auto is_typed = [&](const std::string& name) {
    return std::any_of(typed.begin(), typed.end(),
                       [&](const auto& word) { return word.substr(0, word.find('=')) == name; });
  };
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string>& names = option->get_lnames();
    if (names.size() < 2 || is_typed("--" + names[0])) continue;
    const std::string name = "--" + names[0];
    for (std::size_t i = 1; i < names.size(); ++i)
      if (const std::size_t at = line.find(name); at != std::string::npos && is_typed("--" + names[i]))
        line.replace(at, name.size(), "--" + names[i]);
  }
  return line;
}

std::string one_line(const CLI::App& app, const CLI::ParseError& error) {
  std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string name = text.substr(0, text.find_first_of(": "));
    if (text.find("flag override") != std::string::npos)
      text = fmt::format("--{}: expected no value, since it is a switch, got one", name);
    else if (text.find(" required ") != std::string::npos && text.ends_with(" missing"))
      text = fmt::format("{}: expected a value, got none", name);
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !app.get_subcommands({}).empty()) {
    const std::vector<std::string> words = app.remaining();
    text = words.empty() ? fmt::format("expected one of the commands {}, got none", fmt::join(command_names(app), ", "))
                         : unknown_word(app, words.front());
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && app.get_subcommands({}).empty()) {
    const std::string name = text.substr(0, text.find(' '));
    if (name == "run") text = "expected a run: a run directory or a model.safetensors, got none";
    if (name == "inputs") text = "expected an image (a PNG or JPEG file) or a table, got none";
    if (name == "data") text = "expected the name of a data set, got none";
    for (const std::string& word : app.remaining())
      if (word.starts_with('-')) {
        text += fmt::format("; '{0}' was taken for a flag, a file of that name is ./{0}", word);
        break;
      }
  }
  if (const auto* extras = dynamic_cast<const CLI::ExtrasError*>(&error); extras != nullptr) {
    // A flag among what nothing took, or the first word of it, and what it may have meant.
    std::istringstream words(text.substr(std::min(text.find(": ") + 2, text.size())));
    std::string first;
    for (std::string word; words >> word;)
      if (first.empty() || (word.starts_with("-") && !first.starts_with("-"))) first = word;
    text = unknown_word(app, first.substr(0, first.find('=')));
  }
  return on_one_line(text);
}

}  // namespace lamina::cli
