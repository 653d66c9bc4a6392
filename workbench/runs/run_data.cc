#include "workbench/runs/run_data.h"

#include <algorithm>
#include <bit>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "lamina/check.h"
#include "lamina/option_json.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

/// FNV-1a over 32-bit words.
class Digest {
 public:
  void add(std::uint32_t word) { hash_ = (hash_ ^ word) * 0x100000001b3u; }
  void add(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    add(static_cast<std::uint32_t>(bits));
    add(static_cast<std::uint32_t>(bits >> 32));
  }
  void add(const std::string& text) {
    add(static_cast<std::uint32_t>(text.size()));
    for (const char c : text) add(static_cast<std::uint32_t>(static_cast<unsigned char>(c)));
  }
  void add(const Split& split, bool images) {
    add(static_cast<std::uint32_t>(split.size()));
    for (const Label label : split.y) add(static_cast<std::uint32_t>(label));
    for (const auto& numbers : {split.targets, split.weights}) {
      if (!numbers) continue;
      for (const Index length : numbers->shape()) add(static_cast<std::uint32_t>(length));
      for (const double value : *numbers) add(value);
    }
    Tensor<float> batch;
    for (Index first = 0; images && first < split.size(); first += 100) {
      split.X.slice(first, std::min<Index>(100, split.size() - first), batch);
      for (const float value : batch) add(std::bit_cast<std::uint32_t>(value));
    }
  }
  std::string text() const {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016" PRIx64, hash_);
    return digits;
  }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

/// Throws std::invalid_argument unless the data's targets are what the loss takes.
void check_targets(Loss loss, const Dataset& data) {
  const bool labels = data.target_names.empty();
  if (labels != takes_labels(loss))
    fail("train", "expected ", labels ? "numbers" : "labels", " as targets for the ", name_of(loss), " loss, found ",
         labels ? "labels" : "numbers", " in ", data.name, "; --loss ",
         labels ? "softmax or svm takes labels"
                : "squared, absolute, huber or (0 or 1 for each label) sigmoid takes numbers");
}

/// The name under which load_dataset() finds the set that "auto" loaded.
std::string own_name(const Dataset& data) { return data.name == "CIFAR-10" ? "cifar10" : "fashion-mnist"; }

}  // namespace

std::string data_digest(const Dataset& data) {
  Digest digest;
  if (data.mean)
    for (const double value : *data.mean) digest.add(value);
  for (const std::string& text : {data.identity, data.preparation})
    if (!text.empty()) digest.add(text);
  for (const std::string& name : data.target_names) digest.add(name);
  digest.add(data.train, !data.mean || !data.identity.empty());
  digest.add(data.val, true);
  digest.add(data.test, true);
  return digest.text();
}

SolverData solver_data(const RunConfig& config, const Dataset& data) {
  return {config.num_train ? data.train.first(*config.num_train) : data.train, data.val};
}

Index num_train(const RunConfig& config, const Dataset& data) { return solver_data(config, data).train.size(); }

ImageFolderOptions image_options(const RunConfig& config) {
  return {.height = config.image_size.height,
          .width = config.image_size.width,
          .split_seed = config.split_seed,
          .val_fraction = config.val_fraction,
          .test_fraction = config.test_fraction,
          .skip_broken = config.skip_broken};
}

TableOptions table_options(const RunConfig& config) {
  return {.target = config.target,
          .ignore_columns = config.ignore_columns,
          .categories = config.categories,
          .split_column = config.split_column,
          .kind = targets_of(config.net.loss.loss),
          .split_seed = config.split_seed,
          .val_fraction = config.val_fraction,
          .test_fraction = config.test_fraction};
}

Dataset load_run_data(RunConfig& config, const LoadOptions& given) {
  LoadOptions options = given;
  options.images = image_options(config);
  if (!config.data_digest.empty()) options.images.remedy = "the run could read them when it started: restore them";
  options.images.channels = given.images.channels;
  options.images.say = given.images.say;
  options.table = table_options(config);
  options.table.known = given.table.known;
  options.images.only_warnings = given.images.only_warnings;
  if (!config.data_dir.empty()) config.data_dir = fs::absolute(config.data_dir);
  Dataset data = load_dataset(config.data, config.data_dir, options);
  config.data = config.data == "auto" ? own_name(data) : kept_name(config.data);
  const std::string digest = data_digest(data);
  if (!config.data_digest.empty() && config.data_digest != digest)
    fail_file("train", config.data, "expected the data that the run started with (", config.data_digest,
              "), found others (", digest,
              "); --data NEW says where the run's data are, if they have moved; others need a new run");
  config.data_digest = digest;
  config.net.input_dim = data.example_shape();
  config.net.num_classes = data.num_outputs();
  check_targets(config.net.loss.loss, data);
  return data;
}

void check_still_there(const RunConfig& config, const std::string& advice) {
  std::error_code error;
  if (is_dataset_name(config.data)) {
    if (!config.data_dir.empty() && config.data != "synthetic" && !fs::exists(config.data_dir, error) && !error)
      fail_file("train", config.data_dir, "expected the directory of the run's data, found no such thing; ",
                "--data-dir NEW says where it is now");
  } else if (!fs::exists(config.data, error) && !error) {
    fail_file("train", config.data, "expected the run's data, found that they are no longer there",
              advice.empty() ? "" : "; " + advice);
  }
}

std::string kept_name(const std::string& data) { return is_dataset_name(data) ? data : fs::absolute(data).string(); }

void check_can_be_kept(const RunConfig& config, const Dataset& data) {
  const auto check = [](const std::string& text, const char* what) {
    if (!is_utf8(text))
      fail_file("train", text, "expected ", what,
                " in UTF-8, as the files of a run keep it, found other bytes: rename it");
  };
  check(config.data, "a path");
  check(config.data_dir.string(), "a path");
  for (const std::string& name : data.class_names) check(name, "a class's name");
  for (const std::string& name : data.target_names) check(name, "a target's name");
}

}  // namespace lamina
