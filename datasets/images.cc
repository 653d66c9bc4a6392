#include "datasets/images.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "datasets/decode.h"
#include "lamina/check.h"
#include "lamina/io/atomic_file.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

void check_image(const char* where, const TensorView<std::uint8_t>& image) {
  if (image.rank() != 3 || image.empty())
    fail(where, "expected an image of shape (H, W, C) that is not empty, got ", image.shape());
}

std::uint8_t rounded(double value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0)); }

// A new pixel as a weighted mean of old pixels along an axis: the weights of pixels `first`, `first` + 1, ... sum to 1.
struct Taps {
  Index first;
  std::vector<float> weights;
};

std::vector<Taps> taps(Index from, Index to) {
  std::vector<Taps> result;
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  for (Index i = 0; i < to; ++i) {
    if (to < from) {
      const double begin = static_cast<double>(i) * scale;
      const double end = std::min(begin + scale, static_cast<double>(from));
      Taps t{static_cast<Index>(begin), {}};
      for (Index k = t.first; static_cast<double>(k) < end; ++k) {
        const double covered = std::min(end, static_cast<double>(k + 1)) - std::max(begin, static_cast<double>(k));
        if (covered > 0) t.weights.push_back(static_cast<float>(covered / (end - begin)));
      }
      result.push_back(std::move(t));
    } else {
      const double centre =
          std::clamp((static_cast<double>(i) + 0.5) * scale - 0.5, 0.0, static_cast<double>(from - 1));
      const Index first = std::min(static_cast<Index>(centre), std::max<Index>(from - 2, 0));
      const auto part = static_cast<float>(centre - static_cast<double>(first));
      result.push_back(from == 1 ? Taps{0, {1.0f}} : Taps{first, {1 - part, part}});
    }
  }
  return result;
}

}  // namespace

void detail::check_image_size(const fs::path& name, std::uint64_t height, std::uint64_t width) {
  constexpr auto kSide = static_cast<std::uint64_t>(kMaxImageSide);
  if (height < 1 || width < 1 || height > kSide || width > kSide)
    fail_file("read_image", name, "expected sides of 1 to ", kMaxImageSide, " pixels, got ", width, " x ", height);
  if (height * width * 3 > static_cast<std::uint64_t>(kMaxImageBytes))
    fail_file("read_image", name, "expected at most ", kMaxImageBytes, " bytes of pixels, got ", height * width * 3,
              " (", width, " x ", height, ")");
}

