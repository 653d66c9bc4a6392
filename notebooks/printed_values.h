// The values that the course's notebooks print, by name: printed_values.txt, which is built into the program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lamina {

/// All values of that name; NaN stands for one that is cut off in the notebooks' text. Throws std::invalid_argument
/// where there is no such name.
const std::vector<double>& printed_values(std::string_view name);
/// The value of a name that has one. Throws std::invalid_argument for other names.
double printed_value(std::string_view name);
/// The values as the notebook prints them, digit for digit, with one blank between two. Errors as of printed_values.
const std::string& printed_text(std::string_view name);

}  // namespace lamina
