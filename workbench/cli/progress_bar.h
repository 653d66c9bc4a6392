// One line on a terminal that is redrawn in place.
#pragma once

#include <chrono>
#include <string>

namespace lamina::cli {

/// Whether standard output is a terminal.
bool on_terminal();
/// Width of that terminal in columns; 80 where it is not known.
int terminal_width();

/// "[=====>    ]  47%", `width` columns with its brackets, for a fraction of 0 .. 1.
std::string bar(double fraction, int width);
/// "0:42", "12:05", "3:07:20".
std::string clock_text(double seconds);
/// "3,560,012"
std::string with_commas(long long number);

/// A line at the bottom of the terminal, redrawn at most ten times a second and cut at the terminal's width.
class StatusLine {
 public:
  ~StatusLine() { clear(); }
  /// Whether enough time has passed since the last drawing; saves making texts that nobody sees.
  bool due() const;
  void draw(const std::string& text);
  /// Takes the line away, for lines that are to stay.
  void clear();

 private:
  std::chrono::steady_clock::time_point last_{};
  bool drawn_ = false;
};

}  // namespace lamina::cli
