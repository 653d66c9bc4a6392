// The four notebooks as programs: every cell in order, on the notebooks' own random draws, each printed value checked.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/data/dataset.h"
#include "lamina/experiments/reproduce/results.h"

namespace lamina {

/// Where a long training is.
struct ReproduceProgress {
  std::string_view notebook, cell, what;
  Index done = 0, total = 0;  ///< iterations, or trainings where several run side by side
  double loss = 0;            ///< NaN: not told
};

/// Who looks on. Each may be left empty.
struct ReproduceWatcher {
  std::function<void(std::string_view)> print;  ///< what the notebooks print, whole lines
  std::function<void(const ReproduceProgress&)> progress;
};

/// "fully-connected", "batch-normalization", "dropout", "convolutional".
const std::vector<std::string>& notebook_names();

/// Runs the named notebooks on `data` and writes directory/results.json after each cell. Cells that the file holds
/// already are taken from there, with the random stream after them; experiments are never repeated. `quick`: short
/// trainings, a minute for all notebooks. Throws std::runtime_error with one line where the directory cannot be
/// written or holds the results of other data, of another length or another version; std::invalid_argument for
/// unknown names.
ReproduceResults reproduce_notebooks(const std::vector<std::string>& names, const Dataset& data,
                                     const std::filesystem::path& directory, bool quick,
                                     const ReproduceWatcher& watcher);

}  // namespace lamina
