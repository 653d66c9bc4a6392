#include "workbench/pages/run_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "lamina/check.h"
#include "lamina/io/atomic_file.h"
#include "lamina/option_json.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr const char* kReadHistory = "read_history";

// The shortest decimal text that reads back as the same number.
std::string digits_of(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

// JSON has no infinities and no NaN.
ordered_json finite(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr); }

ordered_json finite(const std::vector<double>& values) {
  ordered_json list = ordered_json::array();
  for (const double value : values) list.push_back(finite(value));
  return list;
}

std::vector<Index> checks_of(const char* where, const RunRecord& record) {
  const History& history = record.history;
  const auto iterations = static_cast<Index>(history.loss_history.size());
  if (record.iterations_per_epoch < 1)
    fail(where, "expected at least 1 iteration an epoch, got ", record.iterations_per_epoch);
  if (history.train_acc_history.size() != history.val_acc_history.size())
    fail(where, "expected as many validation as training accuracies, got ", history.val_acc_history.size(), " and ",
         history.train_acc_history.size());
  std::vector<Index> checks = record.check_iterations;
  if (checks.empty()) {
    checks = default_check_iterations(iterations, record.iterations_per_epoch);
    // A run whose loss was not finite in its last iteration stopped before that check.
    if (!checks.empty() && checks.back() == iterations && checks.size() == history.train_acc_history.size() + 1)
      checks.pop_back();
  }
  if (checks.size() != history.train_acc_history.size())
    fail(where, "expected an accuracy for each of ", checks.size(), " checks, got ", history.train_acc_history.size());
  for (std::size_t i = 0; i < checks.size(); ++i)
    if (checks[i] < 1 || checks[i] > iterations || (i > 0 && checks[i] <= checks[i - 1]))
      fail(where, "expected checks after iterations 1 to ", iterations, ", rising, got ", checks[i]);
  return checks;
}

ordered_json parse_shallow(const std::string& text) {
  if (nests_deeply(text)) return ordered_json::value_t::discarded;
  return ordered_json::parse(text, nullptr, false);
}

double number_from(const fs::path& path, const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !(found->is_number() || found->is_null()))
    fail_file(kReadHistory, path, "expected a number ", key, ", got ",
              found == object.end() ? "none" : found->type_name());
  return found->is_null() ? std::numeric_limits<double>::quiet_NaN() : found->get<double>();
}

std::vector<double> numbers_from(const fs::path& path, const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array())
    fail_file(kReadHistory, path, "expected a list ", key, ", got ",
              found == object.end() ? "none" : found->type_name());
  std::vector<double> values;
  for (const ordered_json& value : *found) {
    if (!value.is_number() && !value.is_null())
      fail_file(kReadHistory, path, "expected numbers in ", key, ", got ", value.type_name());
    values.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>());
  }
  return values;
}

// Files of earlier versions do not name it: theirs is the accuracy.
Score score_from(const fs::path& path, const ordered_json& object) {
  const auto found = object.find("score");
  if (found == object.end()) return Score::accuracy;
  for (const Score score : {Score::accuracy, Score::f1, Score::r2})
    if (*found == name_of(score)) return score;
  fail_file(kReadHistory, path, "expected the score to be accuracy, mean F1 or R^2, got ", found->dump());
}

}  // namespace

std::vector<Index> default_check_iterations(Index iterations, Index iterations_per_epoch) {
  std::vector<Index> checks;
  if (iterations < 1) return checks;
  if (iterations_per_epoch > 1) checks.push_back(1);
  for (Index i = iterations_per_epoch; i <= iterations; i += iterations_per_epoch) checks.push_back(i);
  return checks;
}

std::string history_json(const RunRecord& record) {
  const std::vector<Index> checks = checks_of("history_json", record);
  ordered_json config = parse_shallow(record.config.empty() ? "{}" : record.config);
  if (config.is_discarded()) fail("history_json", "expected a configuration in JSON, got text that is none");
  const ordered_json object = {{"loss_history", finite(record.history.loss_history)},
                               {"train_acc_history", finite(record.history.train_acc_history)},
                               {"val_acc_history", finite(record.history.val_acc_history)},
                               {"best_val_acc", finite(record.history.best_val_acc)},
                               {"score", name_of(record.score)},
                               {"check_iterations", checks},
                               {"iterations_per_epoch", record.iterations_per_epoch},
                               {"seconds", finite(record.seconds)},
                               {"images_per_second", finite(record.images_per_second)},
                               {"config", std::move(config)}};
  // One line per key, so that it is readable and a list stays on one line.
  std::string text = "{";
  for (const auto& [key, value] : object.items())
    text += (text.size() > 1 ? ",\n  \"" : "\n  \"") + key +
            "\": " + value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return text + "\n}\n";
}

std::string metrics_csv(const RunRecord& record) {
  const std::vector<Index> checks = checks_of("metrics_csv", record);
  std::string text = "iteration,epoch,loss,train_acc,val_acc\n";
  std::size_t check = 0;
  for (std::size_t i = 0; i < record.history.loss_history.size(); ++i) {
    const auto iteration = static_cast<Index>(i) + 1;
    text += std::to_string(iteration) + ',' + std::to_string(iteration / record.iterations_per_epoch) + ',' +
            digits_of(record.history.loss_history[i]) + ',';
    if (check < checks.size() && checks[check] == iteration) {
      text +=
          digits_of(record.history.train_acc_history[check]) + ',' + digits_of(record.history.val_acc_history[check]);
      ++check;
    } else {
      text += ',';
    }
    text += '\n';
  }
  return text;
}

void write_run_files(const fs::path& directory, const RunRecord& record) {
  const std::string history = history_json(record);
  const std::string metrics = metrics_csv(record);
  write_file_atomically(directory / "history.json", history);
  write_file_atomically(directory / "metrics.csv", metrics);
}

RunRecord read_history(const fs::path& path) {
  const ordered_json object = parse_shallow(read_file(path, std::uintmax_t{1} << 30));
  if (!object.is_object()) fail_file(kReadHistory, path, "expected a JSON object, got text that is none");
  RunRecord record;
  record.history.loss_history = numbers_from(path, object, "loss_history");
  record.history.train_acc_history = numbers_from(path, object, "train_acc_history");
  record.history.val_acc_history = numbers_from(path, object, "val_acc_history");
  record.history.best_val_acc = number_from(path, object, "best_val_acc");
  record.score = score_from(path, object);
  record.seconds = number_from(path, object, "seconds");
  record.images_per_second = number_from(path, object, "images_per_second");
  const double per_epoch = number_from(path, object, "iterations_per_epoch");
  if (!(per_epoch >= 1 && per_epoch <= 1e15))
    fail_file(kReadHistory, path, "expected at least 1 iteration an epoch, got ", per_epoch);
  record.iterations_per_epoch = static_cast<Index>(per_epoch);
  for (const double check : numbers_from(path, object, "check_iterations"))
    record.check_iterations.push_back(check >= 1 && check <= 1e15 ? static_cast<Index>(check) : 0);
  if (const auto config = object.find("config"); config != object.end())
    record.config = config->dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  try {
    (void)checks_of(kReadHistory, record);
  } catch (const std::invalid_argument& e) {
    fail_file(kReadHistory, path, e.what());
  }
  return record;
}

}  // namespace lamina
