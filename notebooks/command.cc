// lamina reproduce: the four notebooks as programs.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <memory>

#include "datasets/load.h"
#include "lamina/threads.h"
#include "notebooks/reproduce.h"
#include "workbench/cli/commands.h"
#include "workbench/cli/flags.h"
#include "workbench/cli/progress_bar.h"
#include "workbench/cli/run_flags.h"
#include "workbench/cli/signals.h"
#include "workbench/runs/run_data.h"

namespace lamina::cli {
namespace {

namespace fs = std::filesystem;

struct ReproduceFlags {
  std::string notebook;
  FlagValues values;  // those of data, and precision
  fs::path out = "runs/reproduce";
  int threads = 0;
  bool quick = false, overwrite = false;
};

/// "cell 5"; what stands between the cells keeps its name.
std::string cell_name(std::string_view number) {
  if (number.starts_with("Question") || number.starts_with("table")) return std::string(number);
  return fmt::format("cell {}", number);
}

/// How a training gets on: from the first call for it, what is done and how long that took.
class Pace {
 public:
  void go_on(const ReproduceProgress& at) {
    const std::string now = fmt::format("{} {} {}", at.notebook, at.cell, at.what);
    if (now == training_ && at.done >= last_) {
      last_ = at.done;
      return;
    }
    training_ = now;
    began_ = Clock::now();
    first_ = last_ = at.done;
  }

  /// "[====>    ]  43% cell 17, the good ConvNet: iteration 1,975 / 4,593  loss 1.2345  4:05 left"
  std::string line(const ReproduceProgress& at) const {
    const double elapsed = std::chrono::duration<double>(Clock::now() - began_).count();
    const Index done = at.done - first_;
    const std::string left = done < 2 ? ""
                                      : fmt::format("  {} left", clock_text(elapsed / static_cast<double>(done) *
                                                                            static_cast<double>(at.total - at.done)));
    const std::string cell = cell_name(at.cell);
    std::string tail = fmt::format(" {} {} / {}", at.unit, with_commas(at.done), with_commas(at.total));
    if (!std::isnan(at.loss)) tail += fmt::format("  loss {:.4f}", at.loss);
    tail += left;
    std::string head = fmt::format(" {}, {}:", cell, at.what);
    const int room = terminal_width() - 1 - static_cast<int>(tail.size());
    const int for_bar = std::clamp(room - static_cast<int>(head.size()) - 5, 0, 30);
    if (for_bar < 8) head = fmt::format(" {}:", cell);
    return bar(static_cast<double>(at.done) / static_cast<double>(at.total), std::max(for_bar, 8)) + head + tail;
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::string training_;
  Clock::time_point began_;
  Index first_ = 0, last_ = 0;
};

/// The call with these flags, for a shell.
std::string call_of(const ReproduceFlags& flags) {
  std::string call = "lamina reproduce " + flags.notebook;
  for (const auto& [flag, value] : flags.values) call += " --" + flag + " " + shown(value);
  if (flags.quick) call += " --quick";
  if (flags.threads != 0) call += fmt::format(" --threads {}", flags.threads);
  return call + " --out " + shown(flags.out);
}

int run_reproduce(const ReproduceFlags& flags) {
  const RunConfig config = run_config_of(flags.values);
  set_num_threads(flags.threads);
  StatusLine status;
  Pace pace;
  const bool terminal = on_terminal();
  LoadOptions load;
  load.say = [](std::string_view line) { tell(fmt::format("lamina reproduce: {}", line)); };
  load.images = image_options(config);
  const Dataset data = load_dataset(config.data, config.data_dir, load);
  fmt::print("{}\n",
             splits_line(data.name, data.train.size(), data.val.size(), data.test.size(), data.example_shape()));

  ReproduceWatcher watcher;
  watcher.print = [&](std::string_view text) {
    status.clear();
    fmt::print("{}", text);
    std::fflush(stdout);
  };
  if (terminal)
    watcher.progress = [&](const ReproduceProgress& at) {
      pace.go_on(at);
      if (status.due()) status.draw(pace.line(at));
    };
  const std::vector<std::string> names =
      flags.notebook == "all" ? notebook_names() : std::vector<std::string>{flags.notebook};
  ReproduceOptions options;
  options.quick = flags.quick;
  options.overwrite = flags.overwrite;
  options.precision = config.net.precision;
  catch_signals();
  watcher.should_stop = [] { return stop_requested(); };
  ReproduceResults results;
  try {
    results = reproduce_notebooks(names, data, flags.out, options, watcher);
  } catch (const ReproduceStopped& stopped) {
    status.clear();
    tell(fmt::format("lamina reproduce: interrupted in {}, {}; go on with: {}", stopped.notebook,
                     cell_name(stopped.cell), call_of(flags)));
    return exit_code_of_stop();
  }
  status.clear();

  const ReproduceResults::Count count = results.count(names);
  fmt::print("\n{} checks hold, {} failed, {} not checked\n", count.hold, count.fail, count.not_checked);
  for (const NotebookResults& notebook : results.notebooks) {
    if (std::find(names.begin(), names.end(), notebook.name) == names.end()) continue;
    for (const NotebookCell& cell : notebook.cells)
      for (const NotebookCheck& check : cell.checks)
        if (check.holds && !*check.holds)
          fmt::print("FAILED: {}, {}: {}\n", notebook.name, cell_name(cell.number), check.name);
  }
  if (count.fail > 0) fmt::print("To start anew: {} --overwrite\n", call_of(flags));
  fmt::print("Results: {}\n", (flags.out / "results.json").string());
  fmt::print("Report:  {}\n", (flags.out / "report.html").string());
  return count.fail > 0 ? 1 : 0;
}

}  // namespace

Command add_reproduce(CLI::App& app) {
  CLI::App* reproduce = app.add_subcommand("reproduce", "Run the notebooks cell by cell and check what they print");
  auto flags = std::make_shared<ReproduceFlags>();
  std::vector<std::string> names = notebook_names();
  names.emplace_back("all");
  reproduce
      ->add_option("notebook", flags->notebook, "fully-connected, batch-normalization, dropout, convolutional or all")
      ->type_name("NAME")
      ->check(one_of(names))
      ->required();
  run_flags().add_to(*reproduce, {"data", "image-size", "split-seed", "data-dir", "precision"});
  reproduce
      ->add_option("--out", flags->out, "Where report.html and results.json go; what is finished there is not repeated")
      ->type_name("DIR")
      ->capture_default_str();
  reproduce->add_flag("--overwrite", flags->overwrite,
                      "Start the named notebooks anew; what --out holds of the others stays");
  reproduce->add_flag("--quick", flags->quick, "Train for less long: all notebooks in about a minute");
  reproduce->get_option("--precision")
      ->description(
          "full or bf16, for the four ConvNets that train on the whole training split: bf16 rounds the operands of "
          "products to bfloat16, and takes about two thirds of the time where the processor multiplies them");
  add_threads(*reproduce, flags->threads);
  reproduce->footer(
      "The exit code is 1 where a check fails. Ctrl-C stops it and says how to go on; then, or killed and\n"
      "run again, it goes on after the last finished cell, or within a long training from its checkpoint.\n"
      "Example: lamina reproduce all --data cifar10 --out runs/notebooks");
  return {reproduce, [flags, reproduce] {
            flags->values = run_flags().given(*reproduce);
            return run_reproduce(*flags);
          }};
}

}  // namespace lamina::cli
