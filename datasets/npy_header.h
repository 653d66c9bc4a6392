// The start of a .npy file, for npy.cc and npz.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "lamina/io/stored_tensor.h"

namespace lamina::detail {

struct NpyHeader {
  std::size_t type = 0;  ///< the alternative of StoredTensor
  bool fortran_order = false;
  Shape shape;
  std::size_t data_at = 0;       ///< where the elements start
  std::uint64_t data_bytes = 0;  ///< their number of bytes
};

/// The header at the start of `bytes`, or nothing if they end before it does. Throws std::runtime_error if it is wrong.
std::optional<NpyHeader> read_npy_header(std::string_view bytes, const std::filesystem::path& name);

/// Everything in a .npy file that comes before the elements.
std::string npy_header(const StoredView& tensor);

}  // namespace lamina::detail
