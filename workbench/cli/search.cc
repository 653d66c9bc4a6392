// lamina search: random search over the flags of lamina train.
#include "workbench/search/search.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "lamina/threads.h"
#include "workbench/cli/commands.h"
#include "workbench/cli/progress_bar.h"
#include "workbench/cli/run_flags.h"
#include "workbench/cli/search_space.h"
#include "workbench/cli/signals.h"
#include "workbench/pages/page_text.h"
#include "workbench/runs/run_data.h"

namespace lamina::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct SearchFlags {
  int threads = 0;
  std::vector<std::string> search;
  Index trials = 20, halving = 3, first_rung = 1, show = 10;
  fs::path out, resume, toml;
  bool overwrite = false, quiet = false;
};

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// What stands on the screen while a search works.
class Screen {
 public:
  Screen(const SearchPlan& plan, const std::vector<SearchTrial>& trials, bool quiet)
      : plan_(plan), trials_(trials), quiet_(quiet), terminal_(on_terminal()) {}

  void start(const SearchResult& result, Index done_before) {
    rungs_ = result.rungs;
    began_ = Clock::now();
    for (std::size_t i = 0; i < trials_.size(); ++i) see(static_cast<Index>(i), result.states[i]);
    if (quiet_) return;
    const Index count = static_cast<Index>(trials_.size());
    const Index together = std::min<Index>(count, num_threads());
    std::string line = fmt::format("{} of {}, {} at a time", several(count, "trial", "trials"),
                                   trials_.front().config.net.model, together);
    if (rungs_.size() > 1) {
      line += fmt::format(", in {} rungs: {} to epoch {}", rungs_.size(), count, rungs_.front().epochs);
      for (std::size_t k = 1; k < rungs_.size(); ++k)
        line += fmt::format(", the best {} to epoch {}", rungs_[k].members, rungs_[k].epochs);
    } else {
      line += fmt::format(", each for {}", several(rungs_.front().epochs, "epoch", "epochs"));
    }
    fmt::print("{}\n", line);
    if (done_before > 0)
      fmt::print("Continuing: {} done before\n", several(done_before, "training was", "trainings were"));
    std::fflush(stdout);
  }

  void part(Index trial, const TrialState& state) {
    see(trial, state);
    ++parts_;
    if (quiet_) return;
    status_.clear();
    std::string values;
    for (std::size_t k = 0; k < plan_.ranges.size(); ++k)
      values += fmt::format("{}{} {}", k > 0 ? ", " : "", plan_.ranges[k].flag(), trials_[at(trial)].values[k]);
    const std::string head = fmt::format("Trial {:>{}}", trial + 1, std::to_string(trials_.size()).size());
    if (state.failed())
      fmt::print("{}: failed: {} ({})\n", head, state.error, values);
    else
      fmt::print("{}: epoch {}, best val {} {:.4f} ({})\n", head, state.epochs, short_name(score_), state.best_val_acc,
                 values);
    std::fflush(stdout);
  }

  void rung(std::size_t rung, const std::vector<Index>& go_on) {
    if (quiet_) return;
    status_.clear();
    std::vector<Index> numbers;
    for (const Index trial : go_on) numbers.push_back(trial + 1);
    fmt::print("Rung {} of {}: {} on to epoch {}: {}\n", rung + 1, rungs_.size(),
               go_on.size() == 1 ? "1 trial goes" : fmt::format("{} trials go", go_on.size()), rungs_[rung + 1].epochs,
               fmt::join(numbers, ", "));
    std::fflush(stdout);
  }

  void progress(const SearchProgress& progress) {
    if (!terminal_ || quiet_) return;
    const double elapsed = std::chrono::duration<double>(Clock::now() - began_).count();
    const double left = elapsed / progress.new_steps * (progress.all_steps - progress.done_steps);
    const std::string head =
        rungs_.size() > 1 ? fmt::format("rung {}/{} ", progress.rung + 1, rungs_.size()) : std::string();
    const std::string best =
        best_ < 0 ? std::string()
                  : fmt::format("  best val {} {:.4f} (trial {})", short_name(score_), best_acc_, best_ + 1);
    const std::string tail = fmt::format(" {}/{} trials{}  {} left", progress.done_trials, progress.trials, best,
                                         elapsed < 2 ? "-:--" : clock_text(left));
    const int room = terminal_width() - 1 - static_cast<int>(head.size() + tail.size()) - 5;
    status_.draw(head + bar(progress.done_steps / progress.all_steps, std::min(room, 40)) + tail);
  }

