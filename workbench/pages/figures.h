// Figures as SVG: lines and dots over two axes, readable on light and dark pages.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lamina/solver/diagnostics.h"
#include "lamina/tensor.h"
#include "workbench/pages/run_files.h"

namespace lamina {

/// One curve. Points with a value that is not finite are left out, and the line breaks there.
struct Series {
  std::string name;
  std::vector<double> x, y;
  bool line = true;         ///< join the points
  bool dots = false;        ///< mark the points
  bool faint = false;       ///< drawn thin and pale, behind the others
  int colour = 0;           ///< 0 to 4: one of the page's colours; 5 to 12: a ramp, for curves that have an order
  std::string legend = {};  ///< the text in the legend; if empty, the name
  bool listed = true;       ///< whether the legend has the curve
  /// The tooltip of each marked point, and a number by which the page's script can identify the point.
  std::vector<std::string> titles = {};
  std::vector<Index> keys = {};
};

/// A point with a ring and a label.
struct Mark {
  double x = 0, y = 0;
  std::string label;
};

struct Figure {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  std::vector<Mark> marks;
  bool percent = false;    ///< y values are fractions, to be shown as percentages
  bool from_zero = false;  ///< the y axis starts at 0
  bool log_y = false;      ///< logarithmic y axis; values of 0 or less are left out
  bool log_x = false;      ///< the same for the x axis
  /// If not empty, the texts at x = 0, 1, 2, ... in place of numbers.
  std::vector<std::string> x_names = {};
};

/// The figure as SVG text: if `standalone`, a complete file with its own colours, light and dark; otherwise a part of a
/// page that contains figure_style(). Curves of many points are reduced to the lowest and highest of each pixel column.
std::string to_svg(const Figure& figure, bool standalone = true);

/// The CSS of figures, with their colours.
std::string figure_style();

/// The figure's numbers and the positions of its axes for the report's script, as JSON that is safe inside a <script>.
/// A curve has at most 2,000 points.
std::string figure_data(const Figure& figure);

/// Loss against iteration, with a running mean if there are many; logarithmic if the losses span a wide range.
Figure loss_figure(const RunRecord& record);
/// Training and validation accuracy against epoch.
Figure accuracy_figure(const RunRecord& record);
/// The measurements inside a net against iteration, one curve per layer: gradients, updates, weights, outputs, and, for
/// nets with ReLUs, outputs that are 0 and dead ReLUs.
std::vector<Figure> diagnostics_figures(const Diagnostics& diagnostics);

/// "&lt;" for "<" and so on, for text and attributes of HTML and SVG. Control characters become spaces.
std::string escape_html(std::string_view text);

}  // namespace lamina
