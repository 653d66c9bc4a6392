// Numbers and pictures as the text of pages.
#pragma once

#include <string>
#include <string_view>

#include "lamina/solver/score.h"
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
/// What the examples of a data set of this shape are called: "image" for (C, H, W) with more than one pixel, and where
/// the shape is not known; otherwise "example", for a row of a table.
std::string noun_of(const Shape& example);
/// "67.0%" for 0.67; "not known" if it is not finite.
std::string percent(double fraction);
/// "Accuracy", "Mean F1", "R^2"
std::string score_title(Score score);
/// "an accuracy", "a mean F1", "an R^2"
std::string with_article(Score score);
/// An accuracy in percent; another score as a number, "0.842".
std::string score_text(Score score, double value);
/// "4.2 s", "42 s", "12 min 5 s", "3 h 7 min"; "not known" if it is not finite or below zero.
std::string duration(double seconds);

}  // namespace lamina
