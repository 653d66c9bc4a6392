// The safetensors format (https://github.com/huggingface/safetensors): tensors by name, and strings by name.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/io/stored_tensor.h"

namespace lamina {

/// The content of a safetensors file. The tensors are in the order of the file's header.
struct Safetensors {
  std::vector<NamedStoredTensor> tensors;
  std::map<std::string, std::string> metadata;

  /// The tensor of that name, or null.
  const StoredTensor* find(std::string_view name) const { return find_tensor(tensors, name); }
};

/// Writes the tensors (types F32, F64, I64, U8) and the metadata to `path`, atomically. In the file the tensors are
/// sorted by element size, the largest first, so that each is aligned to its elements. Throws std::invalid_argument for
/// a name that occurs twice, is "__metadata__" or is not UTF-8, and std::runtime_error if the file cannot be written.
void write_safetensors(const std::filesystem::path& path, std::span<const NamedStoredView> tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Reads a file. F32, F64, I64 and U8 keep their type, F16 and BF16 become float, and scalars get the shape (1,).
/// Throws std::runtime_error with one line for a file that cannot be read, that breaks the format's rules (a header
/// that is not JSON or larger than 100 MB, names that occur twice, offsets out of range, gaps, overlaps, sizes that do
/// not match their shapes or overflow), or that has other types or more than 6 axes.
Safetensors read_safetensors(const std::filesystem::path& path);

/// The same from bytes in memory; `name` stands for the file in error messages.
Safetensors parse_safetensors(std::string_view bytes, const std::filesystem::path& name);

}  // namespace lamina
