// lamina train: flags to a run, and what the user sees of it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <iostream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string_view>

#include "lamina/threads.h"
#include "workbench/cli/commands.h"
#include "workbench/cli/progress_bar.h"
#include "workbench/cli/run_flags.h"
#include "workbench/cli/signals.h"
#include "workbench/pages/page_text.h"
#include "workbench/runs/training_run.h"

namespace lamina::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct TrainFlags {
  std::string diagnose;  ///< "auto" or a number; empty: not asked for
  fs::path out, resume, toml;
  int threads = 0;
  bool overwrite = false, quiet = false;
};

/// "- " and the words, in lines of up to 100 characters.
std::string list_item(const std::string& text) {
  std::string item = "-";
  std::size_t width = 1;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (width + 1 + word.size() > 100) item += "\n ", width = 1;
    item += " " + word;
    width += 1 + word.size();
  }
  return item + "\n";
}

/// What stands on the screen while a run works: on a terminal one line that moves, else the notebooks' lines.
class RunScreen {
 public:
  RunScreen(bool quiet, bool terminal) : quiet_(quiet), terminal_(terminal) {}

  void start(const RunStart& start) {
    start_ = start;
    val_acc_ = start.best_val_acc;
    iteration_ = start.first_iteration;
    began_ = Clock::now();
    if (quiet_) return;
    fmt::print("{}\n", splits_line(start.data_name, start.num_train, start.num_val, start.num_test,
                                   start.config.net.input_dim));
    fmt::print("{}\n", outputs_line(start.class_names, start.target_names));
    fmt::print("{}: {} parameters\n", start.net_title, with_commas(start.parameter_count));
    if (start.first_iteration > 0)
      fmt::print("Continuing after iteration {} of {}\n", start.first_iteration, start.num_iterations);
    std::fflush(stdout);
  }

  void iteration(const IterationEvent& event) {
    ++iteration_;
    ++done_;
    step_seconds_ += event.seconds;
    if (terminal_ && !quiet_ && status_.due()) draw(event.loss);
  }

  void epoch(const EpochEvent& event) {
    val_acc_ = event.val_acc;
    checked_ = true;
    if (!terminal_ || quiet_) return;
    status_.clear();
    fmt::print("(Epoch {} / {}) {}\n", event.epoch, event.num_epochs,
               scores_text(start_.score, event.train_acc, event.val_acc));
    std::fflush(stdout);
  }

  void findings(const std::vector<Finding>& found) {
    status_.clear();
    fmt::print("What was found inside the net:\n");
    for (const Finding& finding : found) fmt::print("{}", list_item(finding.text));
    std::fflush(stdout);
  }

  void notice(const std::string& text) {
    status_.clear();
    tell(fmt::format("lamina train: {}", text));
  }

  void clear() { status_.clear(); }

 private:
  void draw(double loss) {
    const double elapsed = std::chrono::duration<double>(Clock::now() - began_).count();
    const double left = elapsed / static_cast<double>(done_) * static_cast<double>(start_.num_iterations - iteration_);
    const double images = static_cast<double>(done_ * start_.config.solver.batch_size) / std::max(step_seconds_, 1e-9);
    const std::string accuracy = checked_ || start_.first_iteration > 0 ? fmt::format("{:.3f}", val_acc_) : "  -  ";
    const Index epoch =
        (iteration_ - 1) * start_.config.solver.num_epochs / std::max<Index>(1, start_.num_iterations) + 1;
    const std::string head = fmt::format("epoch {}/{} ", epoch, start_.config.solver.num_epochs);
    const std::string tail = fmt::format(" loss {:.4f}  val {} {}  {} img/s  {} left", loss, short_name(start_.score),
                                         accuracy, with_commas(static_cast<long long>(images)), clock_text(left));
    const int room = terminal_width() - 1 - static_cast<int>(head.size() + tail.size()) - 5;
    const double fraction = static_cast<double>(iteration_) / static_cast<double>(start_.num_iterations);
    status_.draw(head + bar(fraction, std::min(room, 40)) + tail);
  }

  bool quiet_, terminal_;
  StatusLine status_;
  RunStart start_{};
  Clock::time_point began_;
  Index iteration_ = 0, done_ = 0;
  double step_seconds_ = 0, val_acc_ = 0;
  bool checked_ = false;
};

void print_result(const RunResult& result) {
  const std::string directory = shown(result.directory);
  fmt::print("Best validation {} {:.4f} after {} epoch{}, {} iteration{}\n", name_of(result.score), result.best_val_acc,
             result.epochs, result.epochs == 1 ? "" : "s", with_commas(result.iterations),
             result.iterations == 1 ? "" : "s");
  if (result.patience)
    fmt::print("Ended by --patience: {} brought no better validation {}\n",
               several(*result.patience, "accuracy check", "accuracy checks in a row"), name_of(result.score));
  fmt::print("Training steps {:.1f} s, {} {}s/s\n", result.seconds,
             with_commas(static_cast<long long>(result.images_per_second)), noun_of(result.example));
  fmt::print("Run directory: {}\n", directory);
  fmt::print("Report:        {}\n", shown(result.directory / "report.html"));
  fmt::print("Model:         {}\n", shown(result.directory / "model.safetensors"));
  fmt::print("Next:          lamina eval {} --split {}\n", directory, result.has_test ? "test" : "val");
  if (result.of_table || noun_of(result.example) == "image")
    fmt::print("               lamina predict {} {}\n", directory, result.of_table ? "NEW.csv" : "IMAGE.png");
}

