// Images: PNG and JPEG files to uint8 tensors (H, W, 3) and back, and what makes any photograph a net's input.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "lamina/tensor.h"

namespace lamina {

/// Images may have at most so many pixels a side, and at most so many bytes as (H, W, 3).
inline constexpr Index kMaxImageSide = 16384;
inline constexpr Index kMaxImageBytes = Index{256} << 20;

/// A PNG (grey, colour, palette; with or without alpha; 1 to 16 bits) or JPEG (grey, colour, CMYK; baseline or
/// progressive) image as RGB, (H, W, 3). What is transparent is laid over white; 16 bits are rounded to 8. An image
/// is turned as its Exif orientation says; colour profiles are not looked at. Throws std::runtime_error with one line
/// for files that are neither, are damaged or cut short, or exceed the limits.
Tensor<std::uint8_t> read_image(const std::filesystem::path& path);
/// The same from bytes in memory; `name` stands for the file in error messages.
Tensor<std::uint8_t> decode_image(std::string_view bytes, const std::filesystem::path& name);

/// The bytes of a PNG file for an image (H, W, 3), (H, W, 1) or (H, W). Throws std::invalid_argument for other shapes,
/// empty images and those beyond the limits.
std::string encode_png(const TensorView<std::uint8_t>& image);
/// Writes them to a file, atomically.
void write_png(const std::filesystem::path& path, const TensorView<std::uint8_t>& image);

/// (H, W, C) to (height, width, C): along each axis the average over the area that a new pixel covers where the axis
/// shrinks, linear interpolation between pixel centres where it grows. Throws std::invalid_argument for an image that
/// is empty or not of rank 3, or sizes below 1 or above kMaxImageSide.
Tensor<std::uint8_t> resize_image(const TensorView<std::uint8_t>& image, Index height, Index width);

/// The largest part of the image (H, W, C) in the middle whose sides are as height to width; a square for 1, 1.
Tensor<std::uint8_t> centre_crop(const TensorView<std::uint8_t>& image, Index height = 1, Index width = 1);

/// Brightness 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), rounded: (H, W, 3) to (H, W, 1).
Tensor<std::uint8_t> to_grey(const TensorView<std::uint8_t>& image);

/// An image (H, W, 3) as input of a net for `input` (C, H, W): cropped in the middle to the input's proportions,
/// resized, made grey where C is 1, and turned to (C, H, W). Throws std::invalid_argument unless C is 1 or 3.
Tensor<std::uint8_t> fit_image(const TensorView<std::uint8_t>& image, const Shape& input);

}  // namespace lamina
