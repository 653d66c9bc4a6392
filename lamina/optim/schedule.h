// Learning-rate schedules: a factor for each iteration, by which the learning rate is multiplied.
#pragma once

#include <string_view>

#include "lamina/tensor.h"

namespace lamina {

/// none: 1.  step: step_factor^floor(t / (step_epochs P)).  cosine: (1 + cos(pi p)) / 2 (Loshchilov and Hutter, 2017).
/// one_cycle: the same, after a warm-up (Smith and Topin, 2018).
enum class ScheduleKind { none, step, cosine, one_cycle };

/// "none", "step", "cosine", "one-cycle". Throws std::invalid_argument for another name, listing these.
ScheduleKind schedule_from_name(std::string_view name);
std::string_view name_of(ScheduleKind kind);

struct Schedule {
  ScheduleKind kind = ScheduleKind::none;
  /// Epochs in which the rate rises: to (t + 1) / w in iteration t of w; for one_cycle from 1/25 to 1 in a straight
  /// line, and where it is 0, in the first 30% of all iterations.
  double warmup_epochs = 0;
  double step_epochs = 10;   ///< step: from one drop to the next
  double step_factor = 0.1;  ///< step: above 0, up to 1
};

/// The factor in iteration t of T, counted from 0, with P iterations an epoch. After a warm-up of w iterations
/// p = (t - w) / (T - w). Above 0 always, and 1 without a schedule or warm-up.
double schedule_factor(const Schedule& schedule, Index t, Index T, Index P);

/// Throws std::invalid_argument where an option is out of range.
void check_schedule(const Schedule& schedule);

}  // namespace lamina
