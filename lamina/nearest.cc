#include "lamina/nearest.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lamina {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above.back();
}

namespace {

std::string in_small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return small;
}

// Whether the letters of `word` are letters of `whole` in the same order, the first letter the same.
bool abbreviates(std::string_view word, std::string_view whole) {
  std::size_t at = 0;
  for (const char c : whole) at += at < word.size() && word[at] == c ? 1 : 0;
  return at == word.size() && word.starts_with(whole.substr(0, 1));
}

}  // namespace

std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& known, std::size_t count) {
  const auto bare = [](std::string_view text) {
    return text.substr(std::min(text.find_first_not_of('-'), text.size()));
  };
  const std::string wanted = in_small_letters(bare(word));
  if (wanted.empty() || wanted.size() > 40) return {};
  const std::size_t most = wanted.size() < 2 ? 0 : std::max<std::size_t>(1, wanted.size() / 3);
  std::vector<std::pair<std::size_t, std::string>> ranked;
  for (const std::string& candidate : known) {
    const std::string known_word = in_small_letters(bare(candidate));
    const std::size_t far = edit_distance(wanted, known_word);
    const bool related = wanted.size() >= 3 && (known_word.find(wanted) != std::string::npos ||
                                                (known_word.size() >= 4 && wanted.starts_with(known_word)) ||
                                                abbreviates(wanted, known_word));
    if (far <= most || related) ranked.emplace_back(std::min(far, most + 1), candidate);
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<std::string> result;
  for (const auto& [distance, candidate] : ranked)
    if (result.size() < count && distance == ranked.front().first) result.push_back(candidate);
  return result;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  std::string text;
  for (const std::string& candidate : nearest(word, known, 2)) text += (text.empty() ? "" : " or ") + candidate;
  return text.empty() ? text : "; did you mean " + text + "?";
}

}  // namespace lamina
