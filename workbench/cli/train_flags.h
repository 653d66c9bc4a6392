// What lamina train and lamina search share: the flags of a run, and how a run is named.
#pragma once

#include <filesystem>
#include <string>

#include "workbench/cli/flags.h"
#include "workbench/cli/training_flags.h"
#include "workbench/runs/run_config.h"

namespace lamina::cli {

struct TrainFlags {
  ModelFlags model;
  RunConfig config;
  TrainingFlags training;
  std::string precision = "full";
  std::string diagnose;  ///< "auto" or a number; empty: not asked for
  std::filesystem::path out, resume, toml;
  int threads = 0;
  bool overwrite = false, quiet = false;
};

/// The flags that decide a run: its net, its training, its data. `flags` must outlive the application.
void add_run_flags(CLI::App* train, TrainFlags* flags);
/// What they say together, into flags.config. Throws UsageError where two flags do not fit each other.
void complete_run_flags(const CLI::App& app, TrainFlags& flags);

/// runs/NAME-DATE-TIME, with a number behind it where that is taken.
std::filesystem::path default_directory(const std::string& name);
/// A word as a shell takes it: in quotes where it would otherwise be split or expanded.
std::string shown(const std::filesystem::path& path);

}  // namespace lamina::cli
