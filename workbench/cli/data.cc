// lamina data info and lamina data fetch.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>

#include "datasets/fetch.h"
#include "datasets/load.h"
#include "workbench/cli/commands.h"
#include "workbench/cli/progress_bar.h"
#include "workbench/cli/run_flags.h"
#include "workbench/runs/run_data.h"

namespace lamina::cli {
namespace {

namespace fs = std::filesystem;

struct DataFlags {
  std::string data, url, md5;
  fs::path data_dir;
  LoadOptions options;
};

CLI::Validator md5_digest() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        if (text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos) return {};
        return "expected 32 digits of 0 to 9 and a to f, got '" + text + "'";
      },
      "");
}

/// Examples of each class in a split.
std::vector<Index> counts(const Split& split, std::size_t classes) {
  std::vector<Index> result(classes);
  for (const Label label : split.y) ++result[static_cast<std::size_t>(label)];
  return result;
}

/// The training split's mean, least and greatest of each number to predict.
void print_targets(const Dataset& data) {
  fmt::print("\n{:<20} {:>12} {:>12} {:>12}\n", "target", "mean", "least", "greatest");
  const Tensor<double>& targets = *data.train.targets;
  for (Index k = 0; k < targets.dim(1); ++k) {
    double sum = 0, least = targets(0, k), greatest = least;
    for (Index i = 0; i < targets.dim(0); ++i) {
      sum += targets(i, k);
      least = std::min(least, targets(i, k));
      greatest = std::max(greatest, targets(i, k));
    }
    fmt::print("{:<20} {:>12.6g} {:>12.6g} {:>12.6g}\n", on_one_line(data.target_names[static_cast<std::size_t>(k)]),
               sum / static_cast<double>(targets.dim(0)), least, greatest);
  }
  fmt::print("\n{} train, {} val and {} test examples\n", with_commas(data.train.size()), with_commas(data.val.size()),
             with_commas(data.test.size()));
}

/// The first of a column's categories: "3 categories: blue, green, red".
std::string kind_text(const TableColumn& column) {
  if (column.is_number)
    return fmt::format("number, mean {:.4g}, deviation {:.4g}{}", column.mean, column.deviation,
                       column.deviation > 0 ? "" : " (constant)");
  constexpr std::size_t kListed = 6;
  const std::vector<std::string>& all = column.categories;
  std::vector<std::string> listed(all.begin(),
                                  all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kListed)));
  for (std::string& name : listed) name = on_one_line(name);
  return fmt::format("{}: {}{}", several(static_cast<Index>(all.size()), "category", "categories"),
                     fmt::join(listed, ", "), all.size() > kListed ? ", ..." : "");
}

/// A table's columns, and what they are to the net.
void print_inputs(const Dataset& data) {
  const TablePreparation table = table_preparation_from_json(data.preparation);
  fmt::print("{}: {} that become {}\n\n", on_one_line(data.name),
             several(static_cast<Index>(table.inputs.size()), "column", "columns"),
             several(table.num_inputs(), "number", "numbers"));
  std::size_t width = 6;
  for (const TableColumn& column : table.inputs) width = std::max(width, column.name.size());
  for (const TableColumn& column : table.inputs)
    fmt::print("{:<{}}  {}\n", on_one_line(column.name), width, kind_text(column));
}

/// The columns of a table of which nothing else is known yet.
int run_columns(const std::string& path) {
  const CsvTable table = read_csv(path);
  std::vector<std::string> names;
  for (const std::string& name : table.columns()) names.push_back(on_one_line(name));
  fmt::print("{}: {}, {}: {}\nMore with the column that is to be predicted: --target COLUMN\n", on_one_line(path),
             several(table.rows(), "row", "rows"), several(static_cast<Index>(names.size()), "column", "columns"),
             fmt::join(names, ", "));
  return 0;
}

void print_images(const Dataset& data) {
  const Shape shape = data.example_shape();
  const bool numbers = !data.target_names.empty();
  fmt::print("{}: images of {} channel{}, {} x {} pixels, {} {}\n", on_one_line(data.name), shape[0],
             shape[0] == 1 ? "" : "s", shape[1], shape[2], data.num_outputs(),
             numbers ? "numbers to predict" : "classes");
  std::vector<std::string> means;
  if (data.mean) {
    const Index pixels = shape[1] * shape[2];
    for (Index c = 0; c < shape[0]; ++c) {
      double sum = 0;
      for (Index i = 0; i < pixels; ++i) sum += (*data.mean)[c * pixels + i];
      means.push_back(fmt::format("{:.1f}", sum / static_cast<double>(pixels)));
    }
    fmt::print("Mean of the training images by channel, of 0 to 255: {}\n", fmt::join(means, ", "));
  }
}

