// Numbers and pictures as the text of pages.
#pragma once

#include <string>
#include <string_view>

#include "lamina/tensor.h"

namespace lamina {

std::string base64(std::string_view bytes);
/// The first `count` characters of a text in UTF-8, none of them cut.
std::string first_letters(std::string_view text, std::size_t count);
/// "3,560,012"
std::string counted(double n);
std::string counted(Index n);
/// "1 epoch", "3 epochs"
std::string several(Index n, const char* one, const char* more);
/// "67.0%" for 0.67; "not known" if it is not finite.
std::string percent(double fraction);
/// "4.2 s", "42 s", "12 min 5 s", "3 h 7 min"; "not known" if it is not finite or below zero.
std::string duration(double seconds);

}  // namespace lamina
