#include "lamina/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "lamina/check.h"

namespace lamina {
namespace {

constexpr std::string_view kNames[] = {"none", "step", "cosine", "one-cycle"};
constexpr double kOneCycleStart = 1.0 / 25, kOneCycleWarmup = 0.3;

}  // namespace

ScheduleKind schedule_from_name(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == name) return static_cast<ScheduleKind>(i);
  fail("schedule", "expected one of none, step, cosine, one-cycle, got '", name, "'");
}

std::string_view name_of(ScheduleKind kind) {
  const auto i = static_cast<std::size_t>(kind);
  if (i >= std::size(kNames)) fail("schedule", "expected one of none, step, cosine, one-cycle, got number ", i);
  return kNames[i];
}

void check_schedule(const Schedule& schedule) {
  name_of(schedule.kind);
  if (!(std::isfinite(schedule.warmup_epochs) && schedule.warmup_epochs >= 0))
    fail("schedule", "expected warmup_epochs of 0 or more, got ", schedule.warmup_epochs);
  if (!(std::isfinite(schedule.step_epochs) && schedule.step_epochs > 0))
    fail("schedule", "expected step_epochs above 0, got ", schedule.step_epochs);
  if (!(schedule.step_factor > 0 && schedule.step_factor <= 1))
    fail("schedule", "expected step_factor above 0 and at most 1, got ", schedule.step_factor);
}

double schedule_factor(const Schedule& schedule, Index t, Index T, Index P) {
  const auto at = static_cast<double>(t), total = static_cast<double>(T), epoch = static_cast<double>(P);
  const bool one_cycle = schedule.kind == ScheduleKind::one_cycle;
  double warmup = std::round(schedule.warmup_epochs * epoch);
  if (one_cycle && schedule.warmup_epochs == 0) warmup = std::round(kOneCycleWarmup * total);
  warmup = std::min(warmup, total);
  if (at < warmup) return one_cycle ? kOneCycleStart + (1 - kOneCycleStart) * at / warmup : (at + 1) / warmup;
  if (schedule.kind == ScheduleKind::none) return 1;
  if (schedule.kind == ScheduleKind::step)
    return std::max(std::pow(schedule.step_factor, std::floor(at / (schedule.step_epochs * epoch))),
                    std::numeric_limits<double>::min());
  const double p = (at - warmup) / (total - warmup);
  return std::max((1 + std::cos(std::numbers::pi * p)) / 2, std::numeric_limits<double>::min());
}

}  // namespace lamina
