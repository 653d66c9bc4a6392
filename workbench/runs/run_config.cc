#include "workbench/runs/run_config.h"

#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "lamina/check.h"

namespace lamina {
namespace {

using nlohmann::json;

constexpr const char* kFrom = "run_config_from_json";

/// One value of the wanted type, or one line that names it.
template <class V>
V value_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) fail(kFrom, "expected the option ", key, ", got none of that name");
  try {
    return found->get<V>();
  } catch (const json::exception&) {
    fail(kFrom, "expected another kind of value for ", key, ", got ", found->dump().substr(0, 60));
  }
}

Index whole(const json& object, const char* key, Index least) {
  const auto value = value_of<Index>(object, key);
  if (!object[key].is_number_integer() || value < least)
    fail(kFrom, "expected ", key, " to be a whole number from ", least, " on, got ", object[key].dump());
  return value;
}

double positive(const json& object, const char* key) {
  const auto value = value_of<double>(object, key);
  if (!(std::isfinite(value) && value > 0)) fail(kFrom, "expected ", key, " above 0, got ", value);
  return value;
}

double fraction(const json& object, const char* key) {
  const auto value = value_of<double>(object, key);
  if (!(value >= 0 && value < 1)) fail(kFrom, "expected ", key, " of 0 to below 1, got ", value);
  return value;
}

/// Files of earlier runs do not have these.
void read_training_options(const json& object, RunConfig& config) {
  if (!object.contains("schedule")) return;
  config.schedule.kind = schedule_from_name(value_of<std::string>(object, "schedule"));
  config.schedule.warmup_epochs = value_of<double>(object, "warmup_epochs");
  config.schedule.step_epochs = value_of<double>(object, "step_epochs");
  config.schedule.step_factor = value_of<double>(object, "step_factor");
  check_schedule(config.schedule);
  config.optim_config.nesterov = value_of<bool>(object, "nesterov");
  config.optim_config.weight_decay = value_of<double>(object, "weight_decay");
  config.shuffle = value_of<bool>(object, "shuffle");
  config.augmentation.mirror = value_of<bool>(object, "mirror");
  config.augmentation.max_shift = whole(object, "shift", 0);
  config.average_decay = fraction(object, "average_decay");
  config.mirror_averaging = value_of<bool>(object, "mirror_averaging");
  config.patience = whole(object, "patience", 0);
}

/// Files of earlier runs do not have these.
void read_image_options(const json& object, RunConfig& config) {
  if (!object.contains("image_size")) return;
  const auto size = value_of<std::vector<Index>>(object, "image_size");
  if (size.size() != 2 || size[0] < 1 || size[1] < 1)
    fail(kFrom, "expected image_size to be a height and a width, got ", object["image_size"].dump());
  config.image_height = size[0];
  config.image_width = size[1];
  config.split_seed = static_cast<std::uint32_t>(whole(object, "split_seed", 0));
  config.val_fraction = fraction(object, "val_fraction");
  config.test_fraction = fraction(object, "test_fraction");
}

double memory_bytes() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

}  // namespace

std::string to_json(const RunConfig& config) {
  const OptimConfig optim = with_defaults(config.update_rule, config.optim_config);
  json object = json::parse(to_json(config.net));
  object.update({{"dtype", config.dtype},
                 {"update_rule", std::string(name_of(config.update_rule))},
                 {"learning_rate", *optim.learning_rate},
                 {"momentum", optim.momentum},
                 {"lr_decay", config.lr_decay},
                 {"schedule", std::string(name_of(config.schedule.kind))},
                 {"warmup_epochs", config.schedule.warmup_epochs},
                 {"step_epochs", config.schedule.step_epochs},
                 {"step_factor", config.schedule.step_factor},
                 {"nesterov", config.optim_config.nesterov},
                 {"weight_decay", *optim.weight_decay},
                 {"shuffle", config.shuffle},
                 {"mirror", config.augmentation.mirror},
                 {"shift", config.augmentation.max_shift},
                 {"average_decay", config.average_decay},
                 {"mirror_averaging", config.mirror_averaging},
                 {"patience", config.patience},
                 {"epochs", config.epochs},
                 {"batch_size", config.batch_size},
                 {"num_train", config.num_train},
                 {"print_every", config.print_every},
                 {"diagnose", config.diagnose},
                 {"seed", config.seed},
                 {"data", config.data},
                 {"data_dir", config.data_dir.string()},
                 {"image_size", std::vector<Index>{config.image_height, config.image_width}},
                 {"split_seed", config.split_seed},
                 {"val_fraction", config.val_fraction},
                 {"test_fraction", config.test_fraction},
                 {"data_digest", config.data_digest}});
  if (config.clip_norm) object["clip_norm"] = *config.clip_norm;
  return object.dump(-1, ' ', true, json::error_handler_t::replace);
}

