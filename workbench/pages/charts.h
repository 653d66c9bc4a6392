// Figures of pages that answer: values under the pointer or the arrow keys, series that can be hidden, zoom. The page
// draws them from their numbers with one script, workbench/pages/web/charts.js.
#pragma once

#include <string>
#include <vector>

namespace lamina {

struct ChartSeries {
  std::string name;
  std::vector<double> x, y;  ///< as many; x ascending
};

/// A dashed line across the figure.
struct ChartLine {
  double y = 0;
  std::string label;
};

/// Series over one pair of axes.
struct Chart {
  std::string title, x_label, y_label;
  bool log_x = false;
  std::vector<ChartSeries> series = {};
  bool log_y = false;    ///< to begin with; the reader may change it
  bool percent = false;  ///< y values are fractions, to be shown as percentages
  std::vector<ChartLine> lines = {};
};

/// {title, x_label, y_label, log_x, series [{name, x, y}]}, and where they are not empty or false log_y, percent and
/// lines [{y, label}]; values of so many digits (17: as they are). NaN is null, infinities are "inf" and "-inf".
std::string chart_json(const Chart& chart, int digits = 17);

/// A <figure class="chart"> for a page that has chart_style() in its head and chart_script() at its end. Figures stand
/// side by side in a <div class="charts">.
std::string chart_html(const Chart& chart);
/// Colours of the page, light and dark (--page, --panel, --ink, --muted, --rule, --axis, --c0 to --c5), and the
/// figures' rules, as CSS.
std::string chart_style();
/// Draws all figures of the page, once its end is read.
std::string chart_script();

}  // namespace lamina
