#include "workbench/cli/search_space.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "workbench/cli/train_flags.h"

namespace lamina::cli {
namespace {

/// The flags of lamina train alone.
struct RunParser {
  RunParser() {
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    add_run_flags(&app, &flags);
  }
  /// Throws CLI::ParseError where a value does not fit its flag.
  void parse(const FlagValues& values) {
    std::vector<std::string> words;
    for (const auto& [flag, value] : values)
      if (!is_switch(flag))
        words.push_back(fmt::format("--{}={}", flag, value));
      else if (value != "false")
        words.push_back("--" + flag);
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(words);
  }
  const CLI::Option* option(const std::string& flag) const { return app.get_option("--" + flag); }
  bool is_switch(const std::string& flag) const { return option(flag)->get_items_expected_max() == 0; }
  std::vector<std::string> names() const {
    std::vector<std::string> known;
    for (const CLI::Option* each : app.get_options())
      for (const std::string& name : each->get_lnames())
        if (name != "help") known.push_back(name);
    return known;
  }
  /// Those that a search may draw: not the data, which all trials share, nor what does not change a training.
  std::vector<std::string> searchable() const {
    std::vector<std::string> known = names();
    std::erase_if(known, [&](const std::string& name) {
      return name == "threads" || option(name)->get_group() == option("data")->get_group();
    });
    return known;
  }

  CLI::App app;
  TrainFlags flags;
};

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string values_text(const SearchPlan& plan, const std::vector<std::string>& values) {
  std::string text;
  for (std::size_t k = 0; k < values.size(); ++k) text += (k > 0 ? ", " : "") + plan.ranges[k].flag() + " " + values[k];
  return text;
}

FlagValues flags_of(const SearchPlan& plan, const SearchTrial& trial) {
  FlagValues values = plan.flags;
  bool own_seed = false;
  for (std::size_t k = 0; k < plan.ranges.size(); ++k) {
    values.emplace_back(plan.ranges[k].flag(), trial.values[k]);
    own_seed = own_seed || plan.ranges[k].flag() == "seed";
  }
  if (!own_seed) values.emplace_back("seed", std::to_string(trial.seed));
  return values;
}

}  // namespace

FlagValues given_run_flags(const CLI::App& app) {
  const RunParser parser;
  FlagValues given;
  for (const std::string& name : parser.names()) {
    const CLI::Option* option = app.get_option_no_throw("--" + name);
    if (option != nullptr && option->count() > 0 && name != "seed" && name != "threads")
      given.emplace_back(name, option->results().back());
  }
  return given;
}

void read_search_flags(const std::vector<std::string>& texts, SearchTable& ranges) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError(
          fmt::format("--search: expected FLAG=RANGE, such as learning-rate=log-uniform:1e-4:1e-2, got '{}'", text));
    std::string flag = text.substr(0, equals);
    flag.erase(0, flag.find_first_not_of('-') == std::string::npos ? 0 : flag.find_first_not_of('-'));
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (!ranges.emplace(flag, text.substr(equals + 1)).second)
      throw UsageError(fmt::format("--search {}: expected one range a flag, got two", flag));
  }
}

std::vector<Range> make_ranges(const SearchTable& table) {
  const RunParser known;
  const std::vector<std::string> searchable = known.searchable();
  std::vector<Range> ranges;
  for (const auto& [flag, text] : table) {
    if (!contains(searchable, flag)) {
      if (contains(known.names(), flag))
        throw UsageError(
            fmt::format("--search {}: expected a flag of the net or its training, which all trials need not "
                        "share",
                        flag));
      const auto near = nearest(flag, searchable, 2);
      throw UsageError(fmt::format("--search {}: expected a flag of lamina train, found none of that name{}", flag,
                                   near.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(near, " or "))));
    }
    ranges.emplace_back(flag, text);
    for (const std::string& end : ranges.back().ends()) {
      if (known.is_switch(flag) && end != "true" && end != "false")
        throw UsageError(fmt::format("--search {}: expected choice:true|false, got '{}'", flag, text));
      RunParser parser;
      try {
        parser.parse({{flag, end}});
      } catch (const CLI::ParseError& error) {
        throw UsageError(fmt::format("--search {}={}: {}", flag, text, one_line(parser.app, error)));
      }
    }
  }
  return ranges;
}

std::vector<SearchTrial> make_trials(const SearchPlan& plan) {
  std::vector<SearchTrial> trials;
  for (Draw& draw : draw_trials(plan.ranges, plan.trials, plan.seed)) {
    SearchTrial trial;
    trial.seed = draw.seed;
    trial.values = std::move(draw.values);
    RunParser parser;
    std::string wrong;
    try {
      parser.parse(flags_of(plan, trial));
      complete_run_flags(parser.app, parser.flags);
    } catch (const CLI::ParseError& error) {
      wrong = one_line(parser.app, error);
    } catch (const UsageError& error) {
      wrong = error.what();
    }
    if (!wrong.empty())
      throw UsageError(fmt::format("trial {} ({}): {}", trials.size() + 1, values_text(plan, trial.values), wrong));
    trial.config = parser.flags.config;
    trial.seed = trial.config.seed;
    trials.push_back(std::move(trial));
  }
  return trials;
}

std::string train_command(const SearchPlan& plan, const SearchTrial& trial) {
  const RunParser parser;
  std::string command = "lamina train";
  for (const auto& [flag, value] : flags_of(plan, trial)) {
    if (!parser.is_switch(flag))
      command += " --" + flag + " " + shown(value);
    else if (value != "false")
      command += " --" + flag;
  }
  return command;
}

}  // namespace lamina::cli
