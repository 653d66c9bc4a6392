#include "notebooks/results.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "lamina/check.h"
#include "lamina/io/atomic_file.h"

namespace lamina {
namespace {

using nlohmann::ordered_json;

constexpr std::array<const char*, 3> kKinds = {"equals", "below", "above"};

// JSON has no infinities and no NaN.
ordered_json number(double value) {
  if (std::isnan(value)) return nullptr;
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double to_number(const ordered_json& json) {
  if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (json.is_string()) {
    const double inf = std::numeric_limits<double>::infinity();
    return json.get<std::string>() == "inf" ? inf : -inf;
  }
  return json.get<double>();
}

ordered_json list(const std::vector<double>& values) {
  ordered_json json = ordered_json::array();
  for (const double value : values) json.push_back(number(value));
  return json;
}

std::vector<double> to_list(const ordered_json& json) {
  std::vector<double> values;
  for (const ordered_json& value : json) values.push_back(to_number(value));
  return values;
}

// One number stands alone.
ordered_json one_or_list(const std::vector<double>& values) {
  return values.size() == 1 ? number(values[0]) : list(values);
}
std::vector<double> from_one_or_list(const ordered_json& json) {
  return json.is_array() ? to_list(json) : std::vector<double>{to_number(json)};
}

ordered_json to_json(const NotebookCheck& check) {
  ordered_json json = {
      {"cell", check.cell}, {"name", check.name}, {"kind", kKinds[static_cast<std::size_t>(check.kind)]}};
  json["value"] = one_or_list(check.value);
  if (!check.printed.empty()) json["printed"] = one_or_list(check.printed);
  if (check.kind == NotebookCheck::Kind::equals)
    json["tolerance"] = number(check.tolerance);
  else
    json["bound"] = number(check.bound);
  json["holds"] = check.holds ? ordered_json(*check.holds) : ordered_json(nullptr);
  if (!check.note.empty()) json["note"] = check.note;
  return json;
}

NotebookCheck to_check(const ordered_json& json) {
  NotebookCheck check;
  check.cell = json.at("cell").get<std::string>();
  check.name = json.at("name").get<std::string>();
  const auto kind = json.at("kind").get<std::string>();
  for (std::size_t i = 0; i < kKinds.size(); ++i)
    if (kind == kKinds[i]) check.kind = static_cast<NotebookCheck::Kind>(i);
  check.value = from_one_or_list(json.at("value"));
  if (json.contains("printed")) check.printed = from_one_or_list(json["printed"]);
  if (json.contains("tolerance")) check.tolerance = to_number(json["tolerance"]);
  if (json.contains("bound")) check.bound = to_number(json["bound"]);
  if (!json.at("holds").is_null()) check.holds = json["holds"].get<bool>();
  check.note = json.value("note", "");
  return check;
}

ordered_json to_json(const NotebookTable& table) {
  ordered_json json = {{"title", table.title}, {"columns", table.columns}, {"rows", ordered_json::array()}};
  for (const NotebookTable::Row& row : table.rows)
    json["rows"].push_back({{"name", row.name}, {"values", list(row.values)}});
  return json;
}

NotebookTable to_table(const ordered_json& json) {
  NotebookTable table{json.at("title").get<std::string>(), json.at("columns").get<std::vector<std::string>>(), {}};
  for (const ordered_json& row : json.at("rows"))
    table.rows.push_back({row.at("name").get<std::string>(), to_list(row.at("values"))});
  return table;
}

ordered_json to_json(const NotebookExperiment& experiment) {
  ordered_json json = {{"cell", experiment.cell}, {"name", experiment.name}, {"text", experiment.text}};
  if (!experiment.question.empty()) json["question"] = experiment.question;
  if (!experiment.answer.empty()) json["answer"] = experiment.answer;
  if (!experiment.finding.empty()) json["finding"] = experiment.finding;
  json["histories"] = ordered_json::array();
  for (const NotebookPlot& plot : experiment.histories)
    json["histories"].push_back(ordered_json::parse(figure_json(plot)));
  json["tables"] = ordered_json::array();
  for (const NotebookTable& table : experiment.tables) json["tables"].push_back(to_json(table));
  json["images"] = ordered_json::array();
  for (const NotebookImage& image : experiment.images)
    json["images"].push_back({{"title", image.title}, {"file", image.file}});
  return json;
}

NotebookPlot to_plot(const ordered_json& json) {
  NotebookPlot plot;
  plot.title = json.at("title").get<std::string>();
  plot.x_label = json.at("x_label").get<std::string>();
  plot.y_label = json.at("y_label").get<std::string>();
  plot.log_x = json.at("log_x").get<bool>();
  plot.log_y = json.value("log_y", false);
  plot.percent = json.value("percent", false);
  for (const ordered_json& one : json.at("series"))
    plot.series.push_back({one.at("name").get<std::string>(), to_list(one.at("x")), to_list(one.at("y"))});
  if (json.contains("lines"))
    for (const ordered_json& line : json["lines"])
      plot.lines.push_back({to_number(line.at("y")), line.at("label").get<std::string>()});
  return plot;
}

NotebookExperiment to_experiment(const ordered_json& json) {
  NotebookExperiment experiment;
  experiment.cell = json.at("cell").get<std::string>();
  experiment.name = json.at("name").get<std::string>();
  experiment.text = json.at("text").get<std::string>();
  experiment.question = json.value("question", "");
  experiment.answer = json.value("answer", "");
  experiment.finding = json.value("finding", "");
  for (const ordered_json& plot : json.at("histories")) experiment.histories.push_back(to_plot(plot));
  if (json.contains("tables"))
    for (const ordered_json& table : json["tables"]) experiment.tables.push_back(to_table(table));
  for (const ordered_json& image : json.at("images"))
    experiment.images.push_back({image.at("title").get<std::string>(), image.at("file").get<std::string>()});
  return experiment;
}

// The words of the generator as hexadecimal digits, eight each.
ordered_json to_json(const RandomState::State& state) {
  std::string key;
  key.reserve(8 * state.key.size());
  for (const std::uint32_t word : state.key)
    for (int shift = 28; shift >= 0; shift -= 4) key += "0123456789abcdef"[(word >> shift) & 15];
  return {
      {"position", state.position}, {"has_gauss", state.has_gauss}, {"gauss", state.gauss}, {"key", std::move(key)}};
}

RandomState::State to_state(const ordered_json& json) {
  RandomState::State state;
  state.position = json.at("position").get<int>();
  state.has_gauss = json.at("has_gauss").get<bool>();
  state.gauss = json.at("gauss").get<double>();
  const auto key = json.at("key").get<std::string>();
  if (key.size() != 8 * state.key.size() || state.position < 0 || state.position > 624)
    throw std::invalid_argument("no state of a random stream");
  for (std::size_t i = 0; i < state.key.size(); ++i) {
    const char* first = key.data() + 8 * i;
    if (std::from_chars(first, first + 8, state.key[i], 16).ptr != first + 8)
      throw std::invalid_argument("no state of a random stream");
  }
  return state;
}

ordered_json to_json(const NotebookCell& cell) {
  ordered_json json = {
      {"cell", cell.number}, {"title", cell.title}, {"output", cell.output}, {"seconds", cell.seconds}};
  json["checks"] = ordered_json::array();
  for (const NotebookCheck& check : cell.checks) json["checks"].push_back(to_json(check));
  json["experiments"] = ordered_json::array();
  for (const NotebookExperiment& experiment : cell.experiments) json["experiments"].push_back(to_json(experiment));
  json["stream"] = to_json(cell.stream);
  return json;
}

NotebookCell to_cell(const ordered_json& json) {
  NotebookCell cell;
  cell.number = json.at("cell").get<std::string>();
  cell.title = json.at("title").get<std::string>();
  cell.output = json.at("output").get<std::string>();
  cell.seconds = json.at("seconds").get<double>();
  for (const ordered_json& check : json.at("checks")) cell.checks.push_back(to_check(check));
  for (const ordered_json& experiment : json.at("experiments")) cell.experiments.push_back(to_experiment(experiment));
  cell.stream = to_state(json.at("stream"));
  return cell;
}

}  // namespace

ReproduceResults::Count ReproduceResults::count() const {
  std::vector<std::string> names;
  for (const NotebookResults& notebook : notebooks) names.push_back(notebook.name);
  return count(names);
}

ReproduceResults::Count ReproduceResults::count(const std::vector<std::string>& names) const {
  Count count;
  for (const NotebookResults& notebook : notebooks) {
    if (std::find(names.begin(), names.end(), notebook.name) == names.end()) continue;
    for (const NotebookCell& cell : notebook.cells)
      for (const NotebookCheck& check : cell.checks)
        ++(!check.holds ? count.not_checked : *check.holds ? count.hold : count.fail);
  }
  return count;
}

void write_results(const std::filesystem::path& path, const ReproduceResults& results) {
  const ReproduceResults::Count count = results.count();
  ordered_json json = {{"lamina", results.lamina_version},
                       {"instruction_set", results.instruction_set},
                       {"data", {{"name", results.data_name}, {"digest", results.data_digest}}},
                       {"is_cifar10", results.is_cifar10},
                       {"quick", results.quick},
                       {"precision", results.precision == Precision::bf16 ? "bf16" : "full"},
                       {"checks", {{"hold", count.hold}, {"fail", count.fail}, {"not_checked", count.not_checked}}}};
  json["notebooks"] = ordered_json::array();
  for (const NotebookResults& notebook : results.notebooks) {
    ordered_json cells = ordered_json::array();
    for (const NotebookCell& cell : notebook.cells) cells.push_back(to_json(cell));
    json["notebooks"].push_back({{"name", notebook.name}, {"title", notebook.title}, {"cells", std::move(cells)}});
  }
  write_file_atomically(path, json.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

ReproduceResults read_results(const std::filesystem::path& path) {
  const std::string text = read_file(path, std::uintmax_t{1} << 28);
  // Nested deeper than any results, a file would only exhaust the stack.
  const auto shallow = [](int depth, ordered_json::parse_event_t, ordered_json&) {
    if (depth > 20) throw std::invalid_argument("nested too deeply");
    return true;
  };
  try {
    const ordered_json json = ordered_json::parse(text, shallow);
    ReproduceResults results;
    results.lamina_version = json.at("lamina").get<std::string>();
    results.instruction_set = json.at("instruction_set").get<std::string>();
    results.data_name = json.at("data").at("name").get<std::string>();
    results.data_digest = json.at("data").at("digest").get<std::string>();
    results.is_cifar10 = json.at("is_cifar10").get<bool>();
    results.quick = json.at("quick").get<bool>();
    if (json.value("precision", "full") == "bf16") results.precision = Precision::bf16;
    for (const ordered_json& from : json.at("notebooks")) {
      NotebookResults notebook{from.at("name").get<std::string>(), from.at("title").get<std::string>(), {}};
      for (const ordered_json& cell : from.at("cells")) notebook.cells.push_back(to_cell(cell));
      results.notebooks.push_back(std::move(notebook));
    }
    return results;
  } catch (const std::exception& cause) {
    fail_file("reproduce", path, "expected the results of a reproduction, got: ", cause.what());
  }
}

}  // namespace lamina
