// Everything that decides a training run, by the command line's names: what its files record and a resume reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "lamina/nets/net_config.h"
#include "lamina/options.h"
#include "lamina/solver/solver.h"

namespace lamina {

/// Stands for so many looks into the net as are useful, about 200 in a run.
inline constexpr Index kDiagnoseNowAndThen = -1;

struct RunConfig {
  NetConfig net;                  ///< input_dim and num_classes are the data's
  std::string dtype = "float32";  ///< or float64
  SolverOptions solver;
  std::optional<Index> num_train = {};  ///< train on the first so many images; none: the whole split
  /// Iterations from one look into the net to the next, or kDiagnoseNowAndThen; none: it is not looked into.
  std::optional<Index> diagnose = {};
  std::uint32_t seed = 231;
  std::string data = "auto";  ///< as load_dataset takes it
  std::filesystem::path data_dir;
  ImageSize image_size;          ///< what images in folders are resized to
  std::uint32_t split_seed = 0;  ///< of their splits, and those of tables
  double val_fraction = 0.1, test_fraction = 0.1;
  std::string target, ignore_columns, categories, split_column;  ///< of a table, as TableOptions has them
  bool skip_broken = false;                                      ///< images in folders that cannot be read are left out
  std::string data_digest;  ///< of the data that the run saw first; empty: not known yet
};

/// The options of a run with its model. Each says in Option::group where it stands in the command's help.
void visit_options(RunConfig& config, const VisitOption& visit);
/// Those of all models; each says in Option::model whose it is.
void visit_all_options(RunConfig& config, const VisitOption& visit);

/// One JSON object of the command line's names.
std::string to_json(const RunConfig& config);
/// Throws std::invalid_argument where a value is missing or not one of a run.
RunConfig run_config_from_json(const std::string& text);

/// Throws std::invalid_argument where training the net needs more memory than the machine has: parameters, their
/// gradients, the best ones and an update rule's two tensors, each of scalars of so many bytes.
void check_fits_memory(const NetConfig& net, int scalar_bytes);
/// Throws std::invalid_argument where a training step of `batch_size` examples in `slots` parts does not fit beside
/// them: the examples of a part, what the forward pass keeps of them, and its gradients.
void check_batch_fits_memory(const NetSummary& net, Index batch_size, Index slots);

/// Iterations of a run on that many training images.
Index num_iterations(const RunConfig& config, Index num_train);

}  // namespace lamina
