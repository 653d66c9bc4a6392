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
  int colour = 0;           ///< 0 to 4, of the page's colours; 5 to 12: a ramp, for curves that have an order
  std::string legend = {};  ///< in the legend in place of the name; empty: the name
  bool listed = true;       ///< in the legend
  /// What is told of each marked point where it is pointed at, and a number by which a page's script may know it.
  std::vector<std::string> titles = {};
  std::vector<Index> keys = {};
};

/// A point that is ringed and labelled.
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
  bool log_x = false;      ///< the same of the x axis
  /// Where there are any: what stands at x = 0, 1, 2, ... in place of numbers.
  std::vector<std::string> x_names = {};
};

/// The figure as SVG text. `standalone`: a whole file with its own colours, light and dark; otherwise a piece of a page
/// that has figure_style() in it. Curves of many points are thinned to the lowest and highest of each pixel column.
std::string to_svg(const Figure& figure, bool standalone = true);

/// The colours and rules of figures, as CSS.
std::string figure_style();

/// The figure's numbers and the places of its axes for the report's script, as JSON that may stand inside a <script>.
/// At most 2,000 points a curve.
std::string figure_data(const Figure& figure);

/// Loss against iteration, with a running mean where there are many; logarithmic where losses differ by much.
Figure loss_figure(const RunRecord& record);
/// Training and validation accuracy against epoch.
Figure accuracy_figure(const RunRecord& record);
/// What was measured inside a net against iteration, a curve a layer: gradients, updates, weights, outputs, and for
/// nets with ReLUs outputs that are 0 and dead ReLUs.
std::vector<Figure> diagnostics_figures(const Diagnostics& diagnostics);

/// "&lt;" for "<" and so on, for text and attributes of HTML and SVG. Control characters become spaces.
std::string escape_html(std::string_view text);

}  // namespace lamina
