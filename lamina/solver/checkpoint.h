// Checkpoints: a SolverState in one file, every value bit for bit. The format stands in docs/file-formats.md.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "lamina/solver/state.h"

namespace lamina {

/// What a checkpoint says of itself before its state.
struct CheckpointInfo {
  std::string dtype;            ///< "float32" or "float64"
  std::string instruction_set;  ///< kernels::target_name() of the run that wrote it
  std::string config;           ///< the run's configuration, the text that save_checkpoint was given
  Index epoch = 0, iteration = 0, num_iterations = 0;  ///< as SolverState's

  /// Whether this process computes with the same instruction set. Where not, a run goes on well, but not bit for bit
  /// as it would have; LAMINA_TARGET forces one.
  bool same_instruction_set() const;
};

template <class T>
struct Checkpoint {
  CheckpointInfo info;
  SolverState<T> state;
};

/// Writes the state and the configuration (any text; JSON in lamina's own runs) so that `path` holds either the old
/// checkpoint or the new one, whatever happens. Throws std::runtime_error where it cannot be written.
template <class T>
void save_checkpoint(const std::filesystem::path& path, const SolverState<T>& state, std::string_view config);

/// Throws std::runtime_error with one line where the file cannot be read, is damaged, cut off or of another kind, or
/// holds another type than T.
template <class T>
Checkpoint<T> load_checkpoint(const std::filesystem::path& path);

/// The same file's header alone, for either type. The state is not looked at.
CheckpointInfo read_checkpoint_info(const std::filesystem::path& path);

}  // namespace lamina
