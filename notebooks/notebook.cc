#include "notebooks/notebook.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>

namespace lamina::reproduce {
namespace {

// The shortest digits that read back as the same number; more than one as NumPy prints an array.
std::string text_of(const std::vector<double>& values) {
  if (values.size() == 1) return fmt::format("{}", values[0]);
  std::vector<std::string> words;
  for (const double value : values) words.push_back(fmt::format("{:.9g}", value));
  return fmt::format("[{}]", fmt::join(words, " "));
}

bool fits(const NotebookCheck& check) {
  if (check.kind == NotebookCheck::Kind::below) return check.value[0] < check.bound;
  if (check.kind == NotebookCheck::Kind::above) return check.value[0] > check.bound;
  if (check.value.size() != check.printed.size()) return false;
  for (std::size_t i = 0; i < check.value.size(); ++i)
    if (!(std::abs(check.value[i] - check.printed[i]) <= check.tolerance)) return false;
  return true;
}

/// A check that failed may hold by now; experiments are not repeated.
bool to_be_repeated(const NotebookCell& cell) {
  return cell.experiments.empty() &&
         std::any_of(cell.checks.begin(), cell.checks.end(),
                     [](const NotebookCheck& check) { return check.holds && !*check.holds; });
}

std::string expectation(const NotebookCheck& check) {
  if (check.kind == NotebookCheck::Kind::below) return fmt::format("below {}", check.bound);
  if (check.kind == NotebookCheck::Kind::above) return fmt::format("above {}", check.bound);
  return fmt::format("{} within {}", text_of(check.printed), check.tolerance);
}

}  // namespace

std::string Cell::text(double part) { return fmt::format("{}", part); }

void Cell::print(std::string_view text) {
  result_.output += text;
  const auto& print = notebook_.setting().watcher.print;
  if (print) print(text);
}

void Cell::add(NotebookCheck check, const std::string& note, When when) {
  check.cell = result_.number;
  check.note = note;
  std::string line =
      line_.empty() ? fmt::format("{}:  {}", check.name, text_of(check.value)) : std::exchange(line_, {});
  const std::string obstacle =
      reason_.empty() ? notebook_.obstacle(when) : "not checked: " + std::exchange(reason_, {});
  if (!obstacle.empty()) {
    check.note = obstacle + (note.empty() ? "" : "; " + note);
  } else {
    check.holds = fits(check);
    if (!*check.holds) line += fmt::format("   FAILED: expected {}", expectation(check));
  }
  print(line + "\n");
  result_.checks.push_back(std::move(check));
}

void Cell::equals(const std::string& name, std::vector<double> value, std::vector<double> printed, double tolerance,
                  const std::string& note, When when) {
  NotebookCheck check;
  check.name = name;
  check.value = std::move(value);
  check.printed = std::move(printed);
  check.tolerance = tolerance;
  add(std::move(check), note, when);
}

void Cell::below(const std::string& name, double value, double bound, double printed, const std::string& note,
                 When when) {
  NotebookCheck check;
  check.kind = NotebookCheck::Kind::below;
  check.name = name;
  check.value = {value};
  if (!std::isnan(printed)) check.printed = {printed};
  check.bound = bound;
  add(std::move(check), note, when);
}

void Cell::above(const std::string& name, double value, double bound, double printed, const std::string& note,
                 When when) {
  NotebookCheck check;
  check.kind = NotebookCheck::Kind::above;
  check.name = name;
  check.value = {value};
  if (!std::isnan(printed)) check.printed = {printed};
  check.bound = bound;
  add(std::move(check), note, when);
}

NotebookExperiment& Cell::experiment(const std::string& name, const std::string& text) {
  NotebookExperiment experiment;
  experiment.cell = result_.number;
  experiment.name = name;
  experiment.text = text;
  result_.experiments.push_back(std::move(experiment));
  return result_.experiments.back();
}

Notebook::Notebook(const std::string& name, const std::string& title, const Setting& setting, ReproduceResults& results)
    : name_(name), setting_(setting), results_(results) {
  const auto found = std::find_if(results.notebooks.begin(), results.notebooks.end(),
                                  [&](const NotebookResults& other) { return other.name == name; });
  index_ = static_cast<std::size_t>(found - results.notebooks.begin());
  if (found == results.notebooks.end()) results.notebooks.push_back({name, title, {}});
  if (setting_.watcher.print) setting_.watcher.print(fmt::format("\n==== {} ====\n", title));
}

NotebookResults& Notebook::own_results() { return results_.notebooks[index_]; }

std::string Notebook::obstacle(When when) const {
  std::string text;
  if ((when == When::cifar10 || when == When::cifar10_in_full) && !is_cifar10())
    text = fmt::format("not checked: other data ({}, not the notebooks' CIFAR-10)", data().name);
  if ((when == When::in_full || when == When::cifar10_in_full) && quick())
    text += fmt::format("{}--quick trains for less long", text.empty() ? "not checked: " : "; ");
  return text;
}

const NotebookExperiment& Notebook::experiment_of(const std::string& number) const {
  for (const NotebookCell& cell : results_.notebooks[index_].cells)
    if (cell.number == number && !cell.experiments.empty()) return cell.experiments.front();
  throw std::logic_error("no experiment in cell " + number);
}

void Notebook::cell(const std::string& number, const std::string& title, const std::function<void(Cell&)>& body) {
  auto& cells = own_results().cells;
  const auto& print = setting_.watcher.print;
  auto found = std::find_if(cells.begin(), cells.end(), [&](const NotebookCell& c) { return c.number == number; });
  if (found != cells.end() && !to_be_repeated(*found)) {
    if (print) print(fmt::format("\nIn [{}]: {} (taken from results.json)\n", number, title));
    random.set_state(found->stream);
    return;
  }
  if (stop_asked()) throw ReproduceStopped(name_, number);
  if (print) print(fmt::format("\nIn [{}]: {}\n", number, title));
  const auto start = std::chrono::steady_clock::now();
  NotebookCell result;
  result.number = number;
  result.title = title;
  Cell cell(*this, result);
  body(cell);
  for (const NotebookExperiment& experiment : result.experiments)
    if (!experiment.finding.empty()) cell.say(experiment.finding);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.stream = random.state();
  if (found == cells.end()) {
    cells.push_back(std::move(result));
  } else {
    if (!(found->stream == result.stream)) cells.erase(found + 1, cells.end());  // later cells draw from it
    *found = std::move(result);
  }
  write_results(setting_.directory / "results.json", results_);
  std::error_code ignored;
  std::filesystem::remove(checkpoint(), ignored);
}

}  // namespace lamina::reproduce
