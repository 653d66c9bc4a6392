// Everything that decides a training run, by the command line's names: what its files record and a resume reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "lamina/nets/net_config.h"
#include "lamina/solver/solver.h"

namespace lamina {

struct RunConfig {
  NetConfig net;                  ///< input_dim and num_classes are the data's
  std::string dtype = "float32";  ///< or float64
  UpdateRule update_rule = UpdateRule::sgd;
  OptimConfig optim_config;
  double lr_decay = 1;
  std::optional<double> clip_norm = {};
  Schedule schedule;
  bool shuffle = false;
  Augmentation augmentation;
  double average_decay = 0;
  bool mirror_averaging = false;
  Index patience = 0;
  Index epochs = 10;
  Index batch_size = 100;
  Index num_train = 0;  ///< train on the first so many; 0: the whole split
  Index print_every = 10;
  Index diagnose = 0;  ///< iterations from one look into the net to the next; 0: none; -1: as for about 200 of them
  std::uint32_t seed = 231;
  std::string data = "auto";  ///< as load_dataset takes it
  std::filesystem::path data_dir;
  Index image_height = 32, image_width = 32;  ///< what images in folders are resized to
  std::uint32_t split_seed = 0;               ///< of their splits
  double val_fraction = 0.1, test_fraction = 0.1;
  std::string data_digest;  ///< of the data that the run saw first; empty: not known yet
};

/// One JSON object of the command line's names.
std::string to_json(const RunConfig& config);
/// Throws std::invalid_argument where a value is missing or not one of a run.
RunConfig run_config_from_json(const std::string& text);

/// Throws std::invalid_argument where training the net needs more memory than the machine has: parameters, their
/// gradients, the best ones and an update rule's two tensors, each of scalars of so many bytes.
void check_fits_memory(const NetConfig& net, int scalar_bytes);
/// Throws std::invalid_argument where a training step of `batch_size` examples does not fit beside them: the examples,
/// what the forward pass keeps of them, and its gradients.
void check_batch_fits_memory(const NetSummary& net, Index batch_size);

/// Iterations of a run on that many training images.
Index num_iterations(const RunConfig& config, Index num_train);

/// What Solver needs of it.
SolverOptions solver_options(const RunConfig& config);

}  // namespace lamina
