#include "lamina/options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "lamina/check.h"
#include "lamina/nearest.h"

namespace lamina {
namespace {

template <class... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overload(Cases...) -> Overload<Cases...>;  // which Clang 16 and older need

template <class Number>
bool parse(std::string_view text, Number& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

// A whole number without a sign or a fraction, in the option's range.
bool parse_whole(const OptionRange& range, std::string_view text, Index& value) {
  return parse(text, value) && range.contains(static_cast<double>(value));
}

bool parse_number(const OptionRange& range, std::string_view text, double& value) {
  return parse(text, value) && range.contains(value);
}

// At most a thousand, separated by commas.
bool parse_list(const OptionRange& range, std::string_view text, std::vector<Index>& list) {
  list.clear();
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    Index value = 0;
    if (!parse_whole(range, text.substr(at, comma - at), value) || list.size() == 1000) return false;
    list.push_back(value);
    at = comma + 1;
  }
  return true;
}

// "48" or "48x64".
bool parse_size(const OptionRange& range, std::string_view text, ImageSize& size) {
  const std::size_t cross = text.find('x');
  const std::string_view height = text.substr(0, cross),
                         width = cross == std::string_view::npos ? height : text.substr(cross + 1);
  return parse_whole(range, height, size.height) && parse_whole(range, width, size.width);
}

std::string wanted_whole(const OptionRange& range, const char* one) {
  const auto least = static_cast<Index>(range.least);
  if (range.most == kLargestWhole || range.most == OptionRange::kInfinity)
    return fmt::format("{} from {} on", one, least);
  return fmt::format("{} of {} to {}", one, least, static_cast<Index>(range.most));
}

std::string wanted_number(const OptionRange& range) {
  if (range.most == OptionRange::kInfinity)
    return range.open_least ? fmt::format("a number above {}", range.least)
                            : fmt::format("a number from {} on", range.least);
  if (range.open_least && !range.open_most)
    return fmt::format("a number above {} and up to {}", range.least, range.most);
  return fmt::format("a number {} {} {} {}", range.open_least ? "above" : "from", range.least,
                     range.open_least ? "and" : "to", (range.open_most ? "below " : "") + fmt::to_string(range.most));
}

// Calls parse(text, fresh value) and stores the value where it says that the text is one.
template <class Value, class Parse>
bool stored(Value& value, const Parse& parse_value) {
  Value read{};
  if (!parse_value(read)) return false;
  value = std::move(read);
  return true;
}

bool read(const Option& option, const OptionValue& value, const std::string& text) {
  const OptionRange& range = option.range;
  const auto whole = [&](Index& read) { return parse_whole(range, text, read); };
  const auto number = [&](double& read) { return parse_number(range, text, read); };
  return std::visit(
      Overload{
          [&](bool* to) { return text == "true" || text == "false" ? (*to = text == "true", true) : false; },
          [&](Index* to) { return stored(*to, whole); },
          [&](std::uint32_t* to) {
            Index read = 0;
            return whole(read) && (*to = static_cast<std::uint32_t>(read), true);
          },
          [&](double* to) { return stored(*to, number); },
          [&](std::optional<Index>* to) {
            Index read = 0;
            return whole(read) && (*to = read, true);
          },
          [&](std::optional<double>* to) {
            double read = 0;
            return number(read) && (*to = read, true);
          },
          [&](std::string* to) { return *to = text, true; },
          [&](std::filesystem::path* to) { return *to = text, true; },
          [&](std::vector<Index>* to) {
            return stored(*to, [&](std::vector<Index>& list) { return parse_list(range, text, list); });
          },
          [&](ImageSize* to) { return stored(*to, [&](ImageSize& size) { return parse_size(range, text, size); }); },
          [&](const Choice& choice) {
            const auto found = std::find(choice.words.begin(), choice.words.end(), text);
            if (found == choice.words.end()) return false;
            *choice.chosen = static_cast<std::size_t>(found - choice.words.begin());
            return true;
          }},
      value);
}

void check_number(std::string_view where, const Option& option, double value) {
  const OptionRange& range = option.range;
  if (range.contains(value)) return;
  // The largest whole number is no limit that helps whoever gave too little.
  if (range.most == kLargestWhole && value > range.most)
    fail(where, "expected ", option.name, " of at most ", Index(range.most), ", got ", value);
  OptionRange shown = range;
  if (range.most == kLargestWhole) shown.most = OptionRange::kInfinity;
  fail(where, "expected ", option.name, " ", shown.to_string(), ", got ", value);
}

void check_whole(std::string_view where, const Option& option, Index value) {
  const OptionRange& range = option.range;
  if (range.contains(static_cast<double>(value))) return;
  if (static_cast<double>(value) > range.most)
    fail(where, "expected ", option.name, " of at most ", Index(range.most), ", got ", value);
  fail(where, "expected ", option.name, " of ", Index(range.least), " or more, got ", value);
}

}  // namespace

bool OptionRange::contains(double x) const {
  return std::isfinite(x) && (open_least ? x > least : x >= least) && (open_most ? x < most : x <= most);
}

std::string OptionRange::to_string() const {
  std::ostringstream text;
  if (most == kInfinity)
    open_least ? text << "above " << least : text << "of " << least << " or more";
  else if (open_least || open_most)
    text << (open_least ? "above " : "of ") << least << (open_least ? "" : " or more") << " and "
         << (open_most ? "below " : "at most ") << most;
  else
    text << "of " << least << " to " << most;
  return text.str();
}

std::string flag_of(const Option& option) {
  if (!option.flag.empty()) return std::string(option.flag == "-" ? "" : option.flag);
  std::string flag(option.name);
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string wanted(const Option& option, const OptionValue& value) {
  const OptionRange& range = option.range;
  return std::visit(
      Overload{[](bool*) { return std::string("true or false"); },
               [&](Index*) { return wanted_whole(range, "a whole number"); },
               [&](std::uint32_t*) { return wanted_whole(range, "a whole number"); },
               [&](std::optional<Index>*) { return wanted_whole(range, "a whole number"); },
               [&](double*) { return wanted_number(range); },
               [&](std::optional<double>*) { return wanted_number(range); },
               [](std::string*) { return std::string("a text"); },
               [](std::filesystem::path*) { return std::string("a path"); },
               [&](std::vector<Index>*) { return wanted_whole(range, "whole numbers") + ", comma-separated"; },
               [&](ImageSize*) {
                 return fmt::format("a height and a width of {} to {}, such as 32 or 48x64", range.least, range.most);
               },
               [](const Choice& choice) { return fmt::format("one of {}", fmt::join(choice.words, ", ")); }},
      value);
}

std::string text_of(const OptionValue& value) {
  return std::visit(
      Overload{[](const bool* from) { return std::string(*from ? "true" : "false"); },
               [](const std::string* from) { return *from; },
               [](const std::filesystem::path* from) { return from->string(); },
               [](const std::vector<Index>* from) { return fmt::format("{}", fmt::join(*from, ",")); },
               [](const ImageSize* from) {
                 return from->height == from->width ? fmt::to_string(from->height)
                                                    : fmt::format("{}x{}", from->height, from->width);
               },
               [](const Choice& choice) { return std::string(choice.words[*choice.chosen]); },
               [](const std::optional<Index>* from) { return *from ? fmt::to_string(**from) : std::string(); },
               [](const std::optional<double>* from) { return *from ? fmt::to_string(**from) : std::string(); },
               [](const auto* from) { return fmt::to_string(*from); }},
      value);
}

void read_text(const Option& option, const OptionValue& value, const std::string& text) {
  if (read(option, value, text)) return;
  const std::string shown = text.size() > 60 ? text.substr(0, 60) + "..." : text;
  std::string meant;
  if (const Choice* choice = std::get_if<Choice>(&value))
    meant = did_you_mean(text, {choice->words.begin(), choice->words.end()});
  throw std::invalid_argument(fmt::format("expected {}, got '{}'{}", wanted(option, value), shown, meant));
}

void check_options(std::string_view where, const VisitOptions& visit_all) {
  visit_all([&](const Option& option, const OptionValue& value) {
    std::visit(Overload{[&](const Index* got) { check_whole(where, option, *got); },
                        [&](const std::uint32_t* got) { check_whole(where, option, *got); },
                        [&](const std::optional<Index>* got) {
                          if (*got) check_whole(where, option, **got);
                        },
                        [&](const double* got) { check_number(where, option, *got); },
                        [&](const std::optional<double>* got) {
                          if (*got) check_number(where, option, **got);
                        },
                        [&](const std::vector<Index>* got) {
                          for (const Index each : *got) check_whole(where, option, each);
                        },
                        [&](const Choice& choice) {
                          if (*choice.chosen >= choice.words.size())
                            fail(where, "expected ", option.name, " to be ", wanted(option, value), ", got number ",
                                 *choice.chosen);
                        },
                        [](const auto*) {}},
               value);
  });
}

}  // namespace lamina
