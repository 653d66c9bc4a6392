#include "workbench/cli/training_flags.h"

#include <fmt/format.h>

namespace lamina::cli {
namespace {

bool given(const CLI::App& app, const char* flag) { return app.get_option(flag)->count() > 0; }

CLI::Validator share() {
  return number("a number from 0 to below 1", [](double x) { return x >= 0 && x < 1; });
}

}  // namespace

void TrainingFlags::add_to(CLI::App& app, RunConfig& config) {
  const auto add = [](CLI::Option* option) { return option->group("Training"); };
  std::vector<std::string> rules;
  for (const UpdateRule rule : kUpdateRules) rules.emplace_back(rule->name);
  add(app.add_option("--update-rule", update_rule_, update_rule_names())
          ->type_name("NAME")
          ->check(one_of(rules))
          ->capture_default_str());
  add(app.add_option(
             "--learning-rate", config.optim_config.learning_rate,
             "Step size of the update rule [1e-2; 1e-3 for adam and adamw, and for two-layer, fc and convnet without "
             "normalisation]")
          ->type_name("X")
          ->check(positive_number()));
  add(app.add_option("--momentum", config.optim_config.momentum, "Momentum of sgd_momentum, 0 to 1")
          ->type_name("X")
          ->check(share())
          ->capture_default_str());
  add(app.add_flag("--nesterov", config.optim_config.nesterov, "Nesterov's momentum (sgd_momentum)"));
  add(app.add_option("--weight-decay", config.optim_config.weight_decay,
                     "Before each step the weights lose this share times the learning rate; unlike --reg it does not "
                     "touch the gradients [0; 0.01 for adamw]")
          ->type_name("X")
          ->check(number_from_zero()));
  add(app.add_option("--clip-norm", config.clip_norm,
                     "Where the norm of all gradients together is larger, the update sees them scaled down to it")
          ->type_name("X")
          ->check(positive_number()));
  add(app.add_option("--lr-decay", config.lr_decay, "The learning rate is multiplied by it after each epoch")
          ->type_name("X")
          ->check(positive_number())
          ->capture_default_str());
  add(app.add_option("--schedule", schedule_,
                     "The learning rate's course: none, step (drops), cosine (falls to 0) or one-cycle (rises, then "
                     "falls to 0)")
          ->type_name("NAME")
          ->check(one_of({"none", "step", "cosine", "one-cycle"}))
          ->capture_default_str());
  add(app.add_option("--warmup-epochs", config.schedule.warmup_epochs,
                     "The learning rate rises for so many epochs; one-cycle: 30% of all where it is 0")
          ->type_name("X")
          ->check(number_from_zero())
          ->capture_default_str());
  add(app.add_option("--step-epochs", config.schedule.step_epochs, "Epochs from one drop to the next (step)")
          ->type_name("X")
          ->check(positive_number())
          ->capture_default_str());
  add(app.add_option("--step-factor", config.schedule.step_factor, "What a drop multiplies by (step)")
          ->type_name("X")
          ->check(number("a number above 0 and up to 1", [](double x) { return x > 0 && x <= 1; }))
          ->capture_default_str());
  add(app.add_flag("--shuffle", config.shuffle,
                   "Each image once an epoch, shuffled, instead of drawn with replacement"));
  add(app.add_flag("--mirror", config.augmentation.mirror, "Mirror every other training image, drawn at random"));
  add(app.add_option("--shift", config.augmentation.max_shift,
                     "Move training images by up to so many pixels each way, drawn at random")
          ->type_name("N")
          ->check(whole_number(0, 1024))
          ->capture_default_str());
  add(app.add_option("--average-weights", config.average_decay,
                     "Validation and the model take moving averages of the weights, which keep this share in each "
                     "step; 0: none")
          ->type_name("X")
          ->check(share())
          ->capture_default_str());
  add(app.add_flag("--mirror-averaging", config.mirror_averaging,
                   "Accuracies and predictions take the mean of an image's scores and those of its mirror image"));
  add(app.add_option("--patience", config.patience,
                     "End the run after so many epochs without a better validation accuracy; 0: never")
          ->type_name("N")
          ->check(whole_number(0))
          ->capture_default_str());
}

void TrainingFlags::complete(const CLI::App& app, RunConfig& config) const {
  config.update_rule = update_rule_from_name(update_rule_);
  config.schedule.kind = schedule_from_name(schedule_);
  for (const std::string option : {"momentum", "nesterov"})
    if (given(app, ("--" + option).c_str()) && !config.update_rule->reads(option))
      throw UsageError(fmt::format("--{} belongs to --update-rule sgd_momentum, got {}", option, update_rule_));
  for (const char* flag : {"--step-epochs", "--step-factor"})
    if (given(app, flag) && config.schedule.kind != ScheduleKind::step)
      throw UsageError(fmt::format("{} belongs to --schedule step, got {}", flag, schedule_));
}

void TrainingFlags::check(const RunConfig& config) {
  const auto epochs = static_cast<double>(config.epochs);
  if (config.schedule.warmup_epochs >= epochs)
    throw UsageError(fmt::format("--warmup-epochs: expected fewer than --epochs {}, got {}", config.epochs,
                                 config.schedule.warmup_epochs));
  const OptimConfig optim = with_defaults(config.update_rule, config.optim_config);
  const double rate = *optim.learning_rate, decay = *optim.weight_decay;
  if (rate * decay >= 1)
    throw UsageError(
        fmt::format("--weight-decay: expected less than 1 / --learning-rate {}, got {}: weights would lose "
                    "all of themselves in a step",
                    rate, decay));
}

}  // namespace lamina::cli
