// What accuracy checks measure: the score of a net's predictions. Higher is better, and 1 is the best.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/nets/loss.h"
#include "lamina/tensor.h"

namespace lamina {

enum class Score {
  accuracy,  ///< the fraction of examples whose label has the highest score
  f1,  ///< the mean over K labels of 2 right / (predicted + true); a label is predicted where its logit is above 0
  r2   ///< the mean over K numbers of 1 - sum (t - x)^2 / sum (t - mean of t)^2
};

/// "accuracy", "mean F1", "R^2"
std::string_view name_of(Score score);
/// "train acc: 0.512000; val_acc: 0.498000", as the course prints accuracies, or "train R^2: 0.512000; val R^2:
/// 0.498000".
std::string scores_text(Score score, double train, double val);
/// "acc", "mean F1", "R^2"
inline std::string_view short_name(Score score) { return score == Score::accuracy ? "acc" : name_of(score); }
/// The score of nets with this loss.
Score score_of(Loss loss);

namespace detail {

/// As np.argmax: the index of the first maximum, where a NaN counts as the maximum.
template <class T>
Index argmax(std::span<const T> x) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) return static_cast<Index>(i);
    if (x[i] > x[best]) best = i;
  }
  return static_cast<Index>(best);
}

}  // namespace detail

/// The F1 score of one label: the harmonic mean of precision and recall.
struct LabelCounts {
  double right = 0, predicted = 0, truly = 0;  ///< examples: predicted and true, predicted, true
  void add(double times, double logit, double target) {
    const bool is_predicted = logit > 0, is_true = target > 0.5;
    right += is_predicted && is_true ? times : 0;
    predicted += is_predicted ? times : 0;
    truly += is_true ? times : 0;
  }
  /// Whether the label occurs at all, in the targets or the predictions. If not, it has no F1.
  bool occurs() const { return predicted + truly > 0; }
  double f1() const { return 2 * right / (predicted + truly); }
};

/// The errors of the predictions of one number.
struct NumberErrors {
  double count = 0, mean = 0, spread = 0;            ///< of the targets: their number, mean, and sum of (t - mean)^2
  double squared = 0, absolute = 0;                  ///< sums of (t - x)^2 and |t - x|
  void add(double times, double x, double target) {  // the spread by Welford's update
    count += times;
    const double before = target - mean;
    mean += times * before / count;
    spread += times * before * (target - mean);
    squared += times * (target - x) * (target - x);
    absolute += times * std::abs(target - x);
  }
  double rmse() const { return std::sqrt(squared / count); }
  double mae() const { return absolute / count; }
  /// Where all targets are the same, 1 if the predictions are right, otherwise 0.
  double r2() const { return spread > 0 ? 1 - squared / spread : squared == 0 ? 1 : std::isnan(squared) ? squared : 0; }
};

/// The mean F1 of the labels that occur; 1 if none does.
double mean_f1(std::span<const LabelCounts> labels);
/// The mean R^2.
double mean_r2(std::span<const NumberErrors> numbers);

}  // namespace lamina
