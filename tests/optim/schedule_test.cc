#include "lamina/optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

namespace lamina {
namespace {

std::vector<double> factors(const Schedule& schedule, Index T, Index P) {
  std::vector<double> result;
  for (Index t = 0; t < T; ++t) result.push_back(schedule_factor(schedule, t, T, P));
  return result;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-15) << i;
}

TEST(Schedule, NoneIsExactlyOne) {
  for (const double factor : factors({}, 50, 7)) EXPECT_EQ(factor, 1);
}

TEST(Schedule, WarmUpIsAStraightLine) {
  Schedule schedule;
  schedule.warmup_epochs = 2;
  EXPECT_EQ(factors(schedule, 6, 2), (std::vector<double>{0.25, 0.5, 0.75, 1, 1, 1}));
  schedule.warmup_epochs = 0.5;  // half an epoch: one iteration
  EXPECT_EQ(factors(schedule, 3, 2), (std::vector<double>{1, 1, 1}));
  schedule.warmup_epochs = 100;  // longer than the run
  EXPECT_EQ(factors(schedule, 4, 1), (std::vector<double>{0.25, 0.5, 0.75, 1}));
}

TEST(Schedule, StepDropsEverySoManyEpochs) {
  Schedule schedule;
  schedule.kind = ScheduleKind::step;
  schedule.step_epochs = 2;
  schedule.step_factor = 0.5;
  expect_near(factors(schedule, 15, 3), {1, 1, 1, 1, 1, 1, .5, .5, .5, .5, .5, .5, .25, .25, .25});
  schedule.warmup_epochs = 1;  // the drops stay where they were
  expect_near(factors(schedule, 9, 3), {1. / 3, 2. / 3, 1, 1, 1, 1, .5, .5, .5});
}

TEST(Schedule, CosineFallsFromOneToNearlyNothing) {
  Schedule schedule;
  schedule.kind = ScheduleKind::cosine;
  // cos(0), cos(pi/6), cos(pi/3), cos(pi/2), cos(2 pi/3), cos(5 pi/6)
  const double h = std::sqrt(3.0) / 2;
  expect_near(factors(schedule, 6, 2), {1, (1 + h) / 2, 0.75, 0.5, 0.25, (1 - h) / 2});
  schedule.warmup_epochs = 1;
  expect_near(factors(schedule, 6, 2), {.5, 1, 1, 0.5 + std::sqrt(0.125), 0.5, 0.5 - std::sqrt(0.125)});
  EXPECT_GT(schedule_factor(schedule, 999'999'999, 1'000'000'000, 100), 0);
}

TEST(Schedule, OneCycleRisesAndFalls) {
  Schedule schedule;
  schedule.kind = ScheduleKind::one_cycle;
  const std::vector<double> got = factors(schedule, 10, 5);
  expect_near({got.begin(), got.begin() + 4}, {0.04, 0.04 + 0.96 / 3, 0.04 + 1.92 / 3, 1});
  for (Index t = 3; t < 10; ++t)
    EXPECT_NEAR(got[static_cast<std::size_t>(t)], (1 + std::cos(3.14159265358979323846 * double(t - 3) / 7)) / 2,
                1e-15);
  schedule.warmup_epochs = 1;
  EXPECT_EQ(schedule_factor(schedule, 5, 10, 5), 1);
  EXPECT_NEAR(schedule_factor(schedule, 4, 10, 5), 0.04 + 0.96 * 4 / 5, 1e-15);
}

TEST(Schedule, NamesAndRanges) {
  Schedule schedule;
  const VisitOptions all = [&](const VisitOption& visit) { visit_options(schedule, visit); };
  const ScheduleKind kinds[] = {ScheduleKind::none, ScheduleKind::step, ScheduleKind::cosine, ScheduleKind::one_cycle};
  const char* names[] = {"none", "step", "cosine", "one-cycle"};
  for (std::size_t i = 0; i < std::size(kinds); ++i) {
    schedule.kind = kinds[i];
    all([&](const Option& option, const OptionValue& value) {
      if (option.name == "schedule") {
        EXPECT_EQ(text_of(value), names[i]);
      }
    });
  }
  check_options("test", all);
  const auto bad = [&](auto change) {
    schedule = {};
    change(schedule);
    EXPECT_THROW(check_options("test", all), std::invalid_argument);
  };
  bad([](Schedule& s) { s.warmup_epochs = -1; });
  bad([](Schedule& s) { s.warmup_epochs = 0, s.kind = ScheduleKind::one_cycle; });
  bad([](Schedule& s) { s.step_epochs = 0; });
  bad([](Schedule& s) { s.step_factor = 1.5; });
  bad([](Schedule& s) { s.step_factor = NAN; });
}

}  // namespace
}  // namespace lamina
