// PNG images: the pixels that were read, written and read again are the same. Chunks get the checksums that they
// should have, so that changes reach what is behind them.
#include <algorithm>

#include "datasets/decode.h"
#include "datasets/images.h"
#include "lamina/io/crc32.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {
namespace {

std::string number(std::uint32_t n) {
  return {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8), static_cast<char>(n)};
}

std::string chunk(const std::string& kind, const std::string& data) {
  return number(static_cast<std::uint32_t>(data.size())) + kind + data + number(crc32(kind + data));
}

std::string with_right_checksums(std::string png) {
  for (std::size_t at = 8; at + 12 <= png.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(png[at + i]);
    if (length > png.size() - at - 12) break;
    png.replace(at + 8 + length, 4, number(crc32(std::string_view(png).substr(at + 4, length + 4))));
    at += length + 12;
  }
  return png;
}

// The pixels in a deflate stream that stores them; rows begin with their filter.
std::string stored(const std::string& rows) {
  std::uint32_t a = 1, b = 0;
  for (const char byte : rows) {
    a = (a + static_cast<unsigned char>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  const auto low = static_cast<char>(rows.size()), high = static_cast<char>(rows.size() >> 8);
  return std::string("\x78\x01\x01", 3) + low + high + static_cast<char>(~low) + static_cast<char>(~high) + rows +
         number(b << 16 | a);
}

// A PNG file of 2 x 2 pixels with these chunks before the pixels and these filtered rows.
std::string png_of(int depth, int colour, bool interlaced, const std::string& extra, const std::string& rows) {
  return "\x89PNG\r\n\x1a\n" +
         chunk("IHDR", number(2) + number(2) + static_cast<char>(depth) + static_cast<char>(colour) +
                           std::string("\0\0", 2) + static_cast<char>(interlaced)) +
         extra + chunk("IDAT", stored(rows)) + chunk("IEND", "");
}

}  // namespace

void read_input(std::string_view bytes) {
  const std::string png = with_right_checksums(std::string(bytes));
  const Tensor<std::uint8_t> image = detail::decode_png(png, "input");
  const Tensor<std::uint8_t> again = decode_image(encode_png(image), "written");
  require(again.shape() == image.shape() && std::equal(image.begin(), image.end(), again.begin()),
          "other pixels after writing");
}

std::vector<std::string> seeds() {
  const std::string exif = chunk("eXIf", std::string("MM\0\x2a\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", 26));
  return {encode_png(Tensor<std::uint8_t>(Shape{3, 2, 3}, 100)),
          png_of(16, 6, false, exif, std::string(1, '\0') + std::string(16, '\x70') + '\1' + std::string(16, '\3')),
          png_of(8, 3, false, chunk("PLTE", "redgrnblu") + chunk("tRNS", std::string("\x80\0", 2)),
                 std::string("\0\0\1\2\1\1", 6)),
          png_of(1, 0, false, chunk("tRNS", std::string("\0\1", 2)), std::string("\0\x80\0\x40", 4)),
          png_of(8, 4, true, "", std::string("\0\x10\xff\0\x20\x80\0\x30\x40\x50\x60", 11))};
}

}  // namespace lamina::fuzz
