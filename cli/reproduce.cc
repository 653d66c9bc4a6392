// lamina reproduce: the four notebooks as programs.
#include "lamina/experiments/reproduce/reproduce.h"

#include <fmt/format.h>

#include <cmath>
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/progress_bar.h"
#include "lamina/data/load.h"
#include "lamina/kernels/parallel.h"

namespace lamina::cli {
namespace {

namespace fs = std::filesystem;

struct ReproduceFlags {
  std::string notebook, data = "auto";
  fs::path data_dir, out = "runs/reproduce";
  int threads = 0;
  bool quick = false;
};

int run_reproduce(const ReproduceFlags& flags) {
  kernels::set_num_threads(flags.threads);
  StatusLine status;
  const bool terminal = on_terminal();
  LoadOptions load;
  load.say = [](std::string_view line) { fmt::print(stderr, "lamina reproduce: {}\n", line); };
  const Dataset data = load_dataset(flags.data, flags.data_dir, load);
  fmt::print("{}: {} train, {} val and {} test images of {}\n", data.name, with_commas(data.train.size()),
             with_commas(data.val.size()), with_commas(data.test.size()), data.example_shape().to_string());

  ReproduceWatcher watcher;
  watcher.print = [&](std::string_view text) {
    status.clear();
    fmt::print("{}", text);
    std::fflush(stdout);
  };
  if (terminal)
    watcher.progress = [&](const ReproduceProgress& at) {
      if (!status.due()) return;
      const std::string loss = std::isnan(at.loss) ? "" : fmt::format("  loss {:.4f}", at.loss);
      status.draw(
          fmt::format("{} {}{}", bar(static_cast<double>(at.done) / static_cast<double>(at.total), 40), at.what, loss));
    };
  const std::vector<std::string> names =
      flags.notebook == "all" ? notebook_names() : std::vector<std::string>{flags.notebook};
  const ReproduceResults results = reproduce_notebooks(names, data, flags.out, flags.quick, watcher);
  status.clear();

  const ReproduceResults::Count count = results.count();
  fmt::print("\n{} checks hold, {} failed, {} not checked\n", count.hold, count.fail, count.not_checked);
  for (const NotebookResults& notebook : results.notebooks)
    for (const NotebookCell& cell : notebook.cells)
      for (const NotebookCheck& check : cell.checks)
        if (check.holds && !*check.holds)
          fmt::print("FAILED: {}, cell {}: {}\n", notebook.name, cell.number, check.name);
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
  reproduce
      ->add_option(
          "--data", flags->data,
          "auto (CIFAR-10, found or downloaded, else Fashion-MNIST), cifar10, fashion-mnist, mnist, synthetic, "
          "or a directory that holds one")
      ->type_name("NAME|DIR")
      ->capture_default_str();
  add_data_dir(*reproduce, flags->data_dir);
  reproduce
      ->add_option("--out", flags->out, "Where report.html and results.json go; what is finished there is not repeated")
      ->type_name("DIR")
      ->capture_default_str();
  reproduce->add_flag("--quick", flags->quick, "Train for less long: all notebooks in about a minute");
  add_threads(*reproduce, flags->threads);
  reproduce->footer(
      "The exit code is 1 where a check fails. Killed and run again, it goes on after the last finished\n"
      "cell. Example: lamina reproduce all --data cifar10 --out runs/notebooks");
  return {reproduce, [flags] { return run_reproduce(*flags); }};
}

}  // namespace lamina::cli
