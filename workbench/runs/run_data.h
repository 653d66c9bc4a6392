// The data of a run: loading them, describing them in the configuration, and recognizing them when the run is resumed.
#pragma once

#include <string>

#include "datasets/load.h"
#include "workbench/runs/run_config.h"

namespace lamina {

/// A digest, as 16 hexadecimal digits, of all data that a run uses: the labels, the training images (by their mean; a
/// user's own images one by one, with the names of their classes), the validation and test images.
std::string data_digest(const Dataset& data);

/// What the run trains on, and what it validates on.
SolverData solver_data(const RunConfig& config, const Dataset& data);
/// How many images it trains on.
Index num_train(const RunConfig& config, const Dataset& data);

/// How the run reads images in folders, or a table.
ImageFolderOptions image_options(const RunConfig& config);
TableOptions table_options(const RunConfig& config);

/// Loads config.data and completes the configuration: the set's own name in place of "auto", absolute paths, the net's
/// input and classes, the digest. Throws std::runtime_error if the data cannot be read, or if the configuration already
/// has a digest and that of these data is another.
Dataset load_run_data(RunConfig& config, const LoadOptions& options);

/// Throws std::runtime_error where the data of a run that began earlier are no longer where they were. `advice` says
/// what to do; it is empty where another place cannot be given.
void check_still_there(const RunConfig& config, const std::string& advice);

/// What a run keeps as its data: a set's name as it is, a path as an absolute one.
std::string kept_name(const std::string& data);

/// Throws std::runtime_error where the data's path or a class's name is not UTF-8, as the run's files keep it.
void check_can_be_kept(const RunConfig& config, const Dataset& data);

}  // namespace lamina
