#include "workbench/pages/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "workbench/pages/page_text.h"

namespace lamina {
namespace {

// Positions and sizes in units of the viewBox.
constexpr double kWidth = 640, kHeight = 380;
constexpr double kLeft = 66, kRight = 18, kTop = 62, kBottom = 54;
constexpr double kPlotWidth = kWidth - kLeft - kRight, kPlotHeight = kHeight - kTop - kBottom;
constexpr double kLargest = 1e300;  // beyond it, differences of two values might overflow

bool usable(double v, bool log) { return std::abs(v) < kLargest && (!log || v > 1 / kLargest); }

struct Axis {
  double low = 0, high = 1;
  bool log = false;
  std::vector<double> ticks;
  int decimals = 0;

  /// The position on the axis: 0 at the low end, 1 at the high end.
  double place(double v) const {
    return log ? (std::log10(v) - std::log10(low)) / (std::log10(high) - std::log10(low)) : (v - low) / (high - low);
  }
};

// The smallest 1, 2 or 5 times a power of ten that is at least `step`.
double nice_step(double step) {
  const double power = std::pow(10, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= step * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

void set_ticks(Axis& axis, double step) {
  axis.decimals = std::clamp(static_cast<int>(-std::floor(std::log10(step) + 1e-9)), 0, 12);
  const double first = std::ceil(axis.low / step - 1e-6);
  const double last = std::floor(axis.high / step + 1e-6);
  for (double k = first; k <= last && axis.ticks.size() < 50; ++k) axis.ticks.push_back(k * step);
}

Axis linear_axis(double low, double high, int count, bool widen, double least_step) {
  const double size = std::max({std::abs(low), std::abs(high), 1e-290});
  if (high - low < 1e-9 * size) {
    const double half = widen ? 0.5 * size : 0.5;
    high += half;
    low = low > 0 ? std::max(0.0, low - half) : low - half;
  }
  const double step = std::max(least_step, nice_step((high - low) / count));
  Axis axis;
  axis.low = widen ? std::floor(low / step + 1e-9) * step : low;
  axis.high = widen ? std::ceil(high / step - 1e-9) * step : high;
  set_ticks(axis, step);
  return axis;
}

Axis log_axis(double low, double high) {
  Axis axis;
  axis.log = true;
  const double first = std::floor(std::log10(low));
  const double last = std::max(std::ceil(std::log10(high)), first + 1);
  axis.low = std::pow(10, first);
  axis.high = std::pow(10, last);
  const double step = std::ceil((last - first) / 7);
  for (double power = first; power <= last; power += step)
    for (const double factor : {1.0, 2.0, 5.0})
      if (factor == 1.0 || (last - first <= 2 && power < last)) axis.ticks.push_back(factor * std::pow(10, power));
  return axis;
}

struct Axes {
  Axis x, y;
};

Axes axes_of(const Figure& figure) {
  double low_x = kLargest, high_x = -kLargest, low_y = kLargest, high_y = -kLargest;
  for (const Series& s : figure.series)
    for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
      if (!usable(s.x[i], figure.log_x) || !usable(s.y[i], figure.log_y)) continue;
      low_x = std::min(low_x, s.x[i]);
      high_x = std::max(high_x, s.x[i]);
      low_y = std::min(low_y, s.y[i]);
      high_y = std::max(high_y, s.y[i]);
    }
  for (const FigureLine& line : figure.lines) {
    if (!usable(line.y, figure.log_y)) continue;
    low_y = std::min(low_y, line.y);
    high_y = std::max(high_y, line.y);
  }
  if (low_x > high_x) low_x = low_y = 0.1, high_x = high_y = 1;
  Axes axes;
  if (!figure.x_names.empty()) {
    axes.x.low = -0.5;
    axes.x.high = static_cast<double>(figure.x_names.size()) - 0.5;
    for (std::size_t i = 0; i < figure.x_names.size(); ++i) axes.x.ticks.push_back(static_cast<double>(i));
  } else if (figure.log_x) {
    axes.x = log_axis(low_x, high_x);
  } else {
    if (low_x > 0 && low_x <= 0.5 * high_x) low_x = 0;
    axes.x = linear_axis(low_x, high_x, 8, false, high_x - low_x >= 2 ? 1 : 0);  // iterations and epochs are whole
  }
  if (figure.log_y) {
    axes.y = log_axis(low_y, high_y);
  } else {
    if (figure.from_zero) low_y = std::min(low_y, 0.0);
    if (figure.percent && figure.from_zero) high_y = std::max(high_y, 0.1);
    axes.y = linear_axis(low_y, high_y, 6, true, figure.percent ? 0.001 : 0);
  }
  return axes;
}

double pixel_x(const Axis& axis, double v) { return kLeft + kPlotWidth * axis.place(v); }
double pixel_y(const Axis& axis, double v) { return kTop + kPlotHeight * (1 - axis.place(v)); }

std::string with_commas(std::string digits) {
  std::size_t end = std::min(digits.find('.'), digits.size());
  const std::size_t begin = digits[0] == '-' ? 1 : 0;
  while (end > begin + 3) digits.insert(end -= 3, ",");
  return digits;
}

std::string tick_text(const Axis& axis, double v, bool percent) {
  if (!axis.log && std::abs(v) < 1e-12 * std::max(std::abs(axis.low), std::abs(axis.high))) v = 0;
  if (percent) return fmt::format("{:.{}f}%", 100 * v, std::max(0, axis.decimals - 2));
  if (axis.log || std::abs(v) >= 1e7 || axis.decimals > 6) return fmt::format("{:g}", v);
  return with_commas(fmt::format("{:.{}f}", v, axis.decimals));
}

/// A name, shortened to fit its share of the axis.
std::string name_text(const std::vector<std::string>& names, double place) {
  const std::string& name = names[static_cast<std::size_t>(std::lround(place))];
  const auto room = static_cast<std::size_t>(std::max(2.0, kPlotWidth / static_cast<double>(names.size()) / 7.6));
  const std::string whole = first_letters(name, room);
  return whole == name ? name : first_letters(name, room - 1) + "\u2026";
}

// Of the i-th series.
int colour_of(const Figure& figure, std::size_t i) {
  return figure.series[i].colour.value_or(static_cast<int>(i % kFigureColours));
}

// Reduces a curve of many points to the lowest and highest of each pixel column.
std::string path_of(const Series& s, const Axes& axes, const Figure& figure) {
  struct Point {
    double x, y;
  };
  std::string path;
  std::vector<Point> column;
  bool pen_down = false;
  const auto put = [&](const Point& p) {
    fmt::format_to(std::back_inserter(path), "{}{:.1f} {:.1f}", pen_down ? "L" : "M", p.x, p.y);
    pen_down = true;
  };
  const auto flush = [&] {
    if (column.size() <= 2) {
      for (const Point& p : column) put(p);
    } else {
      auto [low, high] =
          std::minmax_element(column.begin(), column.end(), [](const Point& a, const Point& b) { return a.y < b.y; });
      if (high < low) std::swap(low, high);
      put(*low);
      put(*high);
    }
    column.clear();
  };
  for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
    if (!usable(s.x[i], figure.log_x) || !usable(s.y[i], figure.log_y)) {
      flush();
      pen_down = false;
      continue;
    }
    const Point p{pixel_x(axes.x, s.x[i]), pixel_y(axes.y, s.y[i])};
    if (!column.empty() && std::floor(column.front().x) != std::floor(p.x)) flush();
    column.push_back(p);
  }
  flush();
  return path;
}

void draw_axes(std::string& svg, const Figure& figure, const Axes& axes) {
  const auto out = std::back_inserter(svg);
  const double bottom = kTop + kPlotHeight;
  for (const double v : axes.y.ticks) {
    const double y = pixel_y(axes.y, v);
    fmt::format_to(out, "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft,
                   kLeft + kPlotWidth, y, y);
    fmt::format_to(out, "<text class=\"tick\" text-anchor=\"end\" x=\"{}\" y=\"{:.1f}\">{}</text>\n", kLeft - 9, y + 4,
                   tick_text(axes.y, v, figure.percent));
  }
  fmt::format_to(out, "<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n", kLeft, kLeft + kPlotWidth,
                 bottom, bottom);
  for (const double v : axes.x.ticks) {
    const double x = pixel_x(axes.x, v);
    fmt::format_to(out, "<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>", x, x, bottom,
                   bottom + 5);
    fmt::format_to(out, "<text class=\"tick\" text-anchor=\"middle\" x=\"{:.1f}\" y=\"{}\">{}</text>\n", x, bottom + 20,
                   figure.x_names.empty() ? tick_text(axes.x, v, false) : escape_html(name_text(figure.x_names, v)));
  }
  fmt::format_to(out, "<text class=\"label\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text>\n",
                 kLeft + kPlotWidth / 2, kHeight - 12, escape_html(figure.x_label));
  fmt::format_to(out, "<text class=\"label\" x=\"{}\" y=\"{}\">{}</text>\n", 14, kTop - 14,
                 escape_html(figure.y_label));
}

void draw_legend(std::string& svg, const Figure& figure) {
  const auto out = std::back_inserter(svg);
  double x = kLeft + kPlotWidth;
  for (std::size_t i = figure.series.size(); i-- > 0;) {
    const Series& s = figure.series[i];
    const std::string& name = s.legend.empty() ? s.name : s.legend;
    if (name.empty() || !s.listed) continue;
    x -= 7.6 * static_cast<double>(name.size()) + 10;  // about the width of the text
    fmt::format_to(out, "<text class=\"legend\" x=\"{:.1f}\" y=\"{}\">{}</text>", x, kTop - 14, escape_html(name));
    fmt::format_to(out, "<path class=\"c{} {}\" d=\"M{:.1f} {}h20\"/>\n", colour_of(figure, i),
                   s.faint ? "pale" : "line", x - 27, kTop - 18);
    x -= 40;
  }
}

void draw_dot(std::string& svg, const Series& s, int colour, std::size_t i, const Axes& axes) {
  fmt::format_to(std::back_inserter(svg), "<circle class=\"dot c{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"", colour,
                 pixel_x(axes.x, s.x[i]), pixel_y(axes.y, s.y[i]), s.titles.empty() ? "3.2" : "5");
  svg += i < s.titles.size() ? "><title>" + escape_html(s.titles[i]) + "</title></circle>\n" : std::string("/>\n");
}

struct Box {
  double left, top, right, bottom;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

// Whether the straight line from a to b passes through the box: whether the parts of the line between each pair of
// opposite edges overlap.
bool passes(double ax, double ay, double bx, double by, const Box& box) {
  double first = 0, last = 1;
  const auto clip = [&](double a, double b, double low, double high) {
    if (a == b) return low < a && a < high;
    const double one = (low - a) / (b - a), other = (high - a) / (b - a);
    first = std::max(first, std::min(one, other));
    last = std::min(last, std::max(one, other));
    return first < last;
  };
  return clip(ax, bx, box.left, box.right) && clip(ay, by, box.top, box.bottom);
}

// How many line segments and dots are under the box.
Index curves_under(const Box& box, const Figure& figure, const Axes& axes) {
  Index found = 0;
  for (const Series& s : figure.series) {
    bool before = false;
    double from_x = 0, from_y = 0;
    for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i) {
      const bool here = usable(s.x[i], figure.log_x) && usable(s.y[i], figure.log_y);
      const double x = here ? pixel_x(axes.x, s.x[i]) : 0, y = here ? pixel_y(axes.y, s.y[i]) : 0;
      if (here && s.line && before && passes(from_x, from_y, x, y, box)) ++found;
      if (here && s.dots && box.meets({x - 4, y - 4, x + 4, y + 4})) ++found;
      before = here;
      from_x = x;
      from_y = y;
    }
  }
  return found;
}

struct TextPlace {
  double x, y;
  bool to_the_left;
};

// The position at which a mark's label hides least: below, above or beside its ring, inside the plot if it fits there,
// and clear of the boxes `taken` by other labels, to which its own is added.
TextPlace place_of(const Mark& mark, const Figure& figure, const Axes& axes, std::vector<Box>& taken) {
  const double ring_x = pixel_x(axes.x, mark.x), ring_y = pixel_y(axes.y, mark.y);
  const double width = 7.2 * static_cast<double>(mark.label.size());  // about the width of the text
  const bool left = ring_x > kLeft + kPlotWidth / 2;
  const Box ring{ring_x - 8, ring_y - 8, ring_x + 8, ring_y + 8};
  TextPlace best{};
  Box box_of_best{};
  Index least = -1;
  for (const double down : {26.0, -14.0, 5.0, 44.0, -32.0, 62.0, -50.0, 80.0, -68.0})
    for (const bool to_the_left : {left, !left}) {
      const double aside = down == 5 ? -14 : 6;  // clear of the ring, or overlapping it a little
      TextPlace place{ring_x + (to_the_left ? aside : -aside), ring_y + down, to_the_left};
      place.x = to_the_left ? std::clamp(place.x, std::min(kLeft + width, kLeft + kPlotWidth), kLeft + kPlotWidth)
                            : std::clamp(place.x, kLeft, std::max(kLeft + kPlotWidth - width, kLeft));
      const double begin = to_the_left ? place.x - width : place.x;
      const Box box{begin, place.y - 13, begin + width, place.y + 4};
      Index cost = curves_under(box, figure, axes) + (box.meets(ring) ? 50 : 0);
      for (const Box& other : taken) cost += box.meets(other) ? 100 : 0;
      if (box.top < kTop || box.bottom > kTop + kPlotHeight) cost += 1000;
      if (least >= 0 && cost >= least) continue;
      least = cost;
      best = place;
      box_of_best = box;
    }
  taken.push_back(box_of_best);
  return best;
}

// The page's colours, and rules for the classes above.
std::string svg_style() {
  const std::string page = figure_style();
  std::string style = page.substr(0, page.find(".charts{"));
  style += R"(
.figure text{font-family:system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:14px;fill:var(--muted)}
.figure .title{font-size:18px;font-weight:600;fill:var(--ink)}
.figure .legend,.figure .mark-text{fill:var(--ink)}
.figure .tick{font-variant-numeric:tabular-nums}
.figure .grid{stroke:var(--rule)}.figure .axis{stroke:var(--axis)}
.figure path{fill:none;stroke-linejoin:round;stroke-linecap:round}
.figure .line{stroke-width:2.2}.figure .faint{stroke-width:1.2;opacity:.55}.figure .pale{stroke-width:6;opacity:.4}
.figure .mark-text{paint-order:stroke;stroke:var(--page);stroke-width:5px;stroke-linejoin:round}
.figure .dot{fill:var(--page);stroke-width:2}.figure .ring{fill:none;stroke:var(--ink);stroke-width:1.5}
.figure .reference{stroke:var(--axis);stroke-dasharray:6 5}
.figure .paper{fill:var(--page)}
)";
  for (int i = 0; i < kFigureColours + kRampColours; ++i)
    style += fmt::format(".figure .c{}{{stroke:var(--c{})}}\n", i, i);
  return style;
}

std::string described(const Figure& figure) {
  std::string text = figure.title + ": " + figure.y_label + " against " + figure.x_label + ".";
  for (const Mark& mark : figure.marks) text += " " + mark.label + ".";
  return text;
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return result;
}

std::string to_svg(const Figure& figure) {
  const Axes axes = axes_of(figure);
  std::string svg;
  const auto out = std::back_inserter(svg);
  fmt::format_to(out,
                 "<svg class=\"figure\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" "
                 "aria-label=\"{}\">\n",
                 kWidth, kHeight, escape_html(described(figure)));
  svg += "<style>\n" + svg_style() + "</style>\n<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n";
  fmt::format_to(out, "<text class=\"title\" x=\"14\" y=\"24\">{}</text>\n", escape_html(figure.title));
  draw_axes(svg, figure, axes);
  draw_legend(svg, figure);
  for (const FigureLine& line : figure.lines)
    if (const double y = pixel_y(axes.y, line.y); usable(line.y, figure.log_y))
      fmt::format_to(out,
                     "<line class=\"reference\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/><text x=\"{}\" "
                     "y=\"{:.1f}\">{}</text>\n",
                     kLeft, kLeft + kPlotWidth, y, y, kLeft + 6, y - 5, escape_html(line.label));
  for (const bool faint : {true, false})
    for (std::size_t i = 0; i < figure.series.size(); ++i)
      if (const Series& s = figure.series[i]; s.faint == faint && s.line)
        fmt::format_to(out, "<path class=\"c{} {}\" d=\"{}\"/>\n", colour_of(figure, i), faint ? "faint" : "line",
                       path_of(s, axes, figure));
  for (std::size_t k = 0; k < figure.series.size(); ++k) {
    const Series& s = figure.series[k];
    if (!s.dots) continue;
    for (std::size_t i = 0; i < std::min(s.x.size(), s.y.size()); ++i)
      if (usable(s.x[i], figure.log_x) && usable(s.y[i], figure.log_y)) draw_dot(svg, s, colour_of(figure, k), i, axes);
  }
  std::vector<Box> labels;
  for (const Mark& mark : figure.marks) {
    if (!usable(mark.x, figure.log_x) || !usable(mark.y, figure.log_y)) continue;
    const TextPlace place = place_of(mark, figure, axes, labels);
    fmt::format_to(out, "<circle class=\"ring\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"7.5\"/>", pixel_x(axes.x, mark.x),
                   pixel_y(axes.y, mark.y));
    fmt::format_to(out, "<text class=\"mark-text\" text-anchor=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n",
                   place.to_the_left ? "end" : "start", place.x, place.y, escape_html(mark.label));
  }
  return svg + "</svg>\n";
}

}  // namespace lamina
