// The figures of a training run: losses and scores.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "workbench/pages/figures.h"
#include "workbench/pages/page_text.h"

namespace lamina {
namespace {

// The running mean over up to `width` values around each value. Values that are not finite are left out.
std::vector<double> running_mean(const std::vector<double>& values, std::size_t width) {
  const std::size_t half = width / 2;
  std::vector<double> means;
  means.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t left = std::min(half, i);
    const std::size_t right = std::min(left, values.size() - 1 - i);
    double sum = 0;
    std::size_t count = 0;
    for (std::size_t k = i - left; k <= i + right; ++k)
      if (std::isfinite(values[k])) sum += values[k], ++count;
    means.push_back(count > 0 ? sum / static_cast<double>(count) : NAN);
  }
  return means;
}

}  // namespace

Figure loss_figure(const RunRecord& record) {
  const std::vector<double>& losses = record.history.loss_history;
  Figure figure;
  figure.smooth = false;  // its mean is a series of its own
  figure.title = "Training loss";
  figure.x_label = "iteration";
  figure.y_label = "loss";
  Series each{"each mini-batch", {}, losses};
  for (std::size_t i = 0; i < losses.size(); ++i) each.x.push_back(static_cast<double>(i + 1));
  std::vector<double> sorted;
  for (const double loss : losses)
    if (std::isfinite(loss)) sorted.push_back(loss);
  std::sort(sorted.begin(), sorted.end());
  if (!sorted.empty()) {
    const double middle = sorted[sorted.size() / 2];
    figure.log_y = sorted.front() > 0 && (sorted.back() > 20 * middle || middle > 50 * sorted.front());
    figure.from_zero = !figure.log_y && sorted.front() >= 0;
  }
  if (losses.size() >= 100) {
    const std::size_t width = std::clamp<std::size_t>(losses.size() / 40, 5, 501) | 1;
    each.faint = true;
    Series mean{fmt::format("mean of {} iterations", width), each.x, running_mean(losses, width)};
    each.colour = mean.colour = 0;
    figure.series = {std::move(each), std::move(mean)};
  } else {
    each.name = "";
    each.dots = losses.size() <= 40;
    figure.series = {std::move(each)};
  }
  return figure;
}

Figure accuracy_figure(const RunRecord& record) {
  const History& history = record.history;
  std::vector<Index> checks = record.check_iterations;
  if (checks.empty())
    checks = default_check_iterations(static_cast<Index>(history.loss_history.size()), record.iterations_per_epoch);
  Figure figure;
  figure.title = score_title(record.score);
  figure.x_label = "epoch";
  figure.y_label = name_of(record.score);
  figure.percent = record.score == Score::accuracy;
  figure.from_zero = true;
  const bool dots = checks.size() <= 60;
  Series train{"training", {}, {}, true, dots, false, 1};
  Series val{"validation", {}, {}, true, dots, false, 0};
  const std::size_t count = std::min({checks.size(), history.train_acc_history.size(), history.val_acc_history.size()});
  for (std::size_t i = 0; i < count; ++i) {
    const double epoch = static_cast<double>(checks[i]) / static_cast<double>(record.iterations_per_epoch);
    train.x.push_back(epoch);
    val.x.push_back(epoch);
    train.y.push_back(history.train_acc_history[i]);
    val.y.push_back(history.val_acc_history[i]);
  }
  std::size_t best = count;
  for (std::size_t i = 0; i < count; ++i)
    if (std::isfinite(val.y[i]) && (best == count || val.y[i] > val.y[best])) best = i;
  if (best < count)
    figure.marks.push_back(
        {val.x[best], val.y[best], fmt::format("best on validation: {}", score_text(record.score, val.y[best]))});
  // R^2 may begin at -1000: the rest would be a flat line.
  constexpr double kLeastShown = -1;
  if (record.score == Score::r2 && best < count && val.y[best] > 0) {
    const auto too_low = [&](double y) { return y < kLeastShown; };
    if (std::any_of(train.y.begin(), train.y.end(), too_low) || std::any_of(val.y.begin(), val.y.end(), too_low))
      figure.y_label += fmt::format(" (below {}: not shown)", kLeastShown);
    for (Series* s : {&train, &val}) std::replace_if(s->y.begin(), s->y.end(), too_low, NAN);
  }
  figure.series = {std::move(train), std::move(val)};
  return figure;
}

}  // namespace lamina
