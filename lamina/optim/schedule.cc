#include "lamina/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace lamina {
namespace {

constexpr std::string_view kNames[] = {"none", "step", "cosine", "one-cycle"};  // in the order of ScheduleKind
constexpr double kOneCycleStart = 1.0 / 25, kOneCycleWarmup = 0.3;

}  // namespace

void visit_options(Schedule& schedule, const VisitOption& visit) {
  visit_choice(visit,
               {.name = "schedule",
                .help = "The learning rate's course: none, step (drops), cosine (falls to 0) or one-cycle (rises, then "
                        "falls to 0)",
                .newer = true},
               schedule.kind, kNames);
  visit({.name = "warmup_epochs",
         .help = "The learning rate rises for so many epochs [none; with one-cycle 30% of all]",
         .range = {.open_least = schedule.kind == ScheduleKind::one_cycle},  // without it, one-cycle is cosine
         .newer = true},
        &schedule.warmup_epochs);
  visit({.name = "step_epochs",
         .help = "Epochs from one drop to the next",
         .range = {.open_least = true},
         .needs = "schedule",
         .needs_value = "step",
         .newer = true},
        &schedule.step_epochs);
  visit({.name = "step_factor",
         .help = "What a drop multiplies by",
         .range = {.most = 1, .open_least = true},
         .needs = "schedule",
         .needs_value = "step",
         .newer = true},
        &schedule.step_factor);
}

double schedule_factor(const Schedule& schedule, Index t, Index T, Index P) {
  const auto at = static_cast<double>(t), total = static_cast<double>(T), epoch = static_cast<double>(P);
  const bool one_cycle = schedule.kind == ScheduleKind::one_cycle;
  const double usual = one_cycle ? kOneCycleWarmup * total : 0;
  const double warmup = std::min(std::round(schedule.warmup_epochs ? *schedule.warmup_epochs * epoch : usual), total);
  if (at < warmup) return one_cycle ? kOneCycleStart + (1 - kOneCycleStart) * at / warmup : (at + 1) / warmup;
  if (schedule.kind == ScheduleKind::none) return 1;
  if (schedule.kind == ScheduleKind::step)
    return std::max(std::pow(schedule.step_factor, std::floor(at / (schedule.step_epochs * epoch))),
                    std::numeric_limits<double>::min());
  const double p = (at - warmup) / (total - warmup);
  return std::max((1 + std::cos(std::numbers::pi * p)) / 2, std::numeric_limits<double>::min());
}

}  // namespace lamina