namespace {

// Some of the bytes; fewer where there are not so many.
std::string_view part(std::string_view bytes, std::size_t from, std::size_t count) {
  return bytes.substr(std::min(from, bytes.size()), count);
}

// What bytes that are neither PNG nor JPEG are.
const char* other_format(std::string_view bytes) {
  if (bytes.empty()) return "an empty file";
  if (bytes.starts_with("RIFF") && part(bytes, 8, 4) == "WEBP") return "a WebP image; convert it to PNG or JPEG";
  if (bytes.starts_with("GIF8")) return "a GIF image; convert it to PNG or JPEG";
  if (bytes.starts_with("BM") && part(bytes, 6, 4) == std::string_view("\0\0\0\0", 4))
    return "a BMP image; convert it to PNG or JPEG";
  if (bytes.starts_with(std::string_view("II*\0", 4)) || bytes.starts_with(std::string_view("MM\0*", 4)))
    return "a TIFF image; convert it to PNG or JPEG";
  if (part(bytes, 4, 4) == "ftyp") {
    const std::string_view brand = part(bytes, 8, 4);
    if (brand == "avif" || brand == "avis") return "an AVIF image; convert it to PNG or JPEG";
    for (const char* heif : {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"})
      if (brand == heif) return "a HEIC image; convert it to PNG or JPEG";
  }
  if (bytes.starts_with(std::string_view("\0\0\0\x0cjP  \r\n", 10)) || bytes.starts_with("\xff\x4f\xff\x51"))
    return "a JPEG 2000 image; convert it to PNG or JPEG";
  if (bytes.size() >= 22 && bytes.starts_with(std::string_view("\0\0\1\0", 4)))
    return "an ICO image; convert it to PNG or JPEG";
  if (bytes.starts_with("%PDF-")) return "a PDF document; convert it to PNG or JPEG";
  if (bytes.starts_with("version https://git-lfs.github.com/spec/"))
    return "a Git LFS pointer instead of the image; 'git lfs pull' fetches it";
  const std::string_view start = bytes.substr(0, 1024);
  if (start.find("<svg") != std::string_view::npos && start.find("<html") == std::string_view::npos)
    return "an SVG image; convert it to PNG or JPEG";
  return "a file that starts like neither";
}

}  // namespace

Tensor<std::uint8_t> decode_image(std::string_view bytes, const fs::path& name) {
  if (bytes.substr(0, 8) == std::string_view("\x89PNG\r\n\x1a\n", 8)) return detail::decode_png(bytes, name);
  if (bytes.substr(0, 3) == "\xff\xd8\xff") return detail::decode_jpeg(bytes, name);
  fail_file("read_image", name, "expected a PNG or JPEG image, got ", other_format(bytes));
}

Tensor<std::uint8_t> read_image(const fs::path& path) {
  return decode_image(read_file(path, static_cast<std::uintmax_t>(2 * kMaxImageBytes)), path);
}

Tensor<std::uint8_t> resize_image(const TensorView<std::uint8_t>& image, Index height, Index width) {
  check_image("resize_image", image);
  if (height < 1 || width < 1 || height > kMaxImageSide || width > kMaxImageSide)
    fail("resize_image", "expected sides of 1 to ", kMaxImageSide, ", got ", height, " x ", width);
  const Index channels = image.dim(2);
  const std::vector<Taps> down = taps(image.dim(0), height);
  const std::vector<Taps> across = taps(image.dim(1), width);
  Tensor<std::uint8_t> result;
  result.resize({height, width, channels});
  const Index row = image.dim(1) * channels;
  std::vector<float> line(static_cast<std::size_t>(row));
  for (Index y = 0; y < height; ++y) {
    const Taps& vertical = down[static_cast<std::size_t>(y)];
    std::fill(line.begin(), line.end(), 0.0f);
    for (std::size_t k = 0; k < vertical.weights.size(); ++k) {
      const std::uint8_t* in = image.data() + (vertical.first + static_cast<Index>(k)) * row;
      for (std::size_t j = 0; j < line.size(); ++j) line[j] += vertical.weights[k] * in[j];
    }
    for (Index x = 0; x < width; ++x) {
      const Taps& horizontal = across[static_cast<std::size_t>(x)];
      for (Index c = 0; c < channels; ++c) {
        double sum = 0;
        for (std::size_t k = 0; k < horizontal.weights.size(); ++k)
          sum += horizontal.weights[k] *
                 line[static_cast<std::size_t>((horizontal.first + static_cast<Index>(k)) * channels + c)];
        result(y, x, c) = rounded(sum);
      }
    }
  }
  return result;
}

Tensor<std::uint8_t> centre_crop(const TensorView<std::uint8_t>& image, Index height, Index width) {
  check_image("centre_crop", image);
  if (height < 1 || width < 1 || height > kMaxImageSide || width > kMaxImageSide)
    fail("centre_crop", "expected proportions of 1 to ", kMaxImageSide, ", got ", height, " x ", width);
  const Index H = image.dim(0);
  const Index W = image.dim(1);
  const Index rows = std::max<Index>(1, std::min(H, W * height / width));
  const Index columns = std::max<Index>(1, std::min(W, H * width / height));
  const Index channels = image.dim(2);
  Tensor<std::uint8_t> result;
  result.resize({rows, columns, channels});
  for (Index y = 0; y < rows; ++y) {
    const std::uint8_t* in = image.data() + (((H - rows) / 2 + y) * W + (W - columns) / 2) * channels;
    std::copy(in, in + columns * channels, result.data() + y * columns * channels);
  }
  return result;
}

Tensor<std::uint8_t> to_grey(const TensorView<std::uint8_t>& image) {
  check_image("to_grey", image);
  if (image.dim(2) != 3) fail("to_grey", "expected an image of shape (H, W, 3), got ", image.shape());
  Tensor<std::uint8_t> result;
  result.resize({image.dim(0), image.dim(1), 1});
  for (Index i = 0; i < result.size(); ++i)
    result[i] = rounded(0.299 * image[3 * i] + 0.587 * image[3 * i + 1] + 0.114 * image[3 * i + 2]);
  return result;
}

Tensor<std::uint8_t> fit_image(const TensorView<std::uint8_t>& image, const Shape& input) {
  check_image("fit_image", image);
  if (image.dim(2) != 3) fail("fit_image", "expected an image of shape (H, W, 3), got ", image.shape());
  if (input.rank() != 3 || (input[0] != 1 && input[0] != 3) || input.size() == 0)
    fail("fit_image", "expected a net for images of shape (1, H, W) or (3, H, W), got ", input);
  const Index H = input[1];
  const Index W = input[2];
  Tensor<std::uint8_t> pixels = resize_image(centre_crop(image, H, W), H, W);
  if (input[0] == 1) pixels = to_grey(pixels);
  Tensor<std::uint8_t> result;
  result.resize(input);
  for (Index c = 0; c < input[0]; ++c)
    for (Index y = 0; y < H; ++y)
      for (Index x = 0; x < W; ++x) result(c, y, x) = pixels(y, x, c);
  return result;
}

}  // namespace lamina
