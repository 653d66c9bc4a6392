#include "workbench/pages/prediction_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace lamina {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

Figure scatter(std::string title, std::string x_label, std::string y_label) {
  Figure figure;
  figure.title = std::move(title);
  figure.x_label = std::move(x_label);
  figure.y_label = std::move(y_label);
  figure.smooth = false;
  Series points{"examples", {}, {}};
  points.line = false;
  points.dots = true;
  points.colour = 0;
  figure.series = {std::move(points)};
  return figure;
}

/// The points of a precision-recall curve, from the highest logit down; examples of equal logits come together.
struct Curve {
  std::vector<double> recall, precision;
  double decided_recall = 0, decided_precision = 0;  ///< of the examples with a logit above 0
  bool decides = false;                              ///< whether there are any
};

Curve curve_of(const Tensor<double>& logits, const Tensor<double>& targets, Index k) {
  std::vector<Index> order(at(logits.dim(0)));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return logits(a, k) > logits(b, k); });
  double truly = 0, right = 0;
  for (const Index i : order) truly += targets(i, k) > 0.5 ? 1 : 0;
  Curve curve;
  for (std::size_t n = 0; n < order.size(); ++n) {
    const double logit = logits(order[n], k);
    right += targets(order[n], k) > 0.5 ? 1 : 0;
    if (n + 1 < order.size() && logits(order[n + 1], k) == logit) continue;
    curve.recall.push_back(right / truly);
    curve.precision.push_back(right / static_cast<double>(n + 1));
    if (logit <= 0) continue;
    curve.decides = true;
    curve.decided_recall = curve.recall.back();
    curve.decided_precision = curve.precision.back();
  }
  return curve;
}

}  // namespace

std::string confusion_table(const std::vector<std::string>& class_names,
                            const std::vector<std::vector<Index>>& confusion) {
  if (class_names.size() > kMostConfusionClasses) return {};
  std::string text =
      "<div class=\"scroll\" tabindex=\"0\"><table class=\"confusion\">\n<thead><tr><th scope=\"col\">true class</th>";
  for (const std::string& name : class_names)
    text += fmt::format("<th class=\"n\" scope=\"col\">{}</th>", escape_html(name));
  text += "</tr></thead><tbody>\n";
  for (std::size_t i = 0; i < class_names.size(); ++i) {
    const Index all = std::max<Index>(1, std::accumulate(confusion[i].begin(), confusion[i].end(), Index{0}));
    text += fmt::format("<tr><th scope=\"row\">{}</th>", escape_html(class_names[i]));
    for (std::size_t j = 0; j < class_names.size(); ++j)
      text += fmt::format("<td class=\"n{}\" style=\"--share:{:.0f}%\">{}</td>", i == j ? " right" : "",
                          70.0 * static_cast<double>(confusion[i][j]) / static_cast<double>(all), confusion[i][j]);
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>\n";
}

std::vector<Figure> regression_figures(const std::vector<std::string>& names, const Tensor<double>& predicted,
                                       const Tensor<double>& targets) {
  constexpr Index kMostFigures = 4, kMostPoints = 2000;
  const Index N = targets.dim(0), K = targets.dim(1), shown = std::min(N, kMostPoints);
  std::vector<Figure> figures;
  for (Index k = 0; k < std::min(K, kMostFigures); ++k) {
    const std::string& name = names[at(k)];
    Figure values = scatter("Predicted against true: " + name, "true", "predicted");
    Figure residuals = scatter("Residuals: " + name, "predicted", "true - predicted");
    Series& point = values.series[0];
    for (Index n = 0; n < shown; ++n) {
      const Index i = n * N / shown;
      const double t = targets(i, k), x = predicted(i, k);
      point.x.push_back(t);
      point.y.push_back(x);
      residuals.series[0].x.push_back(x);
      residuals.series[0].y.push_back(t - x);
    }
    const auto [least, most] = std::minmax_element(point.x.begin(), point.x.end());
    Series same{"predicted = true", {*least, *most}, {*least, *most}};
    same.colour = 1;
    values.series.push_back(std::move(same));
    residuals.lines.push_back({0, ""});
    figures.push_back(std::move(values));
    figures.push_back(std::move(residuals));
  }
  return figures;
}

Figure precision_recall_figure(const std::vector<std::string>& names, const Tensor<double>& logits,
                               const Tensor<double>& targets) {
  const Index K = targets.dim(1);
  std::vector<double> truly(at(K));
  for (Index i = 0; i < targets.dim(0); ++i)
    for (Index k = 0; k < K; ++k) truly[at(k)] += targets(i, k) > 0.5 ? 1 : 0;
  std::vector<Index> labels(at(K));
  std::iota(labels.begin(), labels.end(), Index{0});
  std::stable_sort(labels.begin(), labels.end(), [&](Index a, Index b) { return truly[at(a)] > truly[at(b)]; });
  labels.resize(std::min<std::size_t>(labels.size(), kFigureColours));
  std::erase_if(labels, [&](Index k) { return truly[at(k)] == 0; });
  std::sort(labels.begin(), labels.end());

  Figure figure;
  figure.title = "Precision and recall";
  figure.x_label = "recall";
  figure.y_label = "precision";
  figure.smooth = false;
  figure.from_zero = true;
  for (const Index k : labels) {
    Curve curve = curve_of(logits, targets, k);
    if (curve.decides) figure.marks.push_back({curve.decided_recall, curve.decided_precision, ""});
    figure.series.push_back({names[at(k)], std::move(curve.recall), std::move(curve.precision)});
  }
  return figure;
}

}  // namespace lamina
