// The values that a search may give to one flag of lamina train, and how one of them is drawn.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lamina/random.h"

namespace lamina {

/// A flag and the values that it may take. Values are texts, as on the command line.
///   uniform:MIN:MAX          a number from MIN to MAX
///   log-uniform:MIN:MAX      the same with a uniform logarithm; MIN above 0
///   integer:MIN:MAX[:STEP]   one of MIN, MIN + STEP, ... up to MAX
///   log-integer:MIN:MAX      an integer from MIN to MAX with an almost uniform logarithm; MIN above 0
///   choice:A|B|...           one of the texts, with a probability in proportion to how often it is listed
class Range {
 public:
  enum class Kind { uniform, log_uniform, integer, log_integer, choice };

  /// Reads a range from a text as above. Throws std::invalid_argument with one line that names the flag.
  Range(std::string flag, std::string_view text);

  const std::string& flag() const { return flag_; }  ///< without its dashes
  const std::string& text() const { return text_; }
  Kind kind() const { return kind_; }
  bool is_log() const { return kind_ == Kind::log_uniform || kind_ == Kind::log_integer; }
  /// The texts of a choice in order, each once; empty for the other kinds.
  const std::vector<std::string>& names() const { return names_; }

  /// Draws a value. Numbers of uniform and log-uniform have 5 significant digits, or all of them if MIN and MAX agree
  /// in the first two; the trial uses the number exactly as written. Takes one draw or (integer, choice) one randint
  /// from the stream.
  std::string draw(RandomState& random) const;

  /// The values at the ends of the range, or all of a choice. If the flag accepts these, it normally accepts the
  /// others.
  std::vector<std::string> ends() const;

  /// The position of a value on an axis: the number, or, for a choice, the index in names().
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

/// The random draws of a trial.
struct Draw {
  std::uint32_t seed = 0;           ///< of the trial's own stream
  std::vector<std::string> values;  ///< one per range, in the order of the ranges
};

/// Draws `count` trials from one stream, one after another: the seed of a trial, randint(0, 2^32), then one value per
/// range. So the first trials do not depend on how many are drawn.
std::vector<Draw> draw_trials(const std::vector<Range>& ranges, Index count, std::uint32_t seed);

}  // namespace lamina
