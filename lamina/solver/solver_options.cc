#include "lamina/solver/solver_options.h"

#include <algorithm>
#include <array>

#include "lamina/check.h"

namespace lamina {
namespace {

void visit_update_rule(UpdateRule& rule, const VisitOption& visit) {
  std::array<std::string_view, kUpdateRules.size()> names;
  std::transform(kUpdateRules.begin(), kUpdateRules.end(), names.begin(), [](UpdateRule each) { return each->name; });
  const auto found = std::find(kUpdateRules.begin(), kUpdateRules.end(), rule);
  auto chosen = static_cast<std::size_t>(found - kUpdateRules.begin());
  if (found == kUpdateRules.end()) return;  // a rule of the user's own, which no word stands for
  const std::string help = update_rule_names();
  visit({.name = "update_rule", .help = help, .alias = "optimizer"}, Choice{names, &chosen});
  rule = kUpdateRules[chosen];
}

// The help says which rules read an option that not all of them do.
void visit_optim_config(OptimConfig& config, const VisitOption& visit) {
  visit_options(config, [&](Option option, const OptionValue& value) {
    std::string rules;
    for (const UpdateRule rule : kUpdateRules)
      if (rule->reads(option.name)) rules += (rules.empty() ? "" : ", ") + std::string(rule->name);
    const std::string help = std::string(option.help) + " (" + rules + ")";
    if (option.name != "learning_rate" && option.name != "weight_decay") option.help = help;
    visit(option, value);
  });
}

}  // namespace

void visit_options(SolverOptions& options, const VisitOption& visit) {
  visit_update_rule(options.update_rule, visit);
  visit_optim_config(options.optim_config, visit);
  visit({.name = "clip_norm",
         .help = "Where the norm of all gradients together is larger, the update sees them scaled down to it",
         .range = {.open_least = true},
         .newer = true},
        &options.clip_norm);
  visit({.name = "lr_decay",
         .help = "The learning rate is multiplied by it after each epoch",
         .range = {.open_least = true}},
        &options.lr_decay);
  visit_options(options.schedule, visit);
  visit({.name = "shuffle",
         .help = "Each image once an epoch, shuffled, instead of drawn with replacement",
         .newer = true},
        &options.shuffle);
  visit({.name = "mirror", .help = "Mirror every other training image, drawn at random", .newer = true},
        &options.augmentation.mirror);
  visit({.name = "shift",
         .help = "Move training images by up to so many pixels each way, drawn at random",
         .range = {0, 1 << 20},
         .newer = true},
        &options.augmentation.max_shift);
  visit({.name = "average_weights",
         .help = "Validation and the model take moving averages of the weights, which keep this share in each step; 0: "
                 "none",
         .range = {.most = 1, .open_most = true},
         .newer = true},
        &options.average_weights);
  visit({.name = "mirror_averaging",
         .help = "Accuracies and predictions take the mean of an image's scores and those of its mirror image",
         .newer = true},
        &options.mirror_averaging);
  visit({.name = "patience",
         .help = "End the run after so many epochs without a better validation accuracy [never]",
         .range = {.least = 1},
         .newer = true},
        &options.patience);
  visit({.name = "num_epochs", .help = "Passes over the training split", .range = {.least = 1}, .flag = "epochs"},
        &options.num_epochs);
  visit({.name = "batch_size", .help = "Images a step", .range = {1, kLargestWhole}}, &options.batch_size);
  visit({.name = "num_train_samples",
         .help = "Training images that an accuracy check draws where there are more",
         .range = {.least = 1},
         .newer = true},
        &options.num_train_samples);
  visit({.name = "num_val_samples",
         .help = "Validation images that an accuracy check draws where there are more [all]",
         .range = {.least = 1},
         .newer = true},
        &options.num_val_samples);
  visit({.name = "print_every",
         .help = "In a pipe: iterations from one printed loss to the next",
         .range = {.least = 1},
         .group = "Output"},
        &options.print_every);
}

namespace detail {

void check_options(const SolverOptions& options) {
  SolverOptions copy = options;
  lamina::check_options("Solver", [&](const VisitOption& visit) { visit_options(copy, visit); });
}

Index iterations_per_epoch(Index num_train, Index batch_size) { return std::max(num_train / batch_size, Index{1}); }

Index count_iterations(Index num_train, const SolverOptions& options) {
  Index count;
  if (__builtin_mul_overflow(options.num_epochs, iterations_per_epoch(num_train, options.batch_size), &count))
    fail("Solver", "expected num_epochs for fewer than 2^63 iterations, got ", options.num_epochs);
  return count;
}

}  // namespace detail
}  // namespace lamina
