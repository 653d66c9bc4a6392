#include "workbench/runs/run_config.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "lamina/check.h"
#include "lamina/memory.h"
#include "lamina/option_json.h"

namespace lamina {
namespace {

using nlohmann::json;

constexpr const char* kFrom = "run_config_from_json";

// Gives each option that has none its group.
VisitOption in_group(const VisitOption& visit, std::string_view group) {
  return [&visit, group](Option option, const OptionValue& value) {
    if (option.group.empty()) option.group = group;
    visit(option, value);
  };
}

void visit_training(RunConfig& config, const VisitOption& visit) {
  constexpr std::string_view kTypes[] = {"float32", "float64"};
  constexpr double kLargestSeed = std::numeric_limits<std::uint32_t>::max();
  std::size_t type = config.dtype == kTypes[1] ? 1 : 0;
  visit({.name = "dtype", .help = "float32 or float64"}, Choice{kTypes, &type});
  config.dtype = kTypes[type];
  visit_options(config.solver, visit);
  visit({.name = "num_train",
         .help = "Train on the first N images of the training split (the mean stays that of the whole split) [all]",
         .range = {.least = 1}},
        &config.num_train);
  visit({.name = "seed", .help = "Seed of all random draws, 0 to 4294967295", .range = {0, kLargestSeed}},
        &config.seed);
}

void visit_data(RunConfig& config, const VisitOption& visit) {
  visit({.name = "data",
         .help =
             "auto (CIFAR-10, found or downloaded, else Fashion-MNIST), cifar10, fashion-mnist, mnist, synthetic, a "
             "directory that holds one, a directory with one folder of PNG and JPEG images a class (or with train, val "
             "and test of such folders), a table (.csv, .tsv, also with .gz), or a .npz file with X_train, y_train, "
             "X_val, ...",
         .type = "NAME|PATH"},
        &config.data);
  visit({.name = "image_size",
         .help = "Height and width in pixels that images in folders are cropped and resized to",
         .range = {1, 4096},
         .newer = true},
        &config.image_size);
  visit({.name = "val_fraction",
         .help = "Share of each folder's images, or of a table's rows, that are for validation",
         .range = {.most = 1, .open_least = true, .open_most = true},
         .newer = true},
        &config.val_fraction);
  visit({.name = "test_fraction",
         .help = "Share of each folder's images, or of a table's rows, that are for testing",
         .range = {.most = 1, .open_most = true},
         .newer = true},
        &config.test_fraction);
  visit({.name = "split_seed",
         .help = "Seed that says which images in folders, or rows of a table, are for validation and testing, 0 to "
                 "4294967295",
         .range = {0, std::numeric_limits<std::uint32_t>::max()},
         .newer = true},
        &config.split_seed);
  visit({.name = "skip_broken",
         .help = "Leave out images in folders that cannot be read, and say which, instead of failing",
         .newer = true},
        &config.skip_broken);
  visit({.name = "target", .help = "The column of a table that is to be predicted", .type = "COLUMN", .newer = true},
        &config.target);
  visit({.name = "ignore_columns",
         .help = "Columns of a table that the net does not see, comma-separated",
         .type = "COLUMN,...",
         .newer = true},
        &config.ignore_columns);
  visit({.name = "categories",
         .help = "Columns of a table that are categories though their cells are numbers, such as codes",
         .type = "COLUMN,...",
         .newer = true},
        &config.categories);
  visit({.name = "split_column",
         .help = "A table's column that says which rows are for what: train, val or test",
         .type = "COLUMN",
         .newer = true},
        &config.split_column);
  visit({.name = "data_dir",
         .help = "Where data sets lie and downloads go [$LAMINA_DATA, or ~/.cache/lamina where it is not set]"},
        &config.data_dir);
}

// What the command does not set, or sets in another way.
void visit_records(RunConfig& config, const VisitOption& visit) {
  visit({.name = "diagnose", .help = "Iterations from one look into the net to the next", .flag = "-"},
        &config.diagnose);
  visit({.name = "data_digest", .help = "Digest of the data", .flag = "-"}, &config.data_digest);
}

void visit_all(RunConfig& config, const VisitOption& visit, void (*visit_net)(NetConfig&, const VisitOption&)) {
  visit_net(config.net, in_group(visit, "The net"));
  visit_training(config, in_group(visit, "Training"));
  visit_data(config, in_group(visit, "Data and files"));
  visit_records(config, visit);
}

// What earlier versions called otherwise: 0 stood for an option that is not set.
void bring_up_to_date(json& object) {
  for (const char* name : {"num_train", "patience", "diagnose", "warmup_epochs"})
    if (object.contains(name) && object[name] == 0) object.erase(name);
  for (const auto& [before, now] : {std::pair("epochs", "num_epochs"), std::pair("average_decay", "average_weights")})
    if (object.contains(before)) object[now] = object[before], object.erase(before);
}

}  // namespace

void visit_options(RunConfig& config, const VisitOption& visit) {
  visit_all(config, visit, [](NetConfig& net, const VisitOption& each) { visit_options(net, each); });
}

void visit_all_options(RunConfig& config, const VisitOption& visit) {
  visit_all(config, visit, [](NetConfig& net, const VisitOption& each) { visit_all_options(net, each); });
}

std::string to_json(const RunConfig& config) {
  RunConfig complete = config;
  complete.solver.optim_config = with_defaults(config.solver.update_rule, config.solver.optim_config);
  return json_text(options_to_json([&](const VisitOption& visit) { visit_options(complete, visit); }));
}

RunConfig run_config_from_json(const std::string& text) {
  json object = parse_json_object(kFrom, text);
  bring_up_to_date(object);
  json net = json::object();
  for (const auto& [name, value] : object.items())
    if (is_net_option(name)) net[name] = value;
  RunConfig config;
  config.net = net_config_from_json(json_text(net));
  const VisitOptions visit_rest = [&](const VisitOption& visit) {
    visit_training(config, visit);
    visit_data(config, visit);
    visit_records(config, visit);
  };
  options_from_json(kFrom, object, visit_rest);
  check_options(kFrom, visit_rest);
  return config;
}

void check_fits_memory(const NetConfig& net, int scalar_bytes) {
  double count = 0;
  for (const auto& entry : parameter_layout(net)) count += static_cast<double>(entry.second.size());
  const double bytes = 5 * count * scalar_bytes, has = machine_memory();
  if (bytes > has)
    fail(net.model, "expected a net that fits into the machine's ", std::llround(has / 1e9), " GB of memory, got ",
         std::llround(count), " parameters, which take ", std::llround(bytes / 1e9), " GB to train");
}

void check_batch_fits_memory(const NetSummary& net, Index batch_size, Index slots) {
  const double parameters = 5.0 * static_cast<double>(net.parameter_count()) * net.scalar_bytes;
  const double example = static_cast<double>(net.input.size() + 2 * net.activation_count()) * net.scalar_bytes;
  const Index at_once = (batch_size + slots - 1) / slots;
  const double bytes = static_cast<double>(at_once) * example, has = machine_memory();
  if (parameters + bytes > has)
    fail("train", "expected batches that fit into the machine's ", std::llround(has / 1e9), " GB of memory, got ",
         at_once, slots > 1 ? " images a slot" : " images a batch", ", which take ", std::llround(bytes / 1e9),
         " GB to train on; with this net ", std::max<Index>(0, static_cast<Index>((has - parameters) / example)),
         " would fit; --slots computes a batch in parts");
}

Index num_iterations(const RunConfig& config, Index num_train) {
  if (config.num_train) num_train = std::min(num_train, *config.num_train);
  return std::max<Index>(1, num_train / config.solver.batch_size) * config.solver.num_epochs;
}

}  // namespace lamina
