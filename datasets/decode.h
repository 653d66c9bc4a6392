// The decoders behind read_image, one for each file format; not for use elsewhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "lamina/tensor.h"

namespace lamina::detail {

Tensor<std::uint8_t> decode_png(std::string_view bytes, const std::filesystem::path& name);
Tensor<std::uint8_t> decode_jpeg(std::string_view bytes, const std::filesystem::path& name);

/// The Exif orientation, 1 to 8, in a JPEG's APP1 segment; 1 if there is none, or none that can be read.
int exif_orientation(std::string_view segment);
/// The same for Exif data alone, as in the eXIf chunk of a PNG.
int tiff_orientation(std::string_view tiff);
/// The image (H, W, 3), turned upright according to its Exif orientation.
Tensor<std::uint8_t> upright(Tensor<std::uint8_t> image, int orientation);

/// Throws std::runtime_error if an image exceeds the limits.
void check_image_size(const std::filesystem::path& name, std::uint64_t height, std::uint64_t width);

}  // namespace lamina::detail
