#include "lamina/solver/solver.h"

#include <fmt/format.h>

#include <cmath>

#include "lamina/check.h"

namespace lamina {

namespace {

// No learning rate has had an effect yet.
constexpr const char* kBeforeAnyStep =
    "look for numbers in the data that are not finite, or try a smaller weight_scale or normalization";
constexpr const char* kAfterSteps = "try a smaller learning rate, a smaller weight_scale, or normalization";

}  // namespace

NonFiniteLoss::NonFiniteLoss(Index at, Index num_iterations, double loss, double rate)
    : std::runtime_error(fmt::format(
          "[Solver] expected a finite loss, got {} at iteration {} of {}, learning rate {}: {}",
          std::isnan(loss) ? std::abs(loss) : loss, at, num_iterations, rate, at == 1 ? kBeforeAnyStep : kAfterSteps)),
      iteration(at),
      learning_rate(rate) {}

namespace detail {
namespace {

void check_split(const char* name, const Split& split) {
  if (split.size() < 1) fail("Solver", "expected 1 ", name, " example or more, got none");
  if (static_cast<Index>(split.y.size()) != split.size())
    fail("Solver", "expected one label for each of ", split.size(), " ", name, " examples, got ", split.y.size());
}

}  // namespace

void check_data(const SolverData& data, const SolverOptions& options) {
  check_split("training", data.train);
  check_split("validation", data.val);
  check_shape("Solver", "validation examples", data.val.X.example_shape(), data.train.X.example_shape(),
              "the training examples");
  if ((options.augmentation.any() || options.mirror_averaging) && data.train.X.example_shape().rank() != 3)
    fail("Solver", "expected images (C, H, W) for augmentation and mirror_averaging, got examples of shape ",
         data.train.X.example_shape());
}

void print_iteration(const SolverOptions& options, Index t, Index num_iterations, double loss) {
  if (options.verbose && options.out && t % options.print_every == 0)
    *options.out << fmt::format("(Iteration {} / {}) loss: {:f}\n", t + 1, num_iterations, loss) << std::flush;
}

void print_epoch(const SolverOptions& options, Index epoch, double train_acc, double val_acc) {
  if (options.verbose && options.out)
    *options.out << fmt::format("(Epoch {} / {}) train acc: {:f}; val_acc: {:f}\n", epoch, options.num_epochs,
                                train_acc, val_acc)
                 << std::flush;
}

}  // namespace detail
}  // namespace lamina
