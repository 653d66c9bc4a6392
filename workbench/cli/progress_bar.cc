#include "workbench/cli/progress_bar.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace lamina::cli {

bool on_terminal() { return isatty(STDOUT_FILENO) == 1; }

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string bar(double fraction, int width) {
  fraction = std::clamp(fraction, 0.0, 1.0);
  std::string percent = fmt::format(" {:3.0f}%", std::floor(100 * fraction));
  if (width < 4) return percent;
  const auto room = static_cast<std::size_t>(width - 2);
  const auto full = static_cast<std::size_t>(fraction * static_cast<double>(room));
  std::string line(full, '=');
  if (line.size() < room) line += '>';
  return '[' + line + std::string(room - line.size(), ' ') + ']' + percent;
}

std::string clock_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-:--";
  const auto s = static_cast<long long>(std::llround(std::min(seconds, 3.6e8)));
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string with_commas(long long number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

bool StatusLine::due() const { return std::chrono::steady_clock::now() - last_ >= std::chrono::milliseconds(100); }

void StatusLine::draw(const std::string& text) {
  const auto width = static_cast<std::size_t>(std::max(1, terminal_width() - 1));
  std::fputs(("\r" + text.substr(0, width) + "\x1b[K").c_str(), stdout);
  std::fflush(stdout);
  last_ = std::chrono::steady_clock::now();
  drawn_ = true;
}

void StatusLine::clear() {
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stdout);
  std::fflush(stdout);
  drawn_ = false;
}

}  // namespace lamina::cli