  void notice(const std::string& text) {
    status_.clear();
    tell(fmt::format("lamina search: {}", text));
  }

  void clear() { status_.clear(); }
  Index parts() const { return parts_; }

 private:
  void see(Index trial, const TrialState& state) {
    if (state.failed() || state.val_acc.empty()) return;
    if (best_ >= 0 && state.best_val_acc <= best_acc_) return;
    best_ = trial;
    best_acc_ = state.best_val_acc;
  }

  const SearchPlan& plan_;
  const std::vector<SearchTrial>& trials_;
  Score score_ = score_of(trials_);
  bool quiet_, terminal_;
  StatusLine status_;
  std::vector<Rung> rungs_;
  Clock::time_point began_ = Clock::now();
  Index best_ = -1, parts_ = 0;
  double best_acc_ = 0;
};

void print_table(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const SearchResult& result,
                 Index show) {
  std::vector<Index> order = result.ranking();
  if (static_cast<Index>(order.size()) > show) order.resize(at(show));
  std::vector<std::size_t> widths;
  for (std::size_t k = 0; k < plan.ranges.size(); ++k) {
    widths.push_back(plan.ranges[k].flag().size());
    for (const Index i : order) widths.back() = std::max(widths.back(), trials[at(i)].values[k].size());
  }
  const std::string_view name = short_name(score_of(trials));
  const std::string best = fmt::format("best val {}", name), train = fmt::format("train {}", name);
  const std::size_t of_best = std::max<std::size_t>(12, best.size()), of_train = std::max<std::size_t>(9, train.size());
  std::string line =
      fmt::format("{:>5}  {:>{}}  {:>{}}  {:>6}  {:<8}", "trial", best, of_best, train, of_train, "epochs", "end");
  for (std::size_t k = 0; k < widths.size(); ++k) line += fmt::format("  {:<{}}", plan.ranges[k].flag(), widths[k]);
  line.erase(line.find_last_not_of(' ') + 1);
  fmt::print("{}\n", line);
  for (const Index i : order) {
    const TrialState& state = result.states[at(i)];
    line = fmt::format("{:>5}  {:>{}.4f}  {:>{}.4f}  {:>6}  {:<8}", i + 1, state.best_val_acc, of_best, state.train_acc,
                       of_train, state.epochs, name_of(result.status[at(i)]));
    for (std::size_t k = 0; k < widths.size(); ++k) line += fmt::format("  {:<{}}", trials[at(i)].values[k], widths[k]);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

void print_end(const SearchPlan& plan, const std::vector<SearchTrial>& trials, const SearchResult& result,
               const fs::path& directory, bool has_test, Index show) {
  const auto count = [&](TrialStatus status) { return std::count(result.status.begin(), result.status.end(), status); };
  fmt::print("\nBest of {}: {} trained to the end, {} stopped early, {} failed\n",
             several(static_cast<Index>(trials.size()), "trial", "trials"), count(TrialStatus::finished),
             count(TrialStatus::stopped), count(TrialStatus::failed));
  print_table(plan, trials, result, show);
  const std::string best = shown(directory / "best");
  fmt::print("\nTrials:         {}\n", shown(directory / "trials.csv"));
  fmt::print("Report:         {}\n", shown(directory / "report.html"));
  fmt::print("Best run:       {}\n", best);
  fmt::print("Next:           lamina eval {} --split {}\n", best, has_test ? "test" : "val");
  fmt::print("Train it again: {}\n", trials[at(result.best())].command);
}

/// The flags of trials; the search draws a seed for each.
FlagValues given_run_flags(const CLI::App& app) {
  FlagValues given = run_flags().given(app);
  std::erase_if(given, [](const auto& value) { return value.first == "seed"; });
  return given;
}

/// The plan that the flags and the TOML file describe.
SearchPlan plan_of(SearchFlags& flags, CLI::App& app) {
  SearchTable ranges, from_file;
  read_search_flags(flags.search, ranges);
  const FlagValues given = given_run_flags(app);
  const auto fixed = [](const FlagValues& values, const std::string& flag) {
    return std::any_of(values.begin(), values.end(), [&](const auto& v) { return v.first == flag; });
  };
  const auto check = [&](const FlagValues& values, const SearchTable& searched, const std::string& where) {
    for (const auto& [flag, text] : searched)
      if (fixed(values, flag))
        throw UsageError(
            fmt::format("{}--search {}: expected a flag that is not fixed, got --{} too", where, flag, flag));
  };
  check(given, ranges, "");
  SearchPlan plan;
  plan.flags = given;
  if (!flags.toml.empty()) {
    read_config_file(app, flags.toml, &from_file);
    FlagValues all = given_run_flags(app), of_file = all;
    std::erase_if(of_file, [&](const auto& v) { return fixed(given, v.first); });
    check(of_file, from_file, flags.toml.string() + ": ");
    // The command line wins, whether it fixes a flag or searches it.
    std::erase_if(all, [&](const auto& v) { return ranges.contains(v.first); });
    plan.flags = all;
    for (const auto& [flag, text] : from_file)
      if (!fixed(given, flag)) ranges.emplace(flag, text);
  }
  if (ranges.empty())
    throw UsageError("expected one or more --search FLAG=RANGE, such as --search learning-rate=log-uniform:1e-4:1e-2");
  const std::string* net = value_of(plan.flags, "net");
  plan.ranges = make_ranges(ranges, net ? *net : std::string());
  plan.trials = flags.trials;
  if (const FlagValues all = run_flags().given(app); const std::string* seed = value_of(all, "seed"))
    plan.seed = static_cast<std::uint32_t>(std::stoul(*seed));
  plan.halving = flags.halving;
  plan.first_rung = flags.first_rung;
  return plan;
}

SearchPlan plan_to_resume(const SearchFlags& flags, const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (option->count() > 0 && name != "--resume" && name != "--data-dir" && name != "--threads" && name != "--quiet" &&
        name != "--show")
      throw UsageError(
          fmt::format("--resume goes on with the search's own settings: {} cannot be given with it", name));
  }
  SearchPlan plan = read_plan(flags.resume);
  const FlagValues given = run_flags().given(app);
  if (const std::string* data_dir = value_of(given, "data-dir")) {
    std::erase_if(plan.flags, [](const auto& v) { return v.first == "data-dir"; });
    plan.flags.emplace_back("data-dir", *data_dir);
  }
  return plan;
}

/// Loads the data, once for all trials, and completes plan and trials with them.
Dataset load_data(SearchPlan& plan, std::vector<SearchTrial>& trials, bool resuming, bool quiet, Screen& screen) {
  LoadOptions options;
  options.images.only_warnings = quiet;
  options.say = [&](std::string_view line) { screen.notice(std::string(line)); };
  RunConfig base = trials.front().config;
  if (resuming) check_still_there(base, "");
  Dataset data = load_run_data(base, options);
  check_can_be_kept(base, data);
  const auto set = [&](const std::string& flag, const std::string& value) {
    std::erase_if(plan.flags, [&](const auto& v) { return v.first == flag; });
    if (!value.empty()) plan.flags.emplace_back(flag, value);
  };
  set("data", base.data);
  set("data-dir", base.data_dir.string());
  for (SearchTrial& trial : trials) {
    trial.config.data = base.data;
    trial.config.data_dir = base.data_dir;
    trial.config.data_digest = base.data_digest;
    trial.config.net.input_dim = base.net.input_dim;
    trial.config.net.num_classes = base.net.num_classes;
    trial.command = train_command(plan, trial);
  }
  return data;
}

int run_search_command(SearchFlags& flags, CLI::App& app) {
  const bool resuming = !flags.resume.empty();
  SearchPlan plan = resuming ? plan_to_resume(flags, app) : plan_of(flags, app);
  std::vector<SearchTrial> trials = make_trials(plan);
  set_num_threads(flags.threads);
  fs::path directory = resuming ? flags.resume : flags.out;
  if (directory.empty()) directory = default_directory("search-" + trials.front().config.net.model);

  catch_signals();
  Screen screen(plan, trials, flags.quiet);
  const Dataset data = load_data(plan, trials, resuming, flags.quiet, screen);
  if (!flags.quiet)
    fmt::print("{}\n{}\n",
               splits_line(data.name, data.train.size(), data.val.size(), data.test.size(), data.example_shape()),
               outputs_line(data.class_names, data.target_names));
  if (flags.overwrite) remove_search(directory);

  SearchWatcher watcher;
  watcher.on_start = [&](const SearchResult& result, Index done) { screen.start(result, done); };
  watcher.on_progress = [&](const SearchProgress& progress) { screen.progress(progress); };
  watcher.on_part = [&](Index trial, const TrialState& state) { screen.part(trial, state); };
  watcher.on_rung = [&](std::size_t rung, const std::vector<Index>& go_on) { screen.rung(rung, go_on); };
  watcher.on_notice = [&](const std::string& text) { screen.notice(text); };
  watcher.should_stop = [] { return stop_requested(); };
  const SearchResult result = run_search(plan, trials, data, directory, watcher);
  screen.clear();
  if (!result.finished) {
    tell(fmt::format("lamina search: interrupted; go on with: lamina search --resume {}", shown(directory)));
    return exit_code_of_stop();
  }
  if (result.best() < 0) {
    tell(fmt::format("lamina search: every trial failed, the first with: {} (more in {})", result.states.front().error,
                     shown(directory / "trials.csv")));
    return 1;
  }
  if (screen.parts() == 0) fmt::print("This search is finished; nothing is left to do.\n");
  print_end(plan, trials, result, directory, data.test.size() > 0, flags.show);
  return 0;
}

}  // namespace

