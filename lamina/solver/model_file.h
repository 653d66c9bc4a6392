// model.safetensors: a trained net with all that prediction needs. See docs/file-formats.md.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lamina/io/stored_tensor.h"
#include "lamina/nets/net.h"
#include "lamina/nets/net_config.h"

namespace lamina {

/// What a model file says besides its tensors.
struct ModelInfo {
  NetConfig config;                             ///< input_dim is the shape (C, H, W) of the images
  std::vector<std::string> class_names;         ///< config.num_classes of them
  Tensor<double> mean;                          ///< mean image (C, H, W) that was subtracted; empty: none
  std::map<std::string, std::string> metadata;  ///< more to keep, by names that do not start with "lamina."
};

/// A model file's content, checked: the tensors have the names and shapes of the configuration's parameters; further
/// ones are buffers.
struct ModelFile {
  ModelInfo info;
  std::string blocks;          ///< the net as the text of a list of blocks
  std::string dtype;           ///< "float32" or "float64": the type that the net was trained in
  std::string lamina_version;  ///< of the program that wrote it
  std::vector<NamedStoredTensor> tensors;

  /// Copies parameters and buffers into `net`, made by make_net(info.config, ...). Throws std::runtime_error where a
  /// buffer is missing, is too many, or has another shape.
  template <class T>
  void copy_to(Net<T>& net) const;
  std::filesystem::path path;  ///< where it came from, for messages
};

/// Writes parameters, buffers and `info` to `path`, atomically. Throws std::invalid_argument where they do not fit
/// together, std::runtime_error where the file cannot be written.
template <class T>
void save_model(const std::filesystem::path& path, const Parameters<T>& params,
                const std::vector<NamedTensor<T>>& buffers, const ModelInfo& info);
/// The same for the net's present parameters and buffers.
template <class T>
void save_model(const std::filesystem::path& path, Net<T>& net, const ModelInfo& info);

/// Throws std::runtime_error with one line for a file that cannot be read or is not a model file.
ModelFile load_model(const std::filesystem::path& path);
/// The net of a model file, in T whatever the file's type; `random` is its dropout layers' stream and must outlive it.
/// Errors as load_model's and copy_to's.
template <class T>
std::unique_ptr<Net<T>> load_net(const std::filesystem::path& path, RandomState& random);

}  // namespace lamina
