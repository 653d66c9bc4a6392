#include "workbench/cli/evaluation_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "workbench/cli/confusion.h"
#include "workbench/cli/flags.h"
#include "workbench/cli/progress_bar.h"
#include "workbench/pages/page_text.h"

namespace lamina::cli {
namespace {

using nlohmann::ordered_json;

double fraction(Index part, Index whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

Index row_sum(const std::vector<Index>& row) {
  Index sum = 0;
  for (const Index n : row) sum += n;
  return sum;
}

/// The columns of the tables of labels and of numbers.
struct Column {
  const char* name;  ///< in the text
  const char* key;   ///< in JSON
};
constexpr Column kOfLabels[] = {{"precision", "precision"}, {"recall", "recall"}, {"F1", "f1"}};
constexpr Column kOfNumbers[] = {{"RMSE", "rmse"}, {"MAE", "mae"}, {"R^2", "r2"}};

/// What was measured of each label or number, in those columns, and the means.
struct Measures {
  const Column* columns;
  std::vector<std::vector<double>> rows;
  std::vector<double> means;
};

std::vector<double> mean_of(const std::vector<std::vector<double>>& rows) {
  std::vector<double> means(3);
  for (const std::vector<double>& row : rows)
    for (std::size_t k = 0; k < 3; ++k) means[k] += row[k] / static_cast<double>(rows.size());
  return means;
}

Measures measures_of(const Evaluation& found) {
  Measures all{found.measured == Score::f1 ? kOfLabels : kOfNumbers, {}, {}};
  std::vector<std::vector<double>> counted;  // those in the means
  for (const LabelCounts& label : found.labels) {
    all.rows.push_back({precision(label), recall(label), label.occurs() ? label.f1() : 0});
    if (label.occurs()) counted.push_back(all.rows.back());
  }
  for (const NumberErrors& number : found.numbers) {
    all.rows.push_back({number.rmse(), number.mae(), number.r2()});
    counted.push_back(all.rows.back());
  }
  all.means = mean_of(counted);
  all.means[2] = found.score();  // the run's own number, to the bit
  return all;
}

std::string class_table(const Evaluation& found, std::size_t width) {
  const std::string counted = noun_of(found.example) + "s";
  const std::size_t wide = counted.size() + 1;
  std::string text = fmt::format("{:<{}}  {:>{}}  {:>7}  {:>8}\n", "class", width, counted, wide, "right", "accuracy");
  for (std::size_t i = 0; i < found.class_names.size(); ++i) {
    const Index all = row_sum(found.confusion[i]), right = found.confusion[i][i];
    const std::string accuracy = all > 0 ? fmt::format("{:.4f}", fraction(right, all)) : "-";
    text += fmt::format("{:<{}}  {:>{}}  {:>7}  {:>8}\n", found.class_names[i], width, with_commas(all), wide,
                        with_commas(right), accuracy);
  }
  return text;
}

std::string target_table(const Evaluation& found, std::size_t width) {
  const Measures all = measures_of(found);
  const bool labels = found.measured == Score::f1;
  std::string text = fmt::format("{:<{}}", labels ? "label" : "target", std::max<std::size_t>(width, 6));
  if (labels) text += fmt::format("  {:>7}  {:>9}", "true", "predicted");
  for (std::size_t k = 0; k < 3; ++k) text += fmt::format("  {:>10}", all.columns[k].name);
  const auto add = [&](const std::string& name, const std::string& counts, const std::vector<double>& row) {
    text += fmt::format("\n{:<{}}{}", name, std::max<std::size_t>(width, 6), counts);
    for (const double value : row) text += fmt::format("  {:>10.4f}", value);
  };
  for (std::size_t i = 0; i < all.rows.size(); ++i) {
    std::string counts;
    if (labels)
      counts = fmt::format("  {:>7}  {:>9}", with_commas(static_cast<long long>(found.labels[i].truly)),
                           with_commas(static_cast<long long>(found.labels[i].predicted)));
    add(found.target_names[i], counts, all.rows[i]);
  }
  if (all.rows.size() > 1) add("mean", labels ? std::string(20, ' ') : "", all.means);
  return text + "\n";
}

ordered_json class_list(const Evaluation& found) {
  ordered_json classes = ordered_json::array();
  for (std::size_t i = 0; i < found.class_names.size(); ++i) {
    const Index images = row_sum(found.confusion[i]);
    classes.push_back({{"name", found.class_names[i]},
                       {"images", images},
                       {"right", found.confusion[i][i]},
                       {"accuracy", fraction(found.confusion[i][i], images)}});
  }
  return classes;
}

ordered_json target_list(const Evaluation& found, const Measures& all) {
  ordered_json targets = ordered_json::array();
  for (std::size_t i = 0; i < all.rows.size(); ++i) {
    ordered_json target = {{"name", found.target_names[i]}};
    if (!found.labels.empty()) {
      target["true"] = static_cast<Index>(found.labels[i].truly);
      target["predicted"] = static_cast<Index>(found.labels[i].predicted);
    }
    for (std::size_t k = 0; k < 3; ++k) target[all.columns[k].key] = all.rows[i][k];
    targets.push_back(std::move(target));
  }
  return targets;
}

}  // namespace

std::string evaluation_text(Evaluation found, std::size_t room) {
  std::size_t width = 5;
  for (std::vector<std::string>* names : {&found.class_names, &found.target_names})
    for (std::string& name : *names) {
      name = on_one_line(name);
      width = std::max(width, name.size());
    }
  const bool classes = found.measured == Score::accuracy;
  const std::string noun = noun_of(found.example);
  std::string text =
      fmt::format("{}, {}: {}, {} {:.4f}\n\n", on_one_line(found.data_name),
                  found.split == "all" ? "all splits" : found.split + " split",
                  several(found.count, noun.c_str(), (noun + "s").c_str()), name_of(found.measured), found.score());
  if (!classes) return text + target_table(found, width);
  return text + class_table(found, width) + "\n" + confusion_text(found, room);
}

std::string evaluation_json(const Evaluation& found) {
  ordered_json all = {{"data", found.data_name}, {"split", found.split}};
  if (found.measured == Score::accuracy) {
    all["images"] = found.count;
    all["right"] = found.right;
    all["accuracy"] = found.accuracy();
    all["classes"] = class_list(found);
    all["confusion"] = found.confusion;
  } else {
    const Measures measures = measures_of(found);
    all["examples"] = found.count;
    all["score"] = name_of(found.measured);
    for (std::size_t k = 0; k < 3; ++k) all[std::string("mean_") + measures.columns[k].key] = measures.means[k];
    all[found.measured == Score::f1 ? "labels" : "targets"] = target_list(found, measures);
  }
  return all.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace lamina::cli
