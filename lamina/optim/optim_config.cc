#include "lamina/optim/optim_config.h"

namespace lamina {

void visit_options(OptimConfig& config, const VisitOption& visit) {
  visit_members(config, [&](const Option& option, auto& value) { visit(option, &value); });
}

void check_options(std::string_view where, const OptimConfig& config) {
  OptimConfig copy = config;
  check_options(where, [&](const VisitOption& visit) { visit_options(copy, visit); });
}

}  // namespace lamina
