// The words of a net's text, and what the files that read, write and check it share. Internal to block_text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/check.h"
#include "lamina/tensor.h"

namespace lamina {

/// The words of `init`, in the order of Initial::Kind.
inline constexpr std::string_view kInitials[] = {"he", "xavier", "zeros", "scale"};

inline std::string at_least(Index least) { return std::to_string(least) + " or more"; }
inline std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

/// A word of a net's text. A list in parentheses is one word.
struct Word {
  std::string_view text;  ///< "(" for a list
  std::size_t at = 0;     ///< characters before it
  std::vector<Word> list;
};

/// Throws std::invalid_argument with one line that ends with the place of the mistake.
template <class... Parts>
[[noreturn]] void wrong(std::size_t at, const Parts&... parts) {
  fail("net", parts..., " at ", at);
}

/// Cuts a text into words. Throws std::invalid_argument if its parentheses do not match. The words refer to `text`.
std::vector<Word> words_of(std::string_view text);

}  // namespace lamina