/// How many examples of each class are for what.
void print_splits(const Dataset& data) {
  if (!data.target_names.empty()) return print_targets(data);
  const std::size_t classes = data.class_names.size();
  const auto train = counts(data.train, classes), val = counts(data.val, classes), test = counts(data.test, classes);
  fmt::print("\n{:<20} {:>10} {:>10} {:>10}\n", "class", "train", "val", "test");
  for (std::size_t i = 0; i < classes; ++i)
    fmt::print("{:<20} {:>10} {:>10} {:>10}\n", on_one_line(data.class_names[i]), with_commas(train[i]),
               with_commas(val[i]), with_commas(test[i]));
  fmt::print("{:<20} {:>10} {:>10} {:>10}\n", "all", with_commas(data.train.size()), with_commas(data.val.size()),
             with_commas(data.test.size()));
}

int run_info(const DataFlags& flags) {
  if (!flags.data.empty()) {
    LoadOptions options = flags.options;
    options.say = [](std::string_view line) { tell(fmt::format("lamina data info: {}", line)); };
    const Dataset data = load_dataset(flags.data, flags.data_dir, options);
    RunConfig run;
    run.data = kept_name(flags.data);
    check_can_be_kept(run, data);
    if (data.preparation.empty())
      print_images(data);
    else
      print_inputs(data);
    print_splits(data);
    return 0;
  }
  check_data_dir(flags.data_dir);
  fmt::print("{:<16} {}\n", "name", "where");
  for (const char* name : {"cifar10", "fashion-mnist", "mnist"}) {
    const fs::path path = find_dataset(name, flags.data_dir);
    fmt::print("{:<16} {}\n", name, path.empty() ? "not found" : on_one_line(path.string()));
  }
  fmt::print("{:<16} {}\n", "synthetic", "made from a seed");
  const fs::path home = data_home(flags.data_dir);
  fmt::print("\nDownloads go to {}. More of one set: lamina data info NAME\n", on_one_line(home.string()));
  return 0;
}

int run_fetch(const DataFlags& flags) {
  StatusLine status;
  FetchOptions options;
  if (!flags.url.empty()) options.url = flags.url;
  if (!flags.md5.empty()) options.md5 = flags.md5;
  const bool terminal = on_terminal();
  Index shown = -1;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    const double mb = static_cast<double>(done) / 1e6, all = static_cast<double>(total) / 1e6;
    if (terminal) {
      if (!status.due()) return;
      if (total > 0)
        status.draw(fmt::format("{} {:.1f} of {:.1f} MB",
                                bar(static_cast<double>(done) / static_cast<double>(total), 40), mb, all));
      else
        status.draw(fmt::format("{:.1f} MB", mb));
    } else if (total > 0 && done * 10 / total > shown) {
      shown = done * 10 / total;
      fmt::print("{:.1f} of {:.1f} MB\n", mb, all);
      std::fflush(stdout);
    }
  };
  const fs::path directory = fetch_cifar10(data_home(flags.data_dir), options);
  status.clear();
  fmt::print("CIFAR-10 is in {}\n", on_one_line(directory.string()));
  return 0;
}

}  // namespace

std::vector<Command> add_data(CLI::App& app) {
  CLI::App* data = app.add_subcommand("data", "Data sets: what is there, and downloading");
  data->require_subcommand(1);
  auto flags = std::make_shared<DataFlags>();

  CLI::App* info = data->add_subcommand("info", "Which data sets are found and where; or all about one of them");
  info->add_option("data", flags->data,
                   "cifar10, fashion-mnist, mnist, synthetic, auto, or a directory, archive, table or .npz file")
      ->type_name("NAME|PATH");
  run_flags().add_to(*info,
                     {"image-size", "skip-broken", "target", "loss", "ignore-columns", "categories", "split-column"});
  add_data_dir(*info, flags->data_dir);
  info->footer(
      "Examples:\n  lamina data info\n  lamina data info fashion-mnist\n"
      "  lamina data info iris.csv --target species");

  CLI::App* fetch = data->add_subcommand("fetch", "Download a data set; a broken download is resumed");
  auto name = std::make_shared<std::string>();
  fetch->add_option("data", *name, "cifar10")->type_name("NAME")->check(one_of({"cifar10"}))->required();
  fetch->add_option("--url", flags->url, "Another address of the archive [" + std::string(kCifar10Url) + "]")
      ->type_name("URL");
  fetch->add_option("--md5", flags->md5, "MD5 of the archive at that address [" + std::string(kCifar10Md5) + "]")
      ->type_name("DIGEST")
      ->check(md5_digest());
  add_data_dir(*fetch, flags->data_dir);
  fetch->footer("Example: lamina data fetch cifar10 --data-dir ~/data");
  const auto checked_info = [flags, info] {
    FlagValues values = run_flags().given(*info);
    std::erase_if(values, [](const auto& each) { return each.first == "data-dir"; });
    if (flags->data.empty() && !values.empty())
      throw UsageError(fmt::format("--{}: expected the data that it is about, got none", values.front().first));
    check_data_flags(values, flags->data);
    if (is_table(flags->data) && !value_of(values, "target")) return run_columns(flags->data);
    values.emplace_back("data", flags->data);
    if (!flags->data.empty()) {
      const RunConfig config = run_config_of(values);
      flags->options.images = image_options(config);
      flags->options.table = table_options(config);
    }
    return run_info(*flags);
  };
  return {{info, checked_info}, {fetch, [flags, name] { return run_fetch(*flags); }}};
}

}  // namespace lamina::cli
