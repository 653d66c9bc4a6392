// diagnostics.csv: the measurements of a run with --diagnose. docs/file-formats.md describes the format.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "lamina/solver/diagnostics.h"

namespace lamina {

/// The file as text: a line of names, then lines of iteration, layer, quantity, value. Numbers have the fewest digits
/// that read back as the same double; one that is not finite is nan, inf or -inf.
std::string diagnostics_csv(const Diagnostics& diagnostics);

/// The file's measurements up to iteration `last`. Throws std::runtime_error with one line if the file cannot be read,
/// is not one of a net with those layers, or does not have the last iteration up to `last` that is to be measured.
std::vector<Measurement> read_measurements(const std::filesystem::path& path, const std::vector<LayerInfo>& layers,
                                           Index every, Index last);

}  // namespace lamina
