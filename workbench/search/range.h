// The values that a search may give to one flag of lamina train, and drawing one of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lamina/random.h"

namespace lamina {

/// A flag and the values that it may take. Values are texts, as they stand on the command line.
///   uniform:MIN:MAX          a number of MIN to MAX
///   log-uniform:MIN:MAX      the same, its logarithm uniform; MIN above 0
///   integer:MIN:MAX[:STEP]   a whole number of MIN, MIN + STEP, ... up to MAX
///   log-integer:MIN:MAX      a whole number of MIN to MAX, its logarithm about uniform; MIN above 0
///   choice:A|B|...           one of the texts, each as likely as it is often named
class Range {
 public:
  enum class Kind { uniform, log_uniform, integer, log_integer, choice };

  /// Reads a range from a text as above. Throws std::invalid_argument with one line that names the flag.
  Range(std::string flag, std::string_view text);

  const std::string& flag() const { return flag_; }  ///< without its dashes
  const std::string& text() const { return text_; }
  Kind kind() const { return kind_; }
  bool is_log() const { return kind_ == Kind::log_uniform || kind_ == Kind::log_integer; }
  /// A choice's texts in their order, each once; none for the other kinds.
  const std::vector<std::string>& names() const { return names_; }

  /// One value. Numbers of uniform and log-uniform have 5 significant digits, or all of them where MIN and MAX agree
  /// in the first two; what is written there is what the trial takes. Takes one draw or (integer, choice) one randint
  /// from the stream.
  std::string draw(RandomState& random) const;

  /// The values at the range's ends, or all of a choice: where these fit a flag, the others do as a rule.
  std::vector<std::string> ends() const;

  /// The value's place on an axis: the number, or a choice's place in names().
  double place(const std::string& value) const;

 private:
  [[noreturn]] void wrong(std::string_view expected) const;
  std::string number_text(double value) const;

  std::string flag_, text_;
  Kind kind_ = Kind::choice;
  double min_ = 0, max_ = 0;
  std::int64_t first_ = 0, last_ = 0, step_ = 1;
  std::vector<std::string> choices_, names_;
};

/// What a trial was given by chance.
struct Draw {
  std::uint32_t seed = 0;           ///< of the trial's own stream
  std::vector<std::string> values;  ///< one a range, in the order of the ranges
};

/// `count` trials from one stream, trial by trial: its seed, randint(0, 2^32), then one draw a range. So the first
/// trials do not depend on how many are drawn.
std::vector<Draw> draw_trials(const std::vector<Range>& ranges, Index count, std::uint32_t seed);

}  // namespace lamina
