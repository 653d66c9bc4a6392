#include "workbench/search/range.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "lamina/check.h"

namespace lamina {
namespace {

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <class V>
bool parse(const std::string& text, V& value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

/// The shortest text that reads back as the same number, or the text with that many significant digits.
std::string shortest(double value, int digits) {
  std::array<char, 40> text{};
  if (digits > 0) {
    const auto rounded =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, digits - 1);
    std::from_chars(text.data(), rounded.ptr, value);
  }
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

constexpr std::int64_t kLargest = std::int64_t{1} << 53;

}  // namespace

void Range::wrong(std::string_view expected) const {
  fail("search", "--search ", flag_, ": expected ", expected, ", got '", text_, "'");
}

Range::Range(std::string flag, std::string_view text) : flag_(std::move(flag)), text_(text) {
  constexpr std::array<std::pair<std::string_view, Kind>, 5> kKinds = {{{"uniform", Kind::uniform},
                                                                        {"log-uniform", Kind::log_uniform},
                                                                        {"integer", Kind::integer},
                                                                        {"log-integer", Kind::log_integer},
                                                                        {"choice", Kind::choice}}};
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& k) { return k.first == name; });
  if (kind == kKinds.end() || colon == std::string_view::npos)
    wrong("uniform:MIN:MAX, log-uniform:MIN:MAX, integer:MIN:MAX[:STEP], log-integer:MIN:MAX or choice:A|B|...");
  kind_ = kind->second;
  const std::string_view rest = text.substr(colon + 1);

  if (kind_ == Kind::choice) {
    choices_ = split(rest, '|');
    if (choices_.size() < 2) wrong("two or more values, separated by |");
    for (const std::string& choice : choices_) {
      if (choice.empty()) wrong("a value on each side of |");
      if (std::find(names_.begin(), names_.end(), choice) == names_.end()) names_.push_back(choice);
    }
    return;
  }
  const std::vector<std::string> parts = split(rest, ':');
  if (kind_ == Kind::uniform || kind_ == Kind::log_uniform) {
    if (parts.size() != 2 || !parse(parts[0], min_) || !parse(parts[1], max_) || !std::isfinite(min_) ||
        !std::isfinite(max_))
      wrong("two finite numbers, MIN:MAX");
    if (kind_ == Kind::log_uniform && min_ <= 0) wrong("MIN above 0, where logarithms are");
    if (!(min_ < max_)) wrong("MIN below MAX");
    if (!std::isfinite(max_ - min_)) wrong("a MIN and a MAX whose difference is finite");
    return;
  }
  const bool may_step = kind_ == Kind::integer;
  if (parts.size() < 2 || parts.size() > (may_step ? 3 : 2) || !parse(parts[0], first_) || !parse(parts[1], last_) ||
      (parts.size() == 3 && !parse(parts[2], step_)) || std::min(first_, last_) < -kLargest ||
      std::max(first_, last_) > kLargest)
    wrong(may_step ? "whole numbers, MIN:MAX or MIN:MAX:STEP" : "two whole numbers, MIN:MAX");
  if (kind_ == Kind::log_integer && first_ < 1) wrong("MIN of 1 or more, where logarithms are");
  if (first_ >= last_) wrong("MIN below MAX");
  if (step_ < 1 || step_ > last_ - first_) wrong("a STEP of 1 to MAX - MIN");
  last_ -= (last_ - first_) % step_;
  min_ = static_cast<double>(first_);
  max_ = static_cast<double>(last_);
}

std::string Range::number_text(double value) const {
  const bool narrow = max_ - min_ < 0.01 * std::max(std::abs(min_), std::abs(max_));
  const std::string text = shortest(value, narrow ? 0 : 5);
  parse(text, value);
  return value < min_ || value > max_ ? shortest(std::clamp(value, min_, max_), 0) : text;
}

std::string Range::draw(RandomState& random) const {
  switch (kind_) {
    case Kind::uniform:
      return number_text(min_ + (max_ - min_) * random.rand());
    case Kind::log_uniform:
      return number_text(std::exp(std::log(min_) + (std::log(max_) - std::log(min_)) * random.rand()));
    case Kind::integer:
      return std::to_string(first_ + step_ * random.randint(0, (last_ - first_) / step_ + 1));
    case Kind::log_integer: {  // n represents the logarithms from n - 1/2 to n + 1/2
      const double low = std::log(min_ - 0.5), high = std::log(max_ + 0.5);
      const auto value = static_cast<std::int64_t>(std::llround(std::exp(low + (high - low) * random.rand())));
      return std::to_string(std::clamp(value, first_, last_));
    }
    case Kind::choice:
      break;
  }
  return choices_[static_cast<std::size_t>(random.randint(0, static_cast<std::int64_t>(choices_.size())))];
}

std::vector<std::string> Range::ends() const {
  if (kind_ == Kind::choice) return names_;
  if (kind_ == Kind::integer || kind_ == Kind::log_integer) return {std::to_string(first_), std::to_string(last_)};
  return {shortest(min_, 0), shortest(max_, 0)};
}

double Range::place(const std::string& value) const {
  if (kind_ == Kind::choice)
    return static_cast<double>(std::find(names_.begin(), names_.end(), value) - names_.begin());
  double number = 0;
  parse(value, number);
  return number;
}

std::vector<Draw> draw_trials(const std::vector<Range>& ranges, Index count, std::uint32_t seed) {
  RandomState random(seed);
  std::vector<Draw> trials;
  for (Index i = 0; i < count; ++i) {
    Draw draw;
    draw.seed = static_cast<std::uint32_t>(random.randint(0, std::int64_t{1} << 32));
    for (const Range& range : ranges) draw.values.push_back(range.draw(random));
    trials.push_back(std::move(draw));
  }
  return trials;
}

}  // namespace lamina
