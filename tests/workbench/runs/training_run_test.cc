#include "workbench/runs/training_run.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace lamina {
namespace {

// A killed run loses at most this much work; 30 s are promised.
TEST(TrainingRun, CheckpointsAreAtMostThirtySecondsApart) {
  unsetenv("LAMINA_CHECKPOINT_SECONDS");
  EXPECT_LE(checkpoint_seconds(), 30);
}

}  // namespace
}  // namespace lamina
