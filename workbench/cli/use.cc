// lamina eval and lamina predict: a trained net at work.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "datasets/images.h"
#include "datasets/table.h"
#include "lamina/io/atomic_file.h"
#include "lamina/threads.h"
#include "workbench/cli/commands.h"
#include "workbench/cli/evaluation_text.h"
#include "workbench/cli/progress_bar.h"
#include "workbench/cli/run_flags.h"
#include "workbench/runs/evaluation.h"
#include "workbench/runs/table_predictions.h"

namespace lamina::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct UseFlags {
  fs::path run, data_dir;
  std::string split, data;
  std::vector<std::string> inputs;  ///< images, or one table
  fs::path out;
  Index top = 3;
  int threads = 0;
  bool json = false, mirror = false;
  Lenience lenience;
};

TrainedNet open_net(const UseFlags& flags, std::string_view command) {
  set_num_threads(flags.threads);
  TrainedNet net = open_trained_net(flags.run);
  if (flags.mirror) net.mirror_averaging = true;
  if (!net.info().has_checksum)
    tell(
        fmt::format("lamina {}: {} is of an earlier version, without a checksum: damage to its numbers would go unseen",
                    command, shown(flags.run)));
  return net;
}

int run_eval(const UseFlags& flags) {
  const TrainedNet net = open_net(flags, "eval");
  const Dataset data = load_data_of(
      net.info(), flags.data, flags.data_dir, [](std::string_view line) { tell(fmt::format("lamina eval: {}", line)); },
      flags.lenience);
  const char* usual = flags.data.empty() || data.train.size() > 0 ? "val" : "all";
  const Evaluation found = evaluate(net, data, flags.split.empty() ? usual : flags.split);
  if (flags.json)
    fmt::print("{}\n", evaluation_json(found));
  else
    fmt::print("{}", evaluation_text(found, static_cast<std::size_t>(terminal_width())));
  return 0;
}

/// Guesses as a line of JSON, after what they are of: {"image": "cat.jpg"}.
std::string json_line(ordered_json line, const std::vector<Guess>& guesses, Score measured) {
  constexpr const char* kLists[] = {"classes", "labels", "targets"};  // as in Score
  ordered_json list = ordered_json::array();
  for (const Guess& guess : guesses)
    list.push_back({{"name", guess.name}, {measured == Score::r2 ? "value" : "probability", guess.value}});
  line[kLists[static_cast<std::size_t>(measured)]] = std::move(list);
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

/// What the net says of one image, as a line.
std::string answer(const TrainedNet& net, const std::string& path, const UseFlags& flags) {
  if (is_table(path))
    throw std::runtime_error(path + ": expected an image, as the net was trained on images, got a table");
  const std::vector<Guess> guesses = guess(net, read_image(path), flags.top);
  const Score measured = score_of(net.info().config.loss.loss);
  if (flags.json) return json_line({{"image", path}}, guesses, measured);
  std::vector<std::string> words;
  words.reserve(guesses.size());
  for (const Guess& guess : guesses)
    words.push_back(measured == Score::r2 ? fmt::format("{} {:.6g}", on_one_line(guess.name), guess.value)
                                          : fmt::format("{} {:.3f}", on_one_line(guess.name), guess.value));
  return fmt::format("{}: {}", on_one_line(path), fmt::join(words, ", "));
}

/// Answers all rows of a table, in a file or on standard output.
int predict_table(const UseFlags& flags, const TrainedNet& net, const TablePreparation& preparation) {
  if (flags.inputs.size() > 1)
    throw UsageError(
        fmt::format("expected one table for a net that was trained on a table, got {} files", flags.inputs.size()));
  if (!is_table(flags.inputs.front()))
    throw UsageError(fmt::format("expected a table (.csv, .tsv) for a net that was trained on a table, got {}",
                                 shown(flags.inputs.front())));
  if (flags.mirror) throw UsageError("--mirror-averaging belongs to images, got a net that was trained on a table");
  const UnknownCells unknown = {.allowed = flags.lenience.allow_unknown, .say = [](std::string_view line) {
                                  tell(fmt::format("lamina predict: {}", on_one_line(std::string(line))));
                                }};
  const CsvTable table = read_csv(flags.inputs.front());
  std::string text;
  if (flags.json) {
    const Predictions found = net.predict(Examples(preparation.read_inputs(table, all_rows(table), unknown)));
    for (Index row = 0; row < table.rows(); ++row)
      text += json_line({{"line", table.line(row)}}, guesses_of(net, found, row, flags.top, preparation),
                        score_of(net.info().config.loss.loss)) +
              "\n";
  } else {
    text = predictions_csv(net, preparation, table, unknown);
  }
  if (flags.out.empty())
    fmt::print("{}", text);
  else
    write_file_atomically(flags.out, text);
  return 0;
}

int run_predict(const UseFlags& flags) {
  const TrainedNet net = open_net(flags, "predict");
  if (const std::optional<TablePreparation> table = preparation_of(net.info()))
    return predict_table(flags, net, *table);
  if (!flags.out.empty() || flags.lenience.allow_unknown)
    throw UsageError(fmt::format("--{} belongs to a net that was trained on a table, got one for images",
                                 flags.out.empty() ? "allow-unknown" : "out"));
  int code = 0;
  for (const std::string& path : flags.inputs) {
    try {
      fmt::print("{}\n", answer(net, path, flags));
    } catch (const std::exception& error) {
      tell(fmt::format("lamina predict: {}", on_one_line(without_tag(error.what()))));
      code = 1;
    }
  }
  return code;
}

CLI::Option* add_run(CLI::App& app, UseFlags& flags) {
  return app.add_option("run", flags.run, "A run directory, or a model.safetensors alone")
      ->type_name("DIR|FILE")
      ->required();
}

void add_mirror(CLI::App& app, UseFlags& flags) {
  app.add_flag("--mirror-averaging", flags.mirror,
               "Take the mean of an image's scores and those of its mirror image, also where training did not");
}

void add_allow_unknown(CLI::App& app, UseFlags& flags) {
  app.add_flag("--allow-unknown", flags.lenience.allow_unknown,
               "In a table, count a category that training did not have as none, instead of failing");
}

}  // namespace

