// The files of a run directory.
#pragma once

#include <filesystem>
#include <optional>

#include "lamina/data/dataset.h"
#include "lamina/nets/net.h"
#include "lamina/solver/diagnostics.h"
#include "lamina/solver/state.h"
#include "workbench/pages/run_files.h"
#include "workbench/runs/run_config.h"

namespace lamina {

std::filesystem::path checkpoint_path(const std::filesystem::path& directory);
std::filesystem::path model_path(const std::filesystem::path& directory);
std::filesystem::path diagnostics_path(const std::filesystem::path& directory);

/// The contents of history.json and metrics.csv for a run in this state.
template <class T>
RunRecord run_record(const RunConfig& config, const SolverState<T>& state, Index num_train);

/// The patience that ended a run before its last epoch; none where it is not finished, or had all its epochs.
template <class T>
std::optional<Index> patience_that_ended(const RunConfig& config, const SolverState<T>& state);

/// Writes model.safetensors: the best parameters, or the current ones if there was no accuracy check yet.
template <class T>
void write_best_model(const std::filesystem::path& directory, const RunConfig& config, const Dataset& data,
                      const SolverState<T>& state, Net<T>& net);

/// Writes loss.svg, accuracy.svg (of the run's score), filters.png (for nets that begin with a convolution) and
/// report.html, after write_best_model(). `not_finite` is
/// the iteration whose loss was not, if that ended the run.
template <class T>
void write_pages(const std::filesystem::path& directory, const RunConfig& config, const Dataset& data,
                 const SolverState<T>& state, const NetSummary& net, const Diagnostics& diagnostics = {},
                 std::optional<Index> not_finite = {});

/// Removes the files of an earlier run.
void remove_run(const std::filesystem::path& directory);

}  // namespace lamina
