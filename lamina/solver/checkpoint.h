// Checkpoints: a SolverState in one file, every value bit for bit. docs/file-formats.md describes the format.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "lamina/solver/state.h"

namespace lamina {

/// The header of a checkpoint.
struct CheckpointInfo {
  std::string dtype;            ///< "float32" or "float64"
  std::string instruction_set;  ///< kernels::target_name() of the run that wrote it
  std::string config;           ///< the run's configuration, the text that save_checkpoint was given
  Index epoch = 0, iteration = 0, num_iterations = 0;  ///< as in SolverState

  /// Whether this process computes with the same instruction set. With another one a run continues, but no longer bit
  /// for bit as it would have; the environment variable LAMINA_TARGET chooses the instruction set.
  bool same_instruction_set() const;
};

template <class T>
struct Checkpoint {
  CheckpointInfo info;
  SolverState<T> state;
};

/// Writes the state and the configuration (any text; JSON in lamina's own runs) so that `path` holds either the old
/// checkpoint or the new one, whatever happens. Throws std::runtime_error if it cannot be written.
template <class T>
void save_checkpoint(const std::filesystem::path& path, const SolverState<T>& state, std::string_view config);

/// Throws std::runtime_error with one line if the file cannot be read, is damaged, truncated or of another kind, or
/// holds another type than T. Solver::set_state() takes the state.
template <class T>
Checkpoint<T> load_checkpoint(const std::filesystem::path& path);

/// Reads only the header, for either type. The state is not checked.
CheckpointInfo read_checkpoint_info(const std::filesystem::path& path);

}  // namespace lamina
