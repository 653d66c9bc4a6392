#include "lamina/solver/solver.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

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

void check_numbers(const char* name, const Split& split, Score score) {
  if (!split.y.empty()) fail("Solver", "expected ", name, " targets to be labels or numbers, got both");
  if (split.targets->rank() != 2 || split.targets->dim(0) != split.size() || split.targets->dim(1) < 1)
    fail("Solver", "expected ", name, " targets of shape (", split.size(), ", K) to match the examples, got ",
         split.targets->shape());
  if (score != Score::f1) return;
  for (const double target : *split.targets)
    if (!(target >= 0 && target <= 1))
      fail("Solver", "expected ", name, " targets of 0 to 1 for the sigmoid loss, got ", target);
}

void check_split(const char* name, const Split& split, Score score) {
  if (split.size() < 1) fail("Solver", "expected 1 ", name, " example or more, got none");
  if (split.targets)
    check_numbers(name, split, score);
  else if (static_cast<Index>(split.y.size()) != split.size())
    fail("Solver", "expected one label for each of ", split.size(), " ", name, " examples, got ", split.y.size());
  if (!split.weights) return;
  check_shape("Solver", name + std::string(" weights"), split.weights->shape(), {split.size()}, "the examples");
  double most = 0;
  for (const double weight : *split.weights) {
    if (!(weight >= 0 && std::isfinite(weight)))
      fail("Solver", "expected ", name, " weights of at least 0, got ", weight);
    most = std::max(most, weight);
  }
  if (most == 0) fail("Solver", "expected ", name, " weights that are not all 0");
}

}  // namespace

void check_data(const SolverData& data, const SolverOptions& options, Score score) {
  check_split("training", data.train, score);
  check_split("validation", data.val, score);
  check_shape("Solver", "validation examples", data.val.X.example_shape(), data.train.X.example_shape(),
              "the training examples");
  const auto numbers = [](const Split& split) { return split.targets ? split.targets->dim(1) : 0; };
  if (numbers(data.train) != numbers(data.val))
    fail("Solver", "expected validation targets of the training targets' kind, ", numbers(data.train),
         " numbers each (0: labels), got ", numbers(data.val));
  const Shape& example = data.train.X.example_shape();
  const bool are_images = example.rank() == 3 && example[1] * example[2] > 1;
  if ((options.augmentation.any() || options.mirror_averaging) && !are_images)
    fail("Solver",
         "expected images (C, H, W) for mirror, shift, cutout, brightness, contrast and mirror_averaging, got examples "
         "of "
         "shape ",
         example);
  if (options.augmentation.recolours() && !data.train.X.are_bytes())
    fail("Solver", "expected images of bytes (uint8) for brightness and contrast, got numbers");
}

void print_iteration(const SolverOptions& options, Index t, Index num_iterations, double loss) {
  if (options.verbose && options.out && t % options.print_every == 0)
    *options.out << fmt::format("(Iteration {} / {}) loss: {:f}\n", t + 1, num_iterations, loss) << std::flush;
}

void print_epoch(const SolverOptions& options, Index epoch, Score score, double train, double val) {
  if (options.verbose && options.out)
    *options.out << fmt::format("(Epoch {} / {}) {}\n", epoch, options.num_epochs, scores_text(score, train, val))
                 << std::flush;
}

}  // namespace detail
}  // namespace lamina
