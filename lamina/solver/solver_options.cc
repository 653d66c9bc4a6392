#include "lamina/solver/solver_options.h"

#include <algorithm>
#include <cmath>

#include "lamina/check.h"

namespace lamina::detail {
namespace {

void at_least(const char* name, Index got, Index least) {
  if (got < least) fail("Solver", "expected ", name, " of ", least, " or more, got ", got);
}

void in_range(const char* name, double got, bool fits, const char* range) {
  if (!(std::isfinite(got) && fits)) fail("Solver", "expected ", name, " ", range, ", got ", got);
}

}  // namespace

void check_options(const SolverOptions& options) {
  check_options("Solver", options.optim_config);
  in_range("lr_decay", options.lr_decay, options.lr_decay > 0, "above 0");
  if (options.clip_norm) in_range("clip_norm", *options.clip_norm, *options.clip_norm > 0, "above 0");
  check_schedule(options.schedule);
  in_range("average_decay", options.average_decay, options.average_decay >= 0 && options.average_decay < 1,
           "of 0 or more and below 1");
  at_least("max_shift", options.augmentation.max_shift, 0);
  constexpr Index kLargestShift = 1 << 20;
  if (options.augmentation.max_shift > kLargestShift)
    fail("Solver", "expected max_shift of at most ", kLargestShift, ", got ", options.augmentation.max_shift);
  at_least("patience", options.patience, 0);
  at_least("batch_size", options.batch_size, 1);
  constexpr Index kLargestBatch = (Index{1} << 31) - 1;
  if (options.batch_size > kLargestBatch)
    fail("Solver", "expected batch_size of at most ", kLargestBatch, ", got ", options.batch_size);
  at_least("num_epochs", options.num_epochs, 1);
  at_least("num_train_samples", options.num_train_samples, 0);
  at_least("num_val_samples", options.num_val_samples, 0);
  at_least("print_every", options.print_every, 1);
}

Index iterations_per_epoch(Index num_train, Index batch_size) { return std::max(num_train / batch_size, Index{1}); }

Index count_iterations(Index num_train, const SolverOptions& options) {
  Index count;
  if (__builtin_mul_overflow(options.num_epochs, iterations_per_epoch(num_train, options.batch_size), &count))
    fail("Solver", "expected num_epochs for fewer than 2^63 iterations, got ", options.num_epochs);
  return count;
}

}  // namespace lamina::detail
