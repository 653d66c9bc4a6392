#include "workbench/cli/search_space.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "workbench/cli/commands.h"
#include "workbench/cli/run_flags.h"

namespace lamina::cli {
namespace {

/// Those that a search may draw: not the data, which all trials share.
std::vector<std::string> searchable() {
  std::vector<std::string> names;
  for (const OptionFlag& flag : run_flags().all())
    if (flag.group != run_flags().find("data")->group) names.push_back(flag.name);
  return names;
}

bool is_among(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Calls place(name, begin, end) for each name in braces, where text[begin, end) is "{name}". As in flags, _ is -.
template <class Place>
void for_places(const std::string& text, Place&& place) {
  for (std::size_t begin = text.find('{'); begin != std::string::npos; begin = text.find('{', begin + 1)) {
    const std::size_t end = text.find('}', begin);
    if (end == std::string::npos) return;
    std::string name = text.substr(begin + 1, end - begin - 1);
    std::replace(name.begin(), name.end(), '_', '-');
    place(name, begin, end + 1);
  }
}

std::vector<std::string> places_in(const std::string& net) {
  std::vector<std::string> names;
  for_places(net, [&](const std::string& name, std::size_t, std::size_t) { names.push_back(name); });
  return names;
}

/// The text with the trial's values in place of the names in braces.
std::string with_values(const std::string& net, const SearchPlan& plan, const SearchTrial& trial) {
  std::string filled;
  std::size_t done = 0;
  for_places(net, [&](const std::string& name, std::size_t begin, std::size_t end) {
    const auto range =
        std::find_if(plan.ranges.begin(), plan.ranges.end(), [&](const Range& r) { return r.flag() == name; });
    if (range == plan.ranges.end()) return;
    filled += net.substr(done, begin - done) + trial.values[static_cast<std::size_t>(range - plan.ranges.begin())];
    done = end;
  });
  return filled + net.substr(done);
}

/// Throws UsageError unless each name in braces has a range, and is not also a flag.
void check_places(const std::vector<std::string>& places, const SearchTable& ranges) {
  const auto belongs = [](unsigned char c) { return std::isalnum(c) || c == '-'; };
  for (const std::string& name : places) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), belongs))
      throw UsageError(fmt::format("--net: expected a name of letters and digits in braces, got {{{}}}", name));
    if (run_flags().find(name))
      throw UsageError(
          fmt::format("--net: expected a name in braces that is no flag of lamina train, got {{{}}}", name));
    if (!ranges.contains(name))
      throw UsageError(
          fmt::format("--net: expected a range for {{{0}}}, such as --search {0}=integer:16:64, found none", name));
  }
}

std::string values_text(const SearchPlan& plan, const std::vector<std::string>& values) {
  std::string text;
  for (std::size_t k = 0; k < values.size(); ++k) text += (k > 0 ? ", " : "") + plan.ranges[k].flag() + " " + values[k];
  return text;
}

FlagValues values_of_trial(const SearchPlan& plan, const SearchTrial& trial) {
  FlagValues values = plan.flags;
  bool own_seed = false;
  for (auto& [flag, value] : values)
    if (flag == "net") value = with_values(value, plan, trial);
  for (std::size_t k = 0; k < plan.ranges.size(); ++k) {
    if (!run_flags().find(plan.ranges[k].flag())) continue;  // a name in the net
    values.emplace_back(plan.ranges[k].flag(), trial.values[k]);
    own_seed = own_seed || plan.ranges[k].flag() == "seed";
  }
  if (!own_seed) values.emplace_back("seed", std::to_string(trial.seed));
  return values;
}

}  // namespace

void read_search_flags(const std::vector<std::string>& texts, SearchTable& ranges) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw UsageError(
          fmt::format("--search: expected FLAG=RANGE, such as learning-rate=log-uniform:1e-4:1e-2, got '{}'", text));
    std::string flag = text.substr(0, equals);
    flag.erase(0, flag.find_first_not_of('-') == std::string::npos ? 0 : flag.find_first_not_of('-'));
    std::replace(flag.begin(), flag.end(), '_', '-');
    if (const OptionFlag* known = run_flags().find(flag)) flag = known->name;
    if (!ranges.emplace(flag, text.substr(equals + 1)).second)
      throw UsageError(fmt::format("--search {}: expected one range a flag, got two", flag));
  }
}

std::vector<Range> make_ranges(const SearchTable& table, const std::string& net) {
  const std::vector<std::string> known = searchable(), places = places_in(net);
  check_places(places, table);
  std::vector<Range> ranges;
  for (const auto& [flag, text] : table) {
    if (is_among(places, flag)) {
      ranges.emplace_back(flag, text);
      continue;
    }
    if (!is_among(known, flag)) {
      if (run_flags().find(flag) || flag == "threads")
        throw UsageError(
            fmt::format("--search {}: expected a flag of the net or its training, which all trials need not "
                        "share",
                        flag));
      const auto near = nearest(flag, known, 2);
      throw UsageError(
          fmt::format("--search {}: expected a flag of lamina train or a name in braces in --net, found neither{}",
                      flag, near.empty() ? "" : fmt::format("; did you mean {}?", fmt::join(near, " or "))));
    }
    ranges.emplace_back(flag, text);
    for (const std::string& end : ranges.back().ends()) {
      if (run_flags().find(flag)->is_switch && end != "true" && end != "false")
        throw UsageError(fmt::format("--search {}: expected choice:true|false, got '{}'", flag, text));
      if (const std::string wrong = run_flags().wrong(flag, end); !wrong.empty())
        throw UsageError(fmt::format("--search {}={}: {}", flag, text, wrong));
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
    try {
      trial.config = run_config_of(values_of_trial(plan, trial));
    } catch (const UsageError& error) {
      throw UsageError(
          fmt::format("trial {} ({}): {}", trials.size() + 1, values_text(plan, trial.values), error.what()));
    }
    trial.seed = trial.config.seed;
    trials.push_back(std::move(trial));
  }
  return trials;
}

std::string train_command(const SearchPlan& plan, const SearchTrial& trial) {
  std::string command = "lamina train";
  for (const auto& [flag, value] : values_of_trial(plan, trial)) {
    if (!run_flags().find(flag)->is_switch)
      command += " --" + flag + " " + shown(value);
    else if (value != "false")
      command += " --" + flag;
  }
  return command;
}

}  // namespace lamina::cli
