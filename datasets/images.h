// Images: reading PNG and JPEG files into uint8 tensors (H, W, 3), writing PNG files, and turning any photograph into
// the input of a net.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "lamina/tensor.h"

namespace lamina {

/// The limits of an image: pixels on a side, and bytes as (H, W, 3).
inline constexpr Index kMaxImageSide = 16384;
inline constexpr Index kMaxImageBytes = Index{256} << 20;

/// A PNG image (grey, colour or palette; with or without alpha; 1 to 16 bits) or a JPEG image (grey, colour or CMYK;
/// baseline or progressive) as RGB, (H, W, 3). Transparent pixels are blended with white, and 16 bits are rounded to 8.
/// The image is turned as its Exif orientation says; colour profiles are ignored. Throws std::runtime_error with one
/// line for files that are neither PNG nor JPEG, that are damaged or cut short, or that exceed the limits.
Tensor<std::uint8_t> read_image(const std::filesystem::path& path);
/// The same from bytes in memory; `name` stands for the file in error messages.
Tensor<std::uint8_t> decode_image(std::string_view bytes, const std::filesystem::path& name);

/// The bytes of a PNG file for an image (H, W, 3), (H, W, 1) or (H, W). Throws std::invalid_argument for other shapes,
/// empty images and images beyond the limits.
std::string encode_png(const TensorView<std::uint8_t>& image);
/// Writes them to a file, atomically.
void write_png(const std::filesystem::path& path, const TensorView<std::uint8_t>& image);

/// The image (H, W, C) resized to (height, width, C). An axis that shrinks takes the average over the area that a new
/// pixel covers; an axis that grows is interpolated linearly between pixel centres. Throws std::invalid_argument for an
/// image that is empty or not of rank 3, and for sizes below 1 or above kMaxImageSide.
Tensor<std::uint8_t> resize_image(const TensorView<std::uint8_t>& image, Index height, Index width);

/// The largest part in the middle of the image (H, W, C) whose sides are in the proportion height to width.
Tensor<std::uint8_t> centre_crop(const TensorView<std::uint8_t>& image, Index height = 1, Index width = 1);

/// Brightness 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded: (H, W, 3) to (H, W, 1).
Tensor<std::uint8_t> to_grey(const TensorView<std::uint8_t>& image);

/// An image (H, W, 3) as the input of a net for images of shape `input` (C, H, W): the middle is cropped to the input's
/// proportions, resized, made grey if C is 1, and stored as (C, H, W). Throws std::invalid_argument unless C is 1 or 3.
Tensor<std::uint8_t> fit_image(const TensorView<std::uint8_t>& image, const Shape& input);

}  // namespace lamina
