// What a reproduction of the notebooks found, cell by cell, and results.json, which holds it.
#pragma once

#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lamina/layers/precision.h"
#include "lamina/random.h"
#include "workbench/pages/figures.h"

namespace lamina {

/// One number, or a few, held against what the notebook prints or asks for.
struct NotebookCheck {
  enum class Kind { equals, below, above };  ///< each |value - printed| <= tolerance; value < bound; value > bound
  std::string cell, name;                    ///< "5"; the notebook's words: "dx error"
  Kind kind = Kind::equals;
  std::vector<double> value;
  std::vector<double> printed;                                  ///< by the notebook; empty: nothing, or cut off
  double bound = std::numeric_limits<double>::quiet_NaN();      ///< of below and above
  double tolerance = std::numeric_limits<double>::quiet_NaN();  ///< of equals
  std::optional<bool> holds;                                    ///< nothing: not checked, and `note` says why
  std::string note;
};

using NotebookSeries = Series;
/// What the notebook plots: series over one pair of axes.
using NotebookPlot = Figure;

/// A picture beside results.json.
struct NotebookImage {
  std::string title, file;
};

/// Numbers in rows; columns.front() heads the rows' names.
struct NotebookTable {
  struct Row {
    std::string name;
    std::vector<double> values;
  };
  std::string title;
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

/// An experiment: what it does and found, in words, and its histories.
struct NotebookExperiment {
  std::string cell, name, text;
  std::string question, answer;  ///< of an inline question: the notebook's; else empty
  std::string finding;           ///< what this run shows about the question, in one sentence with its numbers
  std::vector<NotebookPlot> histories;
  std::vector<NotebookTable> tables;
  std::vector<NotebookImage> images;
};

/// A cell, or a few that belong together; done as a whole or not at all.
struct NotebookCell {
  std::string number, title;
  std::string output;  ///< what it printed
  double seconds = 0;
  std::vector<NotebookCheck> checks;
  std::vector<NotebookExperiment> experiments;
  RandomState::State stream;  ///< after it
};

struct NotebookResults {
  std::string name, title;  ///< "fully-connected", "Fully-Connected Neural Nets"
  std::vector<NotebookCell> cells;
};

struct ReproduceResults {
  std::string lamina_version, instruction_set;
  std::string data_name, data_digest;
  bool is_cifar10 = false;  ///< the notebooks' own images and labels
  bool quick = false;
  Precision precision = Precision::full;  ///< of the ConvNets that train on the whole training split
  std::vector<NotebookResults> notebooks;

  /// Checks that hold, that fail and that were not made.
  struct Count {
    int hold = 0, fail = 0, not_checked = 0;
  };
  Count count() const;
  /// Of the named notebooks alone.
  Count count(const std::vector<std::string>& names) const;
};

/// Writes results.json, atomically. Throws std::runtime_error with one line where that cannot be.
void write_results(const std::filesystem::path& path, const ReproduceResults& results);
/// Throws std::runtime_error with one line for a file that cannot be read or is not one of write_results.
ReproduceResults read_results(const std::filesystem::path& path);

}  // namespace lamina
