// model.safetensors: a trained net with everything that prediction needs. docs/file-formats.md describes the format.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lamina/io/stored_tensor.h"
#include "lamina/nets/net.h"
#include "lamina/nets/net_config.h"

namespace lamina {

/// What a model file contains besides its tensors.
struct ModelInfo {
  NetConfig config;                             ///< input_dim is the shape (C, H, W) of the images
  std::vector<std::string> class_names;         ///< config.num_classes of them; none if the net predicts numbers
  Tensor<double> mean;                          ///< mean image (C, H, W) that was subtracted; empty if none was
  std::map<std::string, std::string> metadata;  ///< further entries, under names that do not start with "lamina."
  bool has_checksum = true;                     ///< of a file that was read: those of earlier versions have none
  /// Whether scores are the mean of those of an image and its mirror image. Files of earlier versions do not say.
  std::optional<bool> mirror_averaging = {};
  std::vector<std::string> target_names = {};  ///< config.num_classes of them if the net predicts numbers
};

/// The content of a model file, checked: `tensors` contains the configuration's parameters in their shapes. Its other
/// tensors are taken to be buffers, which copy_to() checks.
struct ModelFile {
  ModelInfo info;
  std::string blocks;          ///< the net as the text of a list of blocks
  std::string dtype;           ///< "float32" or "float64": the type that the net was trained in
  std::string lamina_version;  ///< of the program that wrote it
  std::vector<NamedStoredTensor> tensors;

  /// Copies parameters and buffers into `net`, made by make_net(info.config, ...). Throws std::runtime_error if there
  /// is a buffer too few or too many, or of another shape.
  template <class T>
  void copy_to(Net<T>& net) const;
  std::filesystem::path path;  ///< where it came from, for messages
};

/// Writes parameters, buffers and `info` to `path`, atomically. Throws std::invalid_argument if they do not fit
/// together, std::runtime_error if the file cannot be written.
template <class T>
void save_model(const std::filesystem::path& path, const Parameters<T>& params,
                const std::vector<NamedTensor<T>>& buffers, const ModelInfo& info);
/// The same for the net's current parameters and buffers.
template <class T>
void save_model(const std::filesystem::path& path, Net<T>& net, const ModelInfo& info);

/// Throws std::runtime_error with one line for a file that cannot be read or is not a model file.
ModelFile load_model(const std::filesystem::path& path);
/// The net of a model file, in T whatever the file's type. `random` is the stream of its dropout layers and must
/// outlive it. Throws as load_model() and copy_to() do.
template <class T>
std::unique_ptr<Net<T>> load_net(const std::filesystem::path& path, RandomState& random);

}  // namespace lamina
