// The figures of the measurements inside a net, one curve per layer.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "workbench/pages/figures.h"

namespace lamina {
namespace {

/// The colour of layer i of n in the ramp.
int ramp_colour(std::size_t i, std::size_t n) {
  if (n < 2) return kFigureColours;
  return kFigureColours +
         static_cast<int>(std::lround(static_cast<double>(i) * (kRampColours - 1) / static_cast<double>(n - 1)));
}

Figure figure_of(const Diagnostics& diagnostics, Quantity quantity, const char* title, const char* label) {
  Figure figure;
  figure.title = title;
  figure.x_label = "iteration";
  figure.y_label = label;
  figure.smooth = false;
  const bool relus_alone = quantity == Quantity::zero_share || quantity == Quantity::dead_share;
  const std::size_t n = diagnostics.layers.size();
  for (std::size_t i = 0; i < n; ++i) {
    if (relus_alone && !diagnostics.layers[i].relu) continue;
    Series series{diagnostics.layers[i].name, {}, {}};
    series.colour = ramp_colour(i, n);
    series.dots = diagnostics.measurements.size() <= 30;
    if (n > 3) series.legend = fmt::format("{}", i + 1);  // names would not fit
    series.listed = n <= kRampColours || i % ((n + kRampColours - 1) / kRampColours) == 0 || i + 1 == n;
    for (const Measurement& measurement : diagnostics.measurements) {
      if (quantity == Quantity::update_ratio && !measurement.updated) continue;
      series.x.push_back(static_cast<double>(measurement.iteration));
      series.y.push_back(measurement.layers[i][quantity]);
    }
    figure.series.push_back(std::move(series));
  }
  return figure;
}

}  // namespace

std::vector<Figure> diagnostics_figures(const Diagnostics& diagnostics) {
  std::vector<Figure> figures = {figure_of(diagnostics, Quantity::gradient_norm, "Gradients", "|dW|"),
                                 figure_of(diagnostics, Quantity::update_ratio, "Updates", "|update| / |W|"),
                                 figure_of(diagnostics, Quantity::weight_norm, "Weights", "|W|"),
                                 figure_of(diagnostics, Quantity::output_std, "Outputs, deviation", "deviation")};
  for (Figure& figure : figures) figure.log_y = true;
  figures.push_back(figure_of(diagnostics, Quantity::output_mean, "Outputs, mean", "mean"));
  const auto has_relu = [](const LayerInfo& layer) { return layer.relu; };
  if (std::none_of(diagnostics.layers.begin(), diagnostics.layers.end(), has_relu)) return figures;
  for (const auto& [quantity, title] : {std::pair(Quantity::zero_share, "ReLU outputs that are 0"),
                                        std::pair(Quantity::dead_share, "ReLUs that are 0 for a whole batch")}) {
    figures.push_back(figure_of(diagnostics, quantity, title, "share"));
    figures.back().percent = true;
    figures.back().from_zero = true;
  }
  return figures;
}

}  // namespace lamina
