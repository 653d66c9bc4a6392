#include "workbench/cli/run_flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "datasets/load.h"
#include "workbench/cli/flags.h"

namespace lamina::cli {
namespace {

template <class Config>
OptionFlags flags_of() {
  return OptionFlags([config = std::make_shared<Config>()](const VisitOption& visit) {
    *config = {};
    visit_all_options(*config, visit);
  });
}

// What flags of a convolutional net must have in common; their lengths have ranges of their own.
void check_convolutions(const ConvNetOptions& net, const FlagValues& values) {
  if (net.num_filters.size() != net.filter_sizes.size()) {
    std::string line = fmt::format("expected as many --filter-sizes as --num-filters, got {} for {}",
                                   fmt::join(net.filter_sizes, ","), fmt::join(net.num_filters, ","));
    if (!value_of(values, "filter-sizes"))
      line += fmt::format("; {} is the default of --filter-sizes", fmt::join(net.filter_sizes, ","));
    if (!value_of(values, "num-filters"))
      line += fmt::format("; {} is the default of --num-filters", fmt::join(net.num_filters, ","));
    throw UsageError(line);
  }
  const auto check = [&](const char* flag, const std::vector<Index>& list, std::size_t otherwise) {
    if (list.size() != net.num_filters.size() && list.size() != otherwise)
      throw UsageError(fmt::format("{}: expected one for each of --num-filters {}, got {}", flag,
                                   fmt::join(net.num_filters, ","), fmt::join(list, ",")));
  };
  check("--conv-stride", net.conv_strides, 1);
  check("--pool", net.pools, 0);
}

void check_odd(Index size) {
  if (size % 2 == 0) throw UsageError(fmt::format("--filter-sizes: expected odd numbers, got {}", size));
}

void check_net(const NetConfig& net, const FlagValues& values) {
  if (net.net.empty()) {
    check_convolutions(net.convnet, values);
    for (const Index size : net.convnet.filter_sizes) check_odd(size);
    check_odd(net.three_layer_convnet.filter_size);
    return;
  }
  try {
    parse_net(net.net);
  } catch (const std::invalid_argument& error) {
    throw UsageError("--net: " + without_tag(error.what()));
  }
}

// Whether the rules' default of 1e-2 is too much: bytes of 0 to 255 reach these nets' losses unnormalised.
bool diverges_at_default(const NetConfig& net) {
  if (!net.net.empty()) return net.net.find("norm") == std::string::npos;  // batchnorm, layernorm, groupnorm
  return net.model == "two-layer" || (net.model == "fc" && net.fc.normalization == Normalization::none) ||
         (net.model == "convnet" && !net.convnet.use_batch_norm);
}

// Options of update rules that the run's rule does not read.
void check_rule(const FlagValues& values, RunConfig& config) {
  const UpdateRule rule = config.solver.update_rule;
  visit_options(config.solver.optim_config, [&](const Option& option, const OptionValue&) {
    if (option.name == "learning_rate" || option.name == "weight_decay" || rule->reads(option.name) ||
        !value_of(values, flag_of(option)))
      return;
    std::vector<std::string_view> rules;
    for (const UpdateRule each : kUpdateRules)
      if (each->reads(option.name)) rules.push_back(each->name);
    throw UsageError(
        fmt::format("--{} belongs to --update-rule {}, got {}", flag_of(option), fmt::join(rules, " or "), rule->name));
  });
}

// A table's rows are standardised and often few, so that a run on one has other defaults. They stand before the flags
// that are given: the last value of a flag counts.
FlagValues with_defaults_of_table(const FlagValues& given) {
  const std::string* data = value_of(given, "data");
  if (data == nullptr || !is_table(*data)) return given;
  FlagValues values = {{"update-rule", "adam"}, {"batch-size", "32"}, {"epochs", "100"}};
  if (!value_of(given, "net")) {
    if (!value_of(given, "model")) values.emplace_back("model", "fc");
    if (!value_of(given, "weight-scale")) values.emplace_back("init", "xavier");
  }
  values.insert(values.end(), given.begin(), given.end());
  return values;
}

// What flags of the training together make no sense.
void check_training(const RunConfig& config) {
  const SolverOptions& solver = config.solver;
  if (const double warmup = solver.schedule.warmup_epochs.value_or(0); warmup >= static_cast<double>(solver.num_epochs))
    throw UsageError(
        fmt::format("--warmup-epochs: expected fewer than --epochs {}, got {}", solver.num_epochs, warmup));
  const OptimConfig optim = with_defaults(solver.update_rule, solver.optim_config);
  const double rate = *optim.learning_rate, decay = *optim.weight_decay;
  if (rate * decay >= 1)
    throw UsageError(
        fmt::format("--weight-decay: expected less than 1 / --learning-rate {}, got {}: weights would lose "
                    "all of themselves in a step",
                    rate, decay));
  check_precision(config.net, config.dtype);
}

}  // namespace

const OptionFlags& net_flags() {
  static const auto& flags = *new OptionFlags(flags_of<NetConfig>());
  return flags;
}

const OptionFlags& run_flags() {
  static const auto& flags = *new OptionFlags(flags_of<RunConfig>());
  return flags;
}

void check_precision(const NetConfig& net, const std::string& dtype) {
  if (net.precision == Precision::bf16 && dtype != "float32")
    throw UsageError(fmt::format("--precision bf16 belongs to --dtype float32, got {}", dtype));
}

NetConfig net_config_of(const FlagValues& values) {
  NetConfig net;
  net_flags().set(values, [&](const VisitOption& visit) { visit_options(net, visit); });
  check_net(net, values);
  return net;
}

RunConfig run_config_of(const FlagValues& given) {
  RunConfig config;
  const FlagValues values = with_defaults_of_table(given);
  run_flags().set(values, [&](const VisitOption& visit) { visit_options(config, visit); });
  check_net(config.net, values);
  check_rule(values, config);
  auto& learning_rate = config.solver.optim_config.learning_rate;
  const bool table = is_table(config.data);
  if (!learning_rate && !table && diverges_at_default(config.net)) learning_rate = 1e-3;
  check_training(config);
  check_data_flags(values, config.data);
  if (table && config.target.empty())
    throw UsageError(
        fmt::format("--target: expected the column of {} to predict, got none; "
                    "'lamina data info {}' shows its columns",
                    config.data, shown(config.data)));
  return config;
}

void check_data_flags(const FlagValues& values, const std::string& data) {
  const bool table = is_table(data), folder = !table && !has_own_splits(data);
  const auto check = [&](std::initializer_list<const char*> flags, bool belongs, const char* where) {
    for (const char* flag : flags)
      if (value_of(values, flag) && !belongs)
        throw UsageError(fmt::format("--{} belongs to {}, got {}", flag, where, data));
  };
  check({"image-size", "skip-broken"}, folder, "a directory with one folder of images a class");
  check({"split-seed", "val-fraction", "test-fraction"}, folder || table,
        "a directory with one folder of images a class or a table");
  check({"target", "ignore-columns", "categories", "split-column"}, table, "a table (.csv, .tsv)");
}

}  // namespace lamina::cli
