#include "lamina/solver/target_batch.h"

#include <charconv>
#include <cmath>

#include "lamina/check.h"

namespace lamina {
namespace {

[[noreturn]] void not_weights(const std::string& text) {
  fail("Solver", "expected class_weights to be 'balanced' or numbers of at least 0, separated by commas, got '", text,
       "'");
}

std::vector<double> numbers_in(const std::string& text) {
  std::vector<double> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;; ++at) {
    double& number = numbers.emplace_back();
    const auto [after, error] = std::from_chars(at, end, number);
    if (error != std::errc() || !(number >= 0 && std::isfinite(number))) not_weights(text);
    if (after == end) return numbers;
    if (*after != ',') not_weights(text);
    at = after;
  }
}

}  // namespace

std::vector<double> class_weights_of(const std::string& text, std::span<const Label> y) {
  if (text.empty()) return {};
  if (y.empty()) fail("Solver", "expected no class_weights where targets are numbers, got '", text, "'");
  const auto [least, most] = std::minmax_element(y.begin(), y.end());
  constexpr Label kMostClasses = 1 << 20;
  if (*least < 0 || *most >= kMostClasses)
    fail("Solver", "expected labels of 0 to below ", kMostClasses, " for class_weights, got ",
         *least < 0 ? *least : *most);
  const std::size_t classes = static_cast<std::size_t>(*most) + 1;
  if (text != "balanced") {
    std::vector<double> weights = numbers_in(text);
    if (weights.size() < classes)
      fail("Solver", "expected class_weights for ", classes, " classes or more, got ", weights.size(), ": '", text,
           "'");
    return weights;
  }
  std::vector<double> weights(classes);
  for (const Label label : y) ++weights[static_cast<std::size_t>(label)];
  for (double& weight : weights) weight = weight > 0 ? 1 / weight : 0;
  return weights;
}

}  // namespace lamina