Command add_search(CLI::App& app) {
  CLI::App* search = app.add_subcommand("search", "Random search: train with drawn settings and keep the best");
  auto flags = std::make_shared<SearchFlags>();
  const auto add = [](CLI::Option* option, const std::string& group) { return option->group(group); };
  const std::string group = "The search";
  add(search
          ->add_option("--search", flags->search,
                       "A flag of lamina train and the values to draw from; as often as there are flags. Ranges: "
                       "uniform:MIN:MAX, log-uniform:MIN:MAX, integer:MIN:MAX[:STEP], log-integer:MIN:MAX, "
                       "choice:A|B|...")
          ->type_name("FLAG=RANGE")
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll),
      group);
  add(search->add_option("--trials", flags->trials, "Trials to draw")
          ->type_name("N")
          ->check(whole_number(1, 100'000))
          ->capture_default_str(),
      group);
  add(search
          ->add_option(
              "--halving", flags->halving,
              "Of the trials of a rung the best 1 in N are trained N times as long, up to --epochs, the others "
              "are stopped; 1: all are trained to the end")
          ->type_name("N")
          ->check(whole_number(1, 1000))
          ->capture_default_str(),
      group);
  add(search->add_option("--first-rung", flags->first_rung, "Least epochs that a trial is trained before it is judged")
          ->type_name("N")
          ->check(whole_number(1))
          ->capture_default_str(),
      group);
  run_flags().add_to(*search);
  add_threads(*search, flags->threads);
  search->get_option("--seed")
      ->description("Seed of the draws, each trial's own seed among them, 0 to 4294967295")
      ->group(group);
  search->get_option("--threads")
      ->description("Trials at a time; 0: one a processor. The results do not depend on it")
      ->group(group);

  const std::string files = "Data and files";
  add(search
          ->add_option("-o,--out", flags->out,
                       "The search's directory: table, figures, report, best run; a search that is in it goes on "
                       "[runs/search-MODEL-DATE-TIME]")
          ->type_name("DIR"),
      files);
  add(search->add_flag("--overwrite", flags->overwrite, "Replace the search that --out holds already"), files);
  add(search->add_option("--resume", flags->resume, "Go on with the search in DIR, with its settings")
          ->type_name("DIR"),
      files);
  add(search
          ->add_option("--config", flags->toml,
                       "TOML file of these flags without their dashes, and a table [search] of ranges (learning-rate = "
                       "\"log-uniform:1e-4:1e-2\", hidden = [[100, 100], [200]]); flags on the command line win")
          ->type_name("FILE"),
      files);
  const std::string output = "Output";
  add(search->add_option("--show", flags->show, "Trials in the closing table")
          ->type_name("N")
          ->check(whole_number(1))
          ->capture_default_str(),
      output);
  add(search->add_flag("-q,--quiet", flags->quiet, "Print the closing lines only"), output);
  search->footer(
      "The flags of lamina train hold for every trial. Killed or interrupted, the same call goes on (with\n"
      "--out), or: lamina search --resume DIR. Example:\n"
      "  lamina search --model fc --epochs 9 --update-rule adam --data fashion-mnist --out runs/search \\\n"
      "    --search learning-rate=log-uniform:1e-4:1e-2 --search reg=log-uniform:1e-4:1 \\\n"
      "    --search 'hidden=choice:100|100,100|200' --search batch-size=log-integer:20:200");
  return {search, [flags, search] { return run_search_command(*flags, *search); }};
}

}  // namespace lamina::cli
