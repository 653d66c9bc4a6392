#include "workbench/pages/page_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>

namespace lamina {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) text += i + k > bytes.size() ? '=' : kLetters[bits >> (18 - 6 * k) & 63];
  }
  return text;
}

std::string first_letters(std::string_view text, std::size_t count) {
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  std::size_t end = 0;
  for (; end < text.size() && (count > 0 || continues(text[end])); ++end)
    if (!continues(text[end])) --count;
  return std::string(text.substr(0, end));
}

std::string counted(double n) {
  const std::string digits = fmt::format("{:.0f}", n);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0 && digits[i - 1] != '-') text += ',';
    text += digits[i];
  }
  return text;
}
std::string counted(Index n) { return counted(static_cast<double>(n)); }

std::string several(Index n, const char* one, const char* more) { return counted(n) + " " + (n == 1 ? one : more); }

std::string noun_of(const Shape& example) {
  return example.rank() == 1 || (example.rank() == 3 && example[1] * example[2] == 1) ? "example" : "image";
}

std::string percent(double fraction) {
  return std::isfinite(fraction) ? fmt::format("{:.1f}%", 100 * fraction) : "not known";
}

std::string score_title(Score score) {
  std::string title(name_of(score));
  title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

std::string with_article(Score score) { return fmt::format("{} {}", score == Score::f1 ? "a" : "an", name_of(score)); }

std::string score_text(Score score, double value) {
  if (score == Score::accuracy) return percent(value);
  return std::isfinite(value) ? fmt::format("{:.3f}", value) : "not known";
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "not known";
  if (seconds < 10) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<Index>(std::lround(std::min(seconds, 1e12)));
  if (whole < 100) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

}  // namespace lamina
