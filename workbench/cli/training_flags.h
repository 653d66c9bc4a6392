// The flags of train that decide its steps: update rule, schedule, mini-batches, averages.
#pragma once

#include <string>

#include "workbench/cli/flags.h"
#include "workbench/runs/run_config.h"

namespace lamina::cli {

class TrainingFlags {
 public:
  /// Writes to `config`, which must outlive the flags.
  void add_to(CLI::App& app, RunConfig& config);
  /// What the names stand for, into `config`. Throws UsageError where two flags do not fit each other.
  void complete(const CLI::App& app, RunConfig& config) const;
  /// Throws UsageError where flags of a complete configuration together make no sense.
  static void check(const RunConfig& config);

 private:
  std::string update_rule_ = "sgd", schedule_ = "none";
};

}  // namespace lamina::cli
