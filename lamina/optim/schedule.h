// Learning-rate schedules. A schedule gives a factor for each iteration, by which Solver multiplies the learning rate.
#pragma once

#include <optional>

#include "lamina/options.h"
#include "lamina/tensor.h"

namespace lamina {

/// none: 1.  step: step_factor^floor(t / (step_epochs P)).  cosine: (1 + cos(pi p)) / 2 (Loshchilov and Hutter, 2017).
/// one_cycle: the same, after a warm-up (Smith and Topin, 2018).
enum class ScheduleKind { none, step, cosine, one_cycle };

struct Schedule {
  ScheduleKind kind = ScheduleKind::none;
  /// The length of the warm-up, w iterations, in which the factor rises linearly: it is (t + 1) / w in iteration t, or,
  /// for one_cycle, goes from 1/25 to 1. Unless set, there is none, and one_cycle's takes 30% of all iterations.
  std::optional<double> warmup_epochs = {};
  double step_epochs = 10;   ///< step: epochs between drops of the rate
  double step_factor = 0.1;  ///< step: the factor of a drop, above 0 and at most 1

  bool operator==(const Schedule&) const = default;
};

/// The factor in iteration t of T, counted from 0, with P iterations per epoch; p above is (t - w) / (T - w), after a
/// warm-up of w iterations. The factor is always above 0, and 1 without schedule and warm-up.
double schedule_factor(const Schedule& schedule, Index t, Index T, Index P);

void visit_options(Schedule& schedule, const VisitOption& visit);

}  // namespace lamina