RunConfig run_config_from_json(const std::string& text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object()) fail(kFrom, "expected a JSON object, got ", text.substr(0, 60));
  json net = json::object();
  const json net_options = json::parse(to_json(NetConfig{}));
  for (const auto& option : net_options.items())
    if (object.contains(option.key())) net[option.key()] = object[option.key()];
  RunConfig config;
  config.net = net_config_from_json(net.dump(-1, ' ', true, json::error_handler_t::replace));
  config.dtype = value_of<std::string>(object, "dtype");
  if (config.dtype != "float32" && config.dtype != "float64")
    fail(kFrom, "expected dtype to be float32 or float64, got '", config.dtype, "'");
  config.update_rule = update_rule_from_name(value_of<std::string>(object, "update_rule"));
  config.optim_config.learning_rate = positive(object, "learning_rate");
  config.optim_config.momentum = value_of<double>(object, "momentum");
  config.lr_decay = positive(object, "lr_decay");
  if (object.contains("clip_norm")) config.clip_norm = positive(object, "clip_norm");
  config.epochs = whole(object, "epochs", 1);
  config.batch_size = whole(object, "batch_size", 1);
  config.num_train = whole(object, "num_train", 0);
  config.print_every = whole(object, "print_every", 1);
  if (object.contains("diagnose")) config.diagnose = whole(object, "diagnose", 0);  // not in older runs
  config.seed = static_cast<std::uint32_t>(whole(object, "seed", 0));
  config.data = value_of<std::string>(object, "data");
  config.data_dir = value_of<std::string>(object, "data_dir");
  config.data_digest = value_of<std::string>(object, "data_digest");
  read_training_options(object, config);
  read_image_options(object, config);
  return config;
}

void check_fits_memory(const NetConfig& net, int scalar_bytes) {
  double count = 0;
  for (const auto& entry : parameter_layout(net)) count += static_cast<double>(entry.second.size());
  const double bytes = 5 * count * scalar_bytes, has = memory_bytes();
  if (bytes > has)
    fail(net.model, "expected a net that fits into the machine's ", std::llround(has / 1e9), " GB of memory, got ",
         std::llround(count), " parameters, which take ", std::llround(bytes / 1e9), " GB to train");
}

void check_batch_fits_memory(const NetSummary& net, Index batch_size) {
  const double parameters = 5.0 * static_cast<double>(net.parameter_count()) * net.scalar_bytes;
  const double example = static_cast<double>(net.input.size() + 2 * net.activation_count()) * net.scalar_bytes;
  const double bytes = static_cast<double>(batch_size) * example, has = memory_bytes();
  if (parameters + bytes > has)
    fail("train", "expected batches that fit into the machine's ", std::llround(has / 1e9), " GB of memory, got ",
         batch_size, " images a batch, which take ", std::llround(bytes / 1e9), " GB to train on; with this net ",
         std::max<Index>(0, static_cast<Index>((has - parameters) / example)), " would fit");
}

Index num_iterations(const RunConfig& config, Index num_train) {
  if (config.num_train > 0) num_train = std::min(num_train, config.num_train);
  return std::max<Index>(1, num_train / config.batch_size) * config.epochs;
}

SolverOptions solver_options(const RunConfig& config) {
  SolverOptions options;
  options.update_rule = config.update_rule;
  options.optim_config = config.optim_config;
  options.lr_decay = config.lr_decay;
  options.clip_norm = config.clip_norm;
  options.schedule = config.schedule;
  options.shuffle = config.shuffle;
  options.augmentation = config.augmentation;
  options.average_decay = config.average_decay;
  options.mirror_averaging = config.mirror_averaging;
  options.patience = config.patience;
  options.batch_size = config.batch_size;
  options.num_epochs = config.epochs;
  options.print_every = config.print_every;
  return options;
}

}  // namespace lamina
