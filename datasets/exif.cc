// The orientation of a photograph: tag 0x0112 of its Exif data (Exif 2.32, 4.6.4; a TIFF directory in a JPEG's APP1
// segment or a PNG's eXIf chunk).
#include <cstdint>
#include <string_view>

#include "datasets/decode.h"

namespace lamina::detail {
namespace {

/// Unsigned numbers of 2 and 4 bytes; 0 beyond the end.
class Bytes {
 public:
  Bytes(std::string_view bytes, bool little) : bytes_(bytes), little_(little) {}
  std::uint64_t size() const { return bytes_.size(); }
  std::uint32_t number(std::uint64_t at, int length) const {
    if (at + static_cast<std::uint64_t>(length) > bytes_.size()) return 0;
    std::uint32_t value = 0;
    for (int i = 0; i < length; ++i) {
      const std::uint64_t place = at + static_cast<std::uint64_t>(little_ ? length - 1 - i : i);
      value = value << 8 | static_cast<std::uint8_t>(bytes_[place]);
    }
    return value;
  }

 private:
  std::string_view bytes_;
  bool little_;
};

constexpr std::string_view kExif("Exif\0\0", 6);
constexpr std::uint32_t kOrientation = 0x0112, kShort = 3;

}  // namespace

int exif_orientation(std::string_view segment) {
  return segment.starts_with(kExif) ? tiff_orientation(segment.substr(kExif.size())) : 1;
}

int tiff_orientation(std::string_view tiff) {
  const bool little = tiff.starts_with("II");
  if (!little && !tiff.starts_with("MM")) return 1;
  const Bytes bytes(tiff, little);
  if (bytes.number(2, 2) != 42) return 1;
  const std::uint64_t directory = bytes.number(4, 4);
  const std::uint32_t entries = bytes.number(directory, 2);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::uint64_t entry = directory + 2 + std::uint64_t{12} * i;
    if (entry + 12 > bytes.size()) return 1;
    if (bytes.number(entry, 2) != kOrientation) continue;
    const std::uint32_t value = bytes.number(entry + 8, 2);
    const bool one_short = bytes.number(entry + 2, 2) == kShort && bytes.number(entry + 4, 4) == 1;
    return one_short && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

// The orientation says at which sides of the upright image the first stored row and the first stored column belong.
// 1: top, left; 2: top, right; 3: bottom, right; 4: bottom, left; 5: left, top; 6: right, top; 7: right, bottom;
// 8: left, bottom.
Tensor<std::uint8_t> upright(Tensor<std::uint8_t> image, int orientation) {
  if (orientation == 1) return image;
  const Index H = image.dim(0), W = image.dim(1);
  const bool turned = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const Index height = turned ? W : H, width = turned ? H : W;
  Tensor<std::uint8_t> seen(Shape{height, width, 3});
  const std::uint8_t* from = image.data();
  for (Index row = 0; row < H; ++row)
    for (Index column = 0; column < W; ++column, from += 3) {
      Index y = turned ? column : row, x = turned ? row : column;
      if (from_bottom) y = height - 1 - y;
      if (from_right) x = width - 1 - x;
      std::uint8_t* to = seen.data() + (y * width + x) * 3;
      for (int c = 0; c < 3; ++c) to[c] = from[c];
    }
  return seen;
}

}  // namespace lamina::detail
