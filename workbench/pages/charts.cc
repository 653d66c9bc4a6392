#include "workbench/pages/charts.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "workbench/pages/figures.h"

namespace lamina {

namespace detail {
extern const char* const kChartScript;
extern const char* const kChartStyle;
}  // namespace detail

namespace {

using nlohmann::ordered_json;

// JSON has no infinities and no NaN.
ordered_json number(double value, int digits) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (value == std::trunc(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return digits >= 17 ? value : std::stod(fmt::format("{:.{}g}", value, digits));
}

ordered_json list(const std::vector<double>& values, int digits) {
  ordered_json json = ordered_json::array();
  for (const double value : values) json.push_back(number(value, digits));
  return json;
}

}  // namespace

std::string chart_json(const Chart& chart, int digits) {
  ordered_json json = {{"title", chart.title},
                       {"x_label", chart.x_label},
                       {"y_label", chart.y_label},
                       {"log_x", chart.log_x},
                       {"series", ordered_json::array()}};
  if (chart.log_y) json["log_y"] = true;
  if (chart.percent) json["percent"] = true;
  for (const ChartSeries& series : chart.series)
    json["series"].push_back({{"name", series.name}, {"x", list(series.x, digits)}, {"y", list(series.y, digits)}});
  for (const ChartLine& line : chart.lines)
    json["lines"].push_back({{"y", number(line.y, digits)}, {"label", line.label}});
  return json.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
}

std::string chart_html(const Chart& chart) {
  std::string data = chart_json(chart, 6);
  for (std::size_t at = 0; (at = data.find('<', at)) != std::string::npos;) data.replace(at, 1, "\\u003c");
  return "<figure class=\"chart\"><figcaption>" + escape_html(chart.title) +
         "</figcaption><script type=\"application/json\">" + data + "</script></figure>\n";
}

std::string chart_style() { return detail::kChartStyle; }

std::string chart_script() { return detail::kChartScript; }

}  // namespace lamina
