// The command's flags for options of the library and of runs, made from their descriptions (lamina/options.h).
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "lamina/options.h"

namespace lamina::cli {

/// Flags without their dashes, and the texts of their values: "true" for a switch.
using FlagValues = std::vector<std::pair<std::string, std::string>>;

/// A flag that sets an option. Several models of the course may have it, each with its own default.
struct OptionFlag {
  std::string name, alias;          ///< without dashes; the alias may be empty
  std::string help, type, group;    ///< what the command's help says
  std::string default_text;         ///< empty: none
  std::vector<std::string> models;  ///< that have it; empty: all nets
  bool is_switch = false;
};

/// The flags of one kind of options. It must outlive the applications that it adds them to.
class OptionFlags {
 public:
  /// `visit_all` goes through the options of all models, at their defaults whenever it is called.
  explicit OptionFlags(VisitOptions visit_all);

  const std::vector<OptionFlag>& all() const { return flags_; }
  const OptionFlag* find(const std::string& name) const;
  /// Adds the flags, or some of them. They refuse values that do not fit any model.
  void add_to(CLI::App& app) const;
  void add_to(CLI::App& app, const std::vector<std::string>& names) const;
  /// Those that have been given to `app`, in the order of its help.
  FlagValues given(const CLI::App& app) const;
  /// What is wrong with a value of the flag, "expected a number above 0, got 'x'"; empty: nothing.
  std::string wrong(const std::string& name, const std::string& value) const;
  /// Sets the options that `visit_own` goes through, those of the model that --model or --net names. Throws UsageError
  /// where a flag does not belong to the model or to the value of another flag, or its value does not fit.
  void set(const FlagValues& values, const VisitOptions& visit_own) const;

 private:
  CLI::Option* add_one(CLI::App& app, const OptionFlag& flag) const;
  [[noreturn]] void does_not_belong(const OptionFlag& flag, const std::string& model) const;

  VisitOptions visit_all_;
  std::vector<OptionFlag> flags_;
};

/// The value of a flag among `values`, the last one; null where it is not there.
const std::string* value_of(const FlagValues& values, const std::string& name);

}  // namespace lamina::cli
