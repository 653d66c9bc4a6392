// What was meant by a misspelt word: for messages that end in "did you mean conv?".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lamina {

/// How many letters must be changed, inserted or deleted to turn a into b (Levenshtein, 1966). Two neighbouring letters
/// that changed places count once.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The words of `known` that `word` may have meant: at most `count` that are equally near, from which it differs in up
/// to a third of its letters, in any case; if there are none, those that contain it, that it begins with or that it
/// abbreviates, as cnn does convnet. Dashes before a word do not count.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& known, std::size_t count);

/// "; did you mean conv or pool?", for the end of a message; empty where nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace lamina
