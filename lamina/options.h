// Options, each described once: its name, its values, its default and its help. JSON, the command's flags, TOML,
// searches, Python's keywords and the tables of the docs all come from these descriptions.
//
// Options are plain members of a struct, such as SolverOptions. Beside the struct stands
//
//   void visit_options(SolverOptions& options, const VisitOption& visit);
//
// which calls `visit` once for each option, with its description and a pointer to its value. The visitor may read the
// value or set it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lamina/tensor.h"

namespace lamina {

/// The numbers that an option may be.
struct OptionRange {
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  double least = 0, most = kInfinity;
  bool open_least = false, open_most = false;  ///< whether the range ends before that number

  /// Whether it contains x. It never contains infinity or NaN.
  bool contains(double x) const;
  /// "of 0 to 1", "of 0 or more and below 1", "above 0": what a message says after the option's name.
  std::string to_string() const;
};

/// What a message calls the largest whole number where there is no other limit.
inline constexpr double kLargestWhole = std::numeric_limits<std::int32_t>::max();

/// Height and width of an image in pixels.
struct ImageSize {
  Index height = 32, width = 32;
};

/// One of some words: the place of the chosen one among them.
struct Choice {
  std::span<const std::string_view> words;
  std::size_t* chosen;
};

/// Where the value of an option lies. An empty optional means that the option is not set.
using OptionValue = std::variant<bool*, Index*, std::uint32_t*, double*, std::optional<Index>*, std::optional<double>*,
                                 std::string*, std::filesystem::path*, std::vector<Index>*, ImageSize*, Choice>;

/// The description of an option.
struct Option {
  std::string_view name;   ///< in Python and JSON: "learning_rate"
  std::string_view help;   ///< one sentence without a full stop; what an absent value means stands in brackets
  OptionRange range = {};  ///< of a number, or of each number in a list
  /// What the command's flag is called where it is not the name with dashes; "-" for an option that is no flag. The
  /// flag of a bool that is true by default, "no-...", turns it off.
  std::string_view flag = {};
  std::string_view alias = {};  ///< another word for the flag, which many people know: "lr"
  std::string_view type = {};   ///< what the help shows for the value; empty: by the kind of value
  std::string_view needs = {};  ///< an option, and the value that it must have for this one to mean something
  std::string_view needs_value = {};
  bool newer = false;           ///< files written by earlier versions do not have it
  std::string_view model = {};  ///< the model of the course that has it; empty: all nets
  std::string_view group = {};  ///< of the command's help
};

using VisitOption = std::function<void(const Option&, const OptionValue&)>;
/// Goes through all options of one struct.
using VisitOptions = std::function<void(const VisitOption&)>;

/// Visits a member of an enum type, whose values count from 0 and are called by `words`.
template <class Enum>
void visit_choice(const VisitOption& visit, const Option& option, Enum& value,
                  std::span<const std::string_view> words) {
  auto chosen = static_cast<std::size_t>(value);
  visit(option, Choice{words, &chosen});
  value = static_cast<Enum>(chosen);
}

/// The flag's name, without dashes in front: "learning-rate". Empty for an option that is no flag.
std::string flag_of(const Option& option);
/// What a message expects: "a whole number from 1 on", "one of full, bf16".
std::string wanted(const Option& option, const OptionValue& value);

/// The value as text: "0.1", "16,32", "true"; empty for an option that is not set.
std::string text_of(const OptionValue& value);
/// Sets the value from a text of that form. Throws std::invalid_argument, "expected a number above 0, got 'x'", and
/// leaves the value as it was, where it is none.
void read_text(const Option& option, const OptionValue& value, const std::string& text);

/// Throws std::invalid_argument as the function `where` for the first option whose value is out of its range.
void check_options(std::string_view where, const VisitOptions& visit_all);

}  // namespace lamina
