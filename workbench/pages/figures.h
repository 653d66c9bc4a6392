// Figures: curves and dots over two axes. Pages draw them from their numbers with one script, web/figures.js, and they
// answer there: values under the pointer or the arrow keys, series that can be hidden, zoom. As files they are SVG.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/solver/diagnostics.h"
#include "lamina/tensor.h"
#include "workbench/pages/run_files.h"

namespace lamina {

/// The colours of figures: six for series that have no order, then a ramp for those that have one.
inline constexpr int kFigureColours = 6, kRampColours = 8;

/// One curve; x ascends if it is a line. Points with a value that is not finite are left out, and the line breaks
/// there.
struct Series {
  std::string name;
  std::vector<double> x, y;        ///< as many
  bool line = true;                ///< join the points
  bool dots = false;               ///< mark the points; a page marks those of short lines anyway
  bool faint = false;              ///< drawn thin and pale, behind the others
  std::optional<int> colour = {};  ///< one of the six or of the ramp; by default that of its index among the series
  std::string legend = {};         ///< the text in an SVG file's legend; if empty, the name
  bool listed = true;              ///< whether the legend has the curve
  /// The tooltip of each marked point, and a number by which the page's script can identify the point.
  std::vector<std::string> titles = {};
  std::vector<Index> keys = {};
};

/// A point with a ring and a label.
struct Mark {
  double x = 0, y = 0;
  std::string label;
};

/// A dashed line across the figure.
struct FigureLine {
  double y = 0;
  std::string label;
};

struct Figure {
  std::string title, x_label, y_label;
  bool log_x = false;  ///< logarithmic x axis; values of 0 or less are left out
  std::vector<Series> series = {};
  bool log_y = false;      ///< the same of the y axis; on a page to begin with, the reader may change it
  bool percent = false;    ///< y values are fractions, to be shown as percentages
  bool from_zero = false;  ///< the y axis starts at 0
  bool smooth = true;      ///< a page draws long curves pale behind their running mean
  std::vector<FigureLine> lines = {};
  std::vector<Mark> marks = {};
  /// If not empty, the texts at x = 0, 1, 2, ... in place of numbers.
  std::vector<std::string> x_names = {};
};

/// {title, x_label, y_label, log_x, series [{name, x, y}]}, and the other members that do not have
/// their default; values are rounded to `digits` digits (17: not rounded). NaN is null, infinities are "inf" and
/// "-inf".
std::string figure_json(const Figure& figure, int digits = 17);

/// A <figure class="chart"> for a page that has figure_style() in its head and figure_script() at its end. Figures
/// stand side by side in a <div class="charts">, or in a <div class="charts wide">. A curve of many points is
/// reduced to the lowest and highest of each stretch.
std::string figure_html(const Figure& figure);
/// Colours of the page, light and dark (--page, --panel, --ink, --muted, --rule, --axis, --c0 to --c13), and the
/// figures' rules, as CSS.
std::string figure_style();
/// Draws all figures of the page, once its end is read.
std::string figure_script();

/// The figure as an SVG file with its own colours, light and dark. Curves of many points are reduced to the lowest and
/// highest of each pixel column.
std::string to_svg(const Figure& figure);

/// Loss against iteration, with a running mean if there are many; logarithmic if the losses span a wide range.
Figure loss_figure(const RunRecord& record);
/// The score of training and validation examples, such as the accuracy, against epoch.
Figure accuracy_figure(const RunRecord& record);
/// The measurements inside a net against iteration, one curve per layer: gradients, updates, weights, outputs, and, for
/// nets with ReLUs, outputs that are 0 and dead ReLUs.
std::vector<Figure> diagnostics_figures(const Diagnostics& diagnostics);

/// "&lt;" for "<" and so on, for text and attributes of HTML and SVG. Control characters become spaces.
std::string escape_html(std::string_view text);

}  // namespace lamina
