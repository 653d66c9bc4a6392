// The table of update rules, and `UpdateRule`, which chooses one of them.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "lamina/optim/adagrad.h"
#include "lamina/optim/adam.h"
#include "lamina/optim/adamw.h"
#include "lamina/optim/rmsprop.h"
#include "lamina/optim/rule.h"
#include "lamina/optim/sgd.h"
#include "lamina/optim/sgd_momentum.h"

namespace lamina {

/// A choice among rules: one of the constants here, or kRule<R> of a struct R of your own.
class UpdateRule {
 public:
  constexpr UpdateRule(const Rule& rule) : rule_(&rule) {}
  constexpr operator const Rule&() const { return *rule_; }
  constexpr const Rule* operator->() const { return rule_; }
  friend constexpr bool operator==(UpdateRule a, UpdateRule b) { return a.rule_ == b.rule_; }

  static const UpdateRule sgd, sgd_momentum, rmsprop, adam, adagrad, adamw;

 private:
  const Rule* rule_;
};

inline constexpr UpdateRule UpdateRule::sgd = kRule<Sgd>;
inline constexpr UpdateRule UpdateRule::sgd_momentum = kRule<SgdMomentum>;
inline constexpr UpdateRule UpdateRule::rmsprop = kRule<Rmsprop>;
inline constexpr UpdateRule UpdateRule::adam = kRule<Adam>;
inline constexpr UpdateRule UpdateRule::adagrad = kRule<Adagrad>;
inline constexpr UpdateRule UpdateRule::adamw = kRule<Adamw>;

/// All rules, in the order in which messages list them.
inline constexpr std::array kUpdateRules{UpdateRule::sgd,  UpdateRule::sgd_momentum, UpdateRule::rmsprop,
                                         UpdateRule::adam, UpdateRule::adagrad,      UpdateRule::adamw};

/// The rule of that name. Throws std::invalid_argument for an unknown name, and lists the known ones.
UpdateRule update_rule_from_name(std::string_view name);
inline std::string_view name_of(UpdateRule rule) { return rule->name; }
/// "sgd, sgd_momentum, ...".
std::string update_rule_names();

}  // namespace lamina
