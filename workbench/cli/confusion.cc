#include "workbench/cli/confusion.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "workbench/cli/progress_bar.h"
#include "workbench/pages/page_text.h"

namespace lamina::cli {
namespace {

constexpr const char* kAbove = "Confusion: a row is a true class, a column what its images were taken for\n";

std::size_t width_of(const std::vector<std::string>& texts) {
  std::size_t width = 0;
  for (const std::string& text : texts) width = std::max(width, text.size());
  return width;
}

/// A line of the column heads, and one for each class.
std::string matrix(const Evaluation& found, const std::vector<std::string>& rows, const std::vector<std::string>& heads,
                   std::size_t cell) {
  const std::size_t width = width_of(rows);
  std::string text = fmt::format("{:<{}}", "", width);
  for (const std::string& head : heads) text += fmt::format(" {:>{}}", head, cell);
  text += "\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    text += fmt::format("{:<{}}", rows[i], width);
    for (const Index n : found.confusion[i]) text += fmt::format(" {:>{}}", n, cell);
    text += "\n";
  }
  return text;
}

std::string commonest(const Evaluation& found) {
  constexpr std::size_t kListed = 20;
  struct Confused {
    Index images;
    std::size_t from, to;
  };
  std::vector<Confused> all;
  for (std::size_t i = 0; i < found.confusion.size(); ++i)
    for (std::size_t j = 0; j < found.confusion[i].size(); ++j)
      if (i != j && found.confusion[i][j] > 0) all.push_back({found.confusion[i][j], i, j});
  if (all.empty()) return "Confusion: none, all images were taken for what they are\n";
  std::stable_sort(all.begin(), all.end(), [](const Confused& a, const Confused& b) { return a.images > b.images; });
  const std::size_t listed = std::min(kListed, all.size());
  std::string text = listed < all.size() ? fmt::format("The {} commonest of {} confusions (all of them: --json)\n",
                                                       listed, with_commas(static_cast<long long>(all.size())))
                                         : "Confusions, the commonest first\n";
  std::size_t width = 10;
  for (std::size_t k = 0; k < listed; ++k) width = std::max(width, found.class_names[all[k].from].size());
  text += fmt::format("{:>7}  {:<{}}  {}\n", "images", "true class", width, "taken for");
  for (std::size_t k = 0; k < listed; ++k)
    text += fmt::format("{:>7}  {:<{}}  {}\n", with_commas(all[k].images), found.class_names[all[k].from], width,
                        found.class_names[all[k].to]);
  return text;
}

}  // namespace

std::string confusion_text(const Evaluation& found, std::size_t room) {
  constexpr std::size_t kLetters = 5, kLongestRow = 24;
  const std::size_t classes = found.class_names.size();
  std::vector<std::string> heads;
  for (const std::string& name : found.class_names) heads.push_back(first_letters(name, kLetters));
  const bool all_differ = std::set<std::string>(heads.begin(), heads.end()).size() == classes;
  if (all_differ && width_of(found.class_names) + classes * (kLetters + 1) <= room)
    return kAbove + matrix(found, found.class_names, heads, kLetters);

  std::vector<std::string> rows;
  const std::size_t digits = std::to_string(classes).size();
  std::size_t cell = digits;
  for (std::size_t i = 0; i < classes; ++i) {
    heads[i] = std::to_string(i + 1);
    rows.push_back(fmt::format("{:>{}} {}", i + 1, digits, first_letters(found.class_names[i], kLongestRow)));
    for (const Index n : found.confusion[i]) cell = std::max(cell, std::to_string(n).size());
  }
  if (width_of(rows) + classes * (cell + 1) <= room) return kAbove + matrix(found, rows, heads, cell);
  return commonest(found);
}

}  // namespace lamina::cli
