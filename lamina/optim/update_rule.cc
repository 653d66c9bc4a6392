#include "lamina/optim/update_rule.h"

#include "lamina/check.h"

namespace lamina {

std::string update_rule_names() {
  std::string names;
  for (const UpdateRule rule : kUpdateRules) names += (names.empty() ? "" : ", ") + std::string(rule->name);
  return names;
}

UpdateRule update_rule_from_name(std::string_view name) {
  for (const UpdateRule rule : kUpdateRules)
    if (rule->name == name) return rule;
  fail("update_rule", "expected one of ", update_rule_names(), ", got '", name, "'");
}

}  // namespace lamina
