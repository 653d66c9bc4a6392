// What was meant by a misspelt word: for messages that end in "did you mean conv?".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lamina {

/// How many letters must be changed, inserted or deleted to turn a into b (Levenshtein, 1966). Two neighbouring letters
/// that changed places count once.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The words of `known` that `word` may have meant, at most `count`, the nearest first: those that contain it, or from
/// which it differs in few letters.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& known, std::size_t count);

}  // namespace lamina
