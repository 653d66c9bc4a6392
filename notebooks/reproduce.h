// The four notebooks as programs: every cell in order, on the notebooks' own random draws, each printed value checked.
#pragma once

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/layers/precision.h"
#include "notebooks/results.h"

namespace lamina {

/// Where a long training is.
struct ReproduceProgress {
  std::string_view notebook, cell, what;
  Index done = 0, total = 0;
  double loss = 0;                      ///< NaN: not told
  std::string_view unit = "iteration";  ///< what is counted: "training" where several run side by side
};

/// Who looks on. Each may be left empty.
struct ReproduceWatcher {
  std::function<void(std::string_view)> print;  ///< what the notebooks print, whole lines
  std::function<void(const ReproduceProgress&)> progress;
  /// Asked after every iteration and before every cell, also by two threads at once; true: stop.
  std::function<bool()> should_stop;
};

/// That should_stop ended the cell; cells before it are done.
class ReproduceStopped : public std::runtime_error {
 public:
  ReproduceStopped(std::string in_notebook, std::string in_cell)
      : std::runtime_error("stopped in " + in_notebook + ", cell " + in_cell),
        notebook(std::move(in_notebook)),
        cell(std::move(in_cell)) {}
  std::string notebook, cell;
};

struct ReproduceOptions {
  bool quick = false;                     ///< short trainings, a minute for all notebooks
  Precision precision = Precision::full;  ///< of the ConvNets that train on the whole training split
  bool overwrite = false;                 ///< the named notebooks start anew: what is held of them is dropped
};

/// "fully-connected", "batch-normalization", "dropout", "convolutional".
const std::vector<std::string>& notebook_names();

/// Runs the named notebooks on `data` and writes directory/results.json after each cell. Cells that the file holds
/// already are taken from there, with the random stream after them; experiments are never repeated. A training that was
/// killed goes on from directory/NAME.checkpoint, which is written every checkpoint_seconds() and at a stop; trainings
/// side by side start again. report.html is written after each notebook, and before ReproduceStopped is thrown. Throws
/// std::runtime_error with one line where the directory cannot be written, is in use, or holds the results of other
/// data, other options or another version; std::invalid_argument for unknown names.
ReproduceResults reproduce_notebooks(const std::vector<std::string>& names, const Dataset& data,
                                     const std::filesystem::path& directory, const ReproduceOptions& options,
                                     const ReproduceWatcher& watcher);

}  // namespace lamina
