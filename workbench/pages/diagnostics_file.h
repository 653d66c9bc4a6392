// diagnostics.csv: the measurements of a run that looked into its net. See docs/file-formats.md.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lamina/solver/diagnostics.h"

namespace lamina {

/// The file as text: a line of names, then iteration, layer, quantity, value. Numbers are the shortest that read back
/// as the same double; one that is not finite is nan, inf or -inf.
std::string diagnostics_csv(const Diagnostics& diagnostics);

/// The file's measurements up to iteration `last`. Throws std::runtime_error with one line where it cannot be read, is
/// not one of a net with those layers, or lacks the last iteration that is measured up to there.
std::vector<Measurement> read_measurements(const std::filesystem::path& path, const std::vector<LayerInfo>& layers,
                                           Index every, Index last);

}  // namespace lamina
