// The data of a run: loaded, described in its configuration, and recognised again.
#pragma once

#include <string>

#include "datasets/load.h"
#include "workbench/runs/run_config.h"

namespace lamina {

/// Sixteen hexadecimal digits that stand for all that a run sees of the data: the labels, the training images (by their
/// mean; a user's own one by one, and the names of their classes), the validation and test images.
std::string data_digest(const Dataset& data);

/// Loads config.data and completes the configuration: the data's own name where it was "auto", absolute paths, the
/// net's input and classes, the digest. Throws std::runtime_error where the data cannot be read, or where the
/// configuration has a digest already and these are other data.
Dataset load_run_data(RunConfig& config, const LoadOptions& options);

}  // namespace lamina
