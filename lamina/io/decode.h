// The decoders behind read_image, one a file format; not for use elsewhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "lamina/tensor.h"

namespace lamina::detail {

Tensor<std::uint8_t> decode_png(std::string_view bytes, const std::filesystem::path& name);
Tensor<std::uint8_t> decode_jpeg(std::string_view bytes, const std::filesystem::path& name);

/// Throws std::runtime_error where an image exceeds the limits.
void check_image_size(const std::filesystem::path& name, std::uint64_t height, std::uint64_t width);

}  // namespace lamina::detail