/// Only what decides nothing may be given to a run that goes on, and how long it is and where its data are now.
void check_flags_of_resume(const CLI::App& app) {
  constexpr std::string_view kMay[] = {"--resume", "--epochs", "--data", "--data-dir", "--threads", "--quiet"};
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (option->count() > 0 && std::find(std::begin(kMay), std::end(kMay), name) == std::end(kMay))
      throw UsageError(fmt::format("--resume goes on with the run's own settings: {} cannot be given with it", name));
  }
}

ResumeChanges changes_of(const FlagValues& values) {
  ResumeChanges changes;
  if (const std::string* given = value_of(values, "epochs")) changes.num_epochs = std::stoll(*given);
  if (const std::string* given = value_of(values, "data")) changes.data = *given;
  if (const std::string* given = value_of(values, "data-dir")) changes.data_dir = *given;
  return changes;
}

int run_train(TrainFlags& flags, CLI::App& app) {
  if (!flags.toml.empty()) read_config_file(app, flags.toml);
  const bool resuming = !flags.resume.empty();
  if (resuming) check_flags_of_resume(app);
  set_num_threads(flags.threads);
  const FlagValues values = run_flags().given(app);
  RunConfig config;
  fs::path out = flags.out;
  if (!resuming) {
    config = run_config_of(values);
    if (!flags.diagnose.empty())
      config.diagnose = flags.diagnose == "auto" ? kDiagnoseNowAndThen : std::stoll(flags.diagnose);
    if (out.empty()) out = default_directory(config.net.model);
  }

  catch_signals();
  const bool terminal = on_terminal();
  RunScreen screen(flags.quiet, terminal);
  RunWatcher watcher;
  watcher.quiet = flags.quiet;
  if (!terminal && !flags.quiet) watcher.lines = &std::cout;
  watcher.on_start = [&](const RunStart& start) { screen.start(start); };
  watcher.on_iteration = [&](const IterationEvent& event) { screen.iteration(event); };
  watcher.on_epoch = [&](const EpochEvent& event) { screen.epoch(event); };
  watcher.on_findings = [&](const std::vector<Finding>& found) { screen.findings(found); };
  watcher.on_notice = [&](const std::string& text) { screen.notice(text); };
  watcher.should_stop = [] { return stop_requested(); };
  const RunResult result = resuming ? resume_run(flags.resume, changes_of(values), watcher)
                                    : start_run(config, out, flags.overwrite, watcher);
  screen.clear();
  std::cout.flush();
  if (!result.finished) {
    tell(fmt::format("lamina train: interrupted after iteration {}; go on with: lamina train --resume {}",
                     result.iterations, shown(result.directory)));
    return exit_code_of_stop();
  }
  if (result.already_finished) fmt::print("This run is finished; nothing is left to do.\n");
  print_result(result);
  return 0;
}

}  // namespace

Command add_train(CLI::App& app) {
  CLI::App* train = app.add_subcommand("train", "Train a net, or go on with a run that was interrupted");
  auto flags = std::make_shared<TrainFlags>();
  run_flags().add_to(*train);
  add_threads(*train, flags->threads);
  train->get_option("--threads")->group("Training");

  const auto add = [&](CLI::Option* option, const std::string& group) { return option->group(group); };
  const std::string files = "Data and files";
  add(train
          ->add_option("-o,--out", flags->out,
                       "The run directory: history, model, checkpoint, figures, report "
                       "[runs/MODEL-DATE-TIME]")
          ->type_name("DIR"),
      files);
  add(train->add_flag("--overwrite", flags->overwrite, "Replace the run that --out holds already"), files);
  add(train
          ->add_option("--resume", flags->resume,
                       "Go on with the run in DIR from its last checkpoint, with its settings; the result is that of "
                       "a run which never stopped. --epochs N gives it another end, also where it is finished; --data "
                       "says where its data are now")
          ->type_name("DIR"),
      files);
  add(train
          ->add_option("--config", flags->toml,
                       "TOML file of these flags without their dashes (learning-rate = 1e-3, num-filters = [16, 32]); "
                       "flags on the command line win")
          ->type_name("FILE"),
      files);

  const std::string output = "Output";
  add(train
          ->add_option("--diagnose", flags->diagnose,
                       "Look into the net every N iterations: norms of weights, gradients and updates, activations and "
                       "dead ReLUs of each layer, and say what is wrong. Without N, about 200 times in the run")
          ->type_name("[N]")
          ->expected(0, 1)
          ->default_str("auto")
          ->check(CLI::Validator([](std::string& text) { return text == "auto" ? "" : whole_number(1)(text); }, "")),
      output);
  add(train->add_flag("-q,--quiet", flags->quiet, "Print the closing lines only"), output);
  train->footer(
      "Ctrl-C saves a checkpoint and says how to go on. Examples:\n"
      "  lamina train --model fc --hidden 100,100 --update-rule adam --data fashion-mnist\n"
      "  lamina train --num-filters 16,32,64 --filter-sizes 7,7,3 --conv-stride 2 --weight-scale 0.01 \\\n"
      "    --update-rule sgd_momentum --learning-rate 5e-3 --batch-size 32 --epochs 3 --out runs/cnn\n"
      "  lamina train --resume runs/cnn");
  return {train, [flags, train] { return run_train(*flags, *train); }};
}

}  // namespace lamina::cli
