// NumPy's files: .npy holds one array; .npz, a zip archive of .npy files, holds several by name.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lamina/io/stored_tensor.h"

namespace lamina {

/// Writes an array of float32, float64, int64 or uint8 in C order, atomically, as np.save does.
void write_npy(const std::filesystem::path& path, const StoredView& tensor);
/// Reads an array of one of these types, in C or Fortran order; an array without axes gets the shape (1,). Throws
/// std::runtime_error with one line for other types, more than 6 axes, and damaged files.
StoredTensor read_npy(const std::filesystem::path& path);
/// The same from bytes in memory; `name` stands for the file in error messages.
StoredTensor parse_npy(std::string_view bytes, const std::filesystem::path& name);

/// Writes arrays by name, atomically, as np.savez or np.savez_compressed does. Throws std::invalid_argument for names
/// that occur twice, are empty, or contain characters other than printable ASCII.
void write_npz(const std::filesystem::path& path, std::span<const NamedStoredView> tensors, bool compress = false);
/// Reads the arrays of a .npz file, stored or deflated, in the archive's order. Throws std::runtime_error with one line
/// as read_npy does, and for archives with more than 4 GiB of arrays or with names that occur twice.
std::vector<NamedStoredTensor> read_npz(const std::filesystem::path& path);
/// The same from bytes in memory.
std::vector<NamedStoredTensor> parse_npz(std::string_view bytes, const std::filesystem::path& name);

}  // namespace lamina
