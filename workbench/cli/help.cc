#include "workbench/cli/help.h"

#include <sstream>
#include <string>

namespace lamina::cli {
namespace {

constexpr std::size_t kWidth = 80, kIndent = 26;

/// `left` in its column and the words of `right` beside it, broken at the page's width.
std::string two_columns(const std::string& left, const std::string& right) {
  std::string text = "  " + left, line;
  const auto finish_line = [&] {
    if (text.empty() || text.size() + 1 < kIndent) text.resize(kIndent, ' ');
    text += line;
    line.clear();
  };
  std::string result;
  if (text.size() + 2 > kIndent) {
    result = text + "\n";
    text.clear();
  }
  std::istringstream words(right);
  for (std::string word; words >> word;) {
    if (!line.empty() && kIndent + line.size() + 1 + word.size() > kWidth) {
      finish_line();
      result += text + "\n";
      text.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  finish_line();
  return result + text + "\n";
}

class HelpLayout : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string left = make_option_name(option, is_positional), right = option->get_description();
    if (option->get_type_size() != 0) {
      const std::string type = option->get_type_name();
      if (is_positional)
        left = type;
      else if (!type.empty())
        left += " " + type;
      const std::string standard = option->get_default_str();
      if (!standard.empty()) right += " [" + standard + "]";
    }
    return two_columns(left, right);
  }
  std::string make_subcommand(const CLI::App* sub) const override {
    return two_columns(sub->get_name(), sub->get_description());
  }
  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string text = "Usage: " + name;
    if (!app->get_subcommands({}).empty()) text += " COMMAND";
    for (const CLI::Option* option : app->get_options())
      if (option->get_positional()) {
        const std::string type = option->get_type_name();
        text += option->get_required() ? " " + type : " [" + type + "]";
      }
    return text + " [FLAGS]\n";
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_layout() {
  auto layout = std::make_shared<HelpLayout>();
  layout->label("Options", "Flags");
  layout->label("Subcommands", "Commands");
  layout->label("Positionals", "Arguments");
  return layout;
}

}  // namespace lamina::cli
