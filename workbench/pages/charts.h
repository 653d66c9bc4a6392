// Interactive figures: they show values under the pointer or at the arrow keys, series can be hidden, and one can zoom.
// The page draws them from their numbers with one script, workbench/pages/web/charts.js.
#pragma once

#include <string>
#include <vector>

namespace lamina {

struct ChartSeries {
  std::string name;
  std::vector<double> x, y;  ///< of the same length; x ascending
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
  bool log_y = false;    ///< whether y is logarithmic at first; the reader may change it
  bool percent = false;  ///< y values are fractions, to be shown as percentages
  std::vector<ChartLine> lines = {};
};

/// {title, x_label, y_label, log_x, series [{name, x, y}]} as JSON, and, unless empty or false, log_y, percent and
/// lines [{y, label}]. Values have `digits` significant digits (17: exact). NaN is null, infinities are "inf" and
/// "-inf".
std::string chart_json(const Chart& chart, int digits = 17);

/// A <figure class="chart"> for a page that has chart_style() in its head and chart_script() at its end. Put figures
/// into a <div class="charts"> to show them side by side.
std::string chart_html(const Chart& chart);
/// CSS with the colours of the page, light and dark (--page, --panel, --ink, --muted, --rule, --axis, --c0 to --c5),
/// and the style of the figures.
std::string chart_style();
/// The script that draws all figures of the page when the browser reaches it.
std::string chart_script();

}  // namespace lamina
