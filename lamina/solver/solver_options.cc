#include "lamina/solver/solver_options.h"

#include <algorithm>
#include <array>

#include "lamina/check.h"

namespace lamina {
namespace detail {

void visit_update_rule(UpdateRule& rule, const VisitOption& visit) {
  std::array<std::string_view, kUpdateRules.size()> names;
  std::transform(kUpdateRules.begin(), kUpdateRules.end(), names.begin(), [](UpdateRule each) { return each->name; });
  const auto found = std::find(kUpdateRules.begin(), kUpdateRules.end(), rule);
  auto chosen = static_cast<std::size_t>(found - kUpdateRules.begin());
  if (found == kUpdateRules.end()) return;  // a rule of the user's own, which no word stands for
  const std::string help = update_rule_names();
  visit({.name = "update_rule", .help = help, .alias = "optimizer"}, Choice{names, &chosen});
  rule = kUpdateRules[chosen];
}

// The help says which rules read an option that not all of them do.
void visit_optim_config(OptimConfig& config, const VisitOption& visit) {
  visit_options(config, [&](Option option, const OptionValue& value) {
    std::string rules;
    for (const UpdateRule rule : kUpdateRules)
      if (rule->reads(option.name)) rules += (rules.empty() ? "" : ", ") + std::string(rule->name);
    const std::string help = std::string(option.help) + " (" + rules + ")";
    if (option.name != "learning_rate" && option.name != "weight_decay") option.help = help;
    visit(option, value);
  });
}

void check_options(const SolverOptions& options) {
  SolverOptions copy = options;
  lamina::check_options("Solver", [&](const VisitOption& visit) { visit_options(copy, visit); });
  if (options.slots > options.batch_size)
    fail("Solver", "expected slots of 1 to ", options.batch_size, ", the batch_size, got ", options.slots);
}

Index iterations_per_epoch(Index num_train, Index batch_size) { return std::max(num_train / batch_size, Index{1}); }

Index count_iterations(Index num_train, const SolverOptions& options) {
  Index count;
  if (__builtin_mul_overflow(options.num_epochs, iterations_per_epoch(num_train, options.batch_size), &count))
    fail("Solver", "expected num_epochs for fewer than 2^63 iterations, got ", options.num_epochs);
  return count;
}

}  // namespace detail
}  // namespace lamina
