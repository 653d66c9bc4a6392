// One notebook at work: its single random stream, its cells in order, what they print, check and plot.
#pragma once

#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/random.h"
#include "notebooks/reproduce.h"
#include "notebooks/results.h"

namespace lamina::reproduce {

/// Where a check can be made: a printed value may depend on CIFAR-10, or on training as long as the notebook does.
enum class When { always, cifar10, in_full, cifar10_in_full };

/// Not printed by the notebook, or cut off in its text.
inline constexpr double kNotPrinted = std::numeric_limits<double>::quiet_NaN();

/// What all notebooks of a reproduction share.
struct Setting {
  const Dataset& data;
  std::filesystem::path directory;
  ReproduceOptions options;
  const ReproduceWatcher& watcher;
};

class Notebook;

/// What a cell does: it prints, checks, and adds experiments.
class Cell {
 public:
  Cell(Notebook& notebook, NotebookCell& result) : notebook_(notebook), result_(result) {}

  /// A line, to the console and to the cell's output.
  template <class... Parts>
  void say(const Parts&... parts) {
    std::string line;
    (line.append(text(parts)), ...);
    print(line + '\n');
  }
  void print(std::string_view text);

  /// Each check is printed as the notebook prints it, "name:  value", with what it expected where it fails.
  /// `printed` values of so many decimal places ask for a tolerance of half a unit of the last one, and rounding.
  void equals(const std::string& name, std::vector<double> value, std::vector<double> printed, double tolerance,
              const std::string& note = {}, When when = When::always);
  /// value < bound; `printed` is what the notebook prints under that name, NaN where that is cut off.
  void below(const std::string& name, double value, double bound, double printed, const std::string& note = {},
             When when = When::always);
  void above(const std::string& name, double value, double bound, double printed, const std::string& note = {},
             When when = When::always);

  /// The next check is not made for this reason; an empty one changes nothing.
  Cell& unless(std::string reason) {
    reason_ = std::move(reason);
    return *this;
  }
  /// The next check is printed so, as the notebook does it.
  Cell& shown_as(std::string line) {
    line_ = std::move(line);
    return *this;
  }

  NotebookExperiment& experiment(const std::string& name, const std::string& text);

  Notebook& notebook() { return notebook_; }
  /// What it printed so far.
  const std::string& output() const { return result_.output; }
  /// Goes on after a training that was killed, with what had been printed before.
  void go_on_after(std::string output) { result_.output = std::move(output); }
  int trainings = 0;  ///< of train() so far
  const std::string& number() const { return result_.number; }

 private:
  static std::string text(std::string_view part) { return std::string(part); }
  static std::string text(double part);  // the shortest digits that read back as the same number
  static std::string text(Index part) { return std::to_string(part); }
  void add(NotebookCheck check, const std::string& note, When when);

  Notebook& notebook_;
  NotebookCell& result_;
  std::string reason_, line_;  // of the next check
};

class Notebook {
 public:
  /// `results` outlives it; cells that it holds already are not done again.
  Notebook(const std::string& name, const std::string& title, const Setting& setting, ReproduceResults& results);

  /// Runs a cell and writes results.json; or, where the results hold it already, takes it and the stream after it from
  /// there. A cell without experiments of which a check failed is run again.
  void cell(const std::string& number, const std::string& title, const std::function<void(Cell&)>& body);

  const Dataset& data() const { return setting_.data; }
  bool quick() const { return setting_.options.quick; }
  /// The first experiment of a cell that is done; its results stay until the next cell ends.
  const NotebookExperiment& experiment_of(const std::string& number) const;
  const std::string& data_digest() const { return results_.data_digest; }
  /// Whether the watcher asks for a stop.
  bool stop_asked() const { return setting_.watcher.should_stop && setting_.watcher.should_stop(); }
  /// Whether the data are the notebooks' own.
  bool is_cifar10() const { return results_.is_cifar10; }
  /// Why a check cannot be made; empty where it can.
  std::string obstacle(When when) const;
  const Setting& setting() const { return setting_; }
  const std::string& name() const { return name_; }
  /// Of a training under way; gone once its cell is done.
  std::filesystem::path checkpoint() const { return setting_.directory / (name_ + ".checkpoint"); }

  /// The stream from the notebook's first cell on.
  RandomState random{0};

 private:
  NotebookResults& own_results();

  std::string name_;
  Setting setting_;
  ReproduceResults& results_;
  std::size_t index_ = 0;  // of this notebook in the results
};

}  // namespace lamina::reproduce
