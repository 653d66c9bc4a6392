#include "lamina/solver/score.h"

#include <fmt/format.h>

namespace lamina {

std::string_view name_of(Score score) {
  constexpr std::string_view kNames[] = {"accuracy", "mean F1", "R^2"};  // as in Score
  return kNames[static_cast<std::size_t>(score)];
}

std::string scores_text(Score score, double train, double val) {
  if (score == Score::accuracy) return fmt::format("train acc: {:f}; val_acc: {:f}", train, val);
  return fmt::format("train {0}: {1:f}; val {0}: {2:f}", name_of(score), train, val);
}

Score score_of(Loss loss) {
  if (takes_labels(loss)) return Score::accuracy;
  return loss == Loss::sigmoid ? Score::f1 : Score::r2;
}

double mean_f1(std::span<const LabelCounts> labels) {
  double sum = 0, count = 0;
  for (const LabelCounts& label : labels) {
    if (!label.occurs()) continue;
    sum += label.f1();
    ++count;
  }
  return count > 0 ? sum / count : 1;
}

double mean_r2(std::span<const NumberErrors> numbers) {
  double sum = 0;
  for (const NumberErrors& number : numbers) sum += number.r2();
  return sum / static_cast<double>(numbers.size());
}

}  // namespace lamina
