#include "lamina/optim/optim_config.h"

#include <cmath>
#include <sstream>

#include "lamina/check.h"

namespace lamina {

bool OptionRange::contains(double x) const {
  return std::isfinite(x) && (open_least ? x > least : x >= least) && (open_most ? x < most : x <= most);
}

std::string OptionRange::to_string() const {
  std::ostringstream text;
  if (most == kInfinity)
    open_least ? text << "above " << least : text << "of " << least << " or more";
  else if (open_least || open_most)
    text << (open_least ? "above " : "of ") << least << (open_least ? "" : " or more") << " and "
         << (open_most ? "below " : "at most ") << most;
  else
    text << "of " << least << " to " << most;
  return text.str();
}

namespace {

void check_option(std::string_view where, std::string_view name, double value, const OptionRange& range) {
  if (!range.contains(value)) fail(where, "expected ", name, " ", range.to_string(), ", got ", value);
}

void check_option(std::string_view where, std::string_view name, const std::optional<double>& value,
                  const OptionRange& range) {
  if (value) check_option(where, name, *value, range);
}

}  // namespace

void check_options(std::string_view where, const OptimConfig& config) {
  visit_options(config, [&](std::string_view name, const auto& value, const OptionRange& range, std::string_view) {
    check_option(where, name, value, range);
  });
}

}  // namespace lamina
