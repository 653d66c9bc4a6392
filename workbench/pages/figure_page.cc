// Figures as pieces of a page: their numbers as JSON, and the script and style that draw them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "workbench/pages/figures.h"

namespace lamina {

namespace detail {
extern const char* const kAxesScript;
extern const char* const kFigureScript;
extern const char* const kFigureStyle;
}  // namespace detail

namespace {

using nlohmann::ordered_json;

constexpr std::size_t kMostPoints = 8000;

// JSON has no infinities and no NaN.
ordered_json json_number(double value, int digits) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == std::trunc(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return digits >= 17 ? value : std::strtod(fmt::format("{:.{}g}", value, digits).c_str(), nullptr);
}

ordered_json list(const std::vector<double>& values, int digits) {
  ordered_json json = ordered_json::array();
  for (const double value : values) json.push_back(json_number(value, digits));
  return json;
}

ordered_json to_json(const Series& series, int digits) {
  ordered_json json = {{"name", series.name}, {"x", list(series.x, digits)}, {"y", list(series.y, digits)}};
  if (!series.line) json["line"] = false;
  if (series.dots) json["dots"] = true;
  if (series.faint) json["faint"] = true;
  if (series.colour) json["colour"] = *series.colour;
  if (!series.listed) json["listed"] = false;
  if (!series.titles.empty()) json["titles"] = series.titles;
  if (!series.keys.empty()) json["keys"] = series.keys;
  return json;
}

// The lowest and the highest of each stretch, and the ends.
Series thinned(const Series& all) {
  const std::size_t count = std::min(all.x.size(), all.y.size());
  if (count <= kMostPoints || !all.titles.empty()) return all;
  const std::size_t stretch = (2 * count + kMostPoints - 1) / kMostPoints;
  Series some = all;
  some.x.clear();
  some.y.clear();
  for (std::size_t first = 0; first < count; first += stretch) {
    std::size_t low = first, high = first;
    for (std::size_t i = first; i < std::min(first + stretch, count); ++i) {
      if (!std::isfinite(all.y[low]) || all.y[i] < all.y[low]) low = i;
      if (!std::isfinite(all.y[high]) || all.y[i] > all.y[high]) high = i;
    }
    for (const std::size_t i : {std::min(low, high), std::max(low, high)}) {
      some.x.push_back(all.x[i]);
      some.y.push_back(all.y[i]);
    }
  }
  return some;
}

}  // namespace

std::string figure_json(const Figure& figure, int digits) {
  ordered_json json = {{"title", figure.title},
                       {"x_label", figure.x_label},
                       {"y_label", figure.y_label},
                       {"log_x", figure.log_x},
                       {"series", ordered_json::array()}};
  if (figure.log_y) json["log_y"] = true;
  if (figure.percent) json["percent"] = true;
  if (figure.from_zero) json["from_zero"] = true;
  if (!figure.smooth) json["smooth"] = false;
  for (const Series& series : figure.series) json["series"].push_back(to_json(series, digits));
  for (const FigureLine& line : figure.lines)
    json["lines"].push_back({{"y", json_number(line.y, digits)}, {"label", line.label}});
  for (const Mark& mark : figure.marks)
    json["marks"].push_back(
        {{"x", json_number(mark.x, digits)}, {"y", json_number(mark.y, digits)}, {"label", mark.label}});
  if (!figure.x_names.empty()) json["x_names"] = figure.x_names;
  return json.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
}

std::string figure_html(const Figure& figure) {
  Figure small = figure;
  for (Series& series : small.series) series = thinned(series);
  std::string data = figure_json(small, 6);
  for (std::size_t at = 0; (at = data.find('<', at)) != std::string::npos;) data.replace(at, 1, "\\u003c");
  return "<figure class=\"chart\"><figcaption>" + escape_html(figure.title) +
         "</figcaption><script type=\"application/json\">" + data + "</script></figure>\n";
}

std::string figure_style() { return detail::kFigureStyle; }

std::string figure_script() {
  return std::string("'use strict';\n(() => {\n") + detail::kAxesScript + detail::kFigureScript + "})();\n";
}

}  // namespace lamina