Command add_eval(CLI::App& app) {
  CLI::App* eval = app.add_subcommand(
      "eval", "How well a trained net predicts: accuracy and confusion matrix, or the scores of labels or numbers");
  auto flags = std::make_shared<UseFlags>();
  add_run(*eval, *flags);
  eval->add_option("--split", flags->split,
                   "train, val, test, or all (the three together); on val the score is the run's best_val_acc")
      ->type_name("NAME")
      ->check(one_of({"train", "val", "test", "all"}))
      ->default_str("val; all rows of another table");
  eval->add_option("--data", flags->data,
                   "Other data than those of the run: cifar10, fashion-mnist, mnist, synthetic, a directory that "
                   "holds one, a directory with one folder of PNG and JPEG images a class, a table, or a .npz file")
      ->type_name("NAME|PATH");
  run_flags().add_to(*eval, {"skip-broken"});
  add_data_dir(*eval, flags->data_dir);
  add_threads(*eval, flags->threads);
  add_mirror(*eval, *flags);
  add_allow_unknown(*eval, *flags);
  eval->add_flag("--json", flags->json, "Print one JSON object");
  eval->footer("Example: lamina eval runs/cnn --split test");
  return {eval, [flags, eval] {
            const FlagValues values = run_flags().given(*eval);
            if (!flags->data.empty()) check_data_flags(values, flags->data);
            flags->lenience.skip_broken = value_of(values, "skip-broken") != nullptr;
            return run_eval(*flags);
          }};
}

Command add_predict(CLI::App& app) {
  CLI::App* predict =
      app.add_subcommand("predict", "What a trained net sees in images, or says of the rows of a table");
  auto flags = std::make_shared<UseFlags>();
  add_run(*predict, *flags);
  predict
      ->add_option(
          "inputs", flags->inputs,
          "PNG or JPEG files, which are cropped in the middle and resized to the net's input; or one table, for "
          "a net that was trained on a table")
      ->type_name("FILE...")
      ->required();
  predict->add_option("--out", flags->out, "The file for a table's rows with their predictions [standard output]")
      ->type_name("FILE");
  add_allow_unknown(*predict, *flags);
  predict->add_option("--top", flags->top, "Classes or labels to name, the most probable first")
      ->type_name("N")
      ->check(whole_number(1))
      ->capture_default_str();
  add_threads(*predict, flags->threads);
  add_mirror(*predict, *flags);
  predict->add_flag("--json", flags->json, "Print one JSON object for each image, or for each row of a table");
  predict->footer(
      "An image that cannot be read gets a line on standard error; the others are answered, and the exit\n"
      "code is 1. Examples:\n  lamina predict runs/cnn cat.jpg dog.png\n"
      "  lamina predict runs/iris new.csv --out predictions.csv");
  return {predict, [flags] { return run_predict(*flags); }};
}

}  // namespace lamina::cli
