// JPEG images: reading them twice gives the same pixels.
// clang-format off
#include <stdio.h>
#include <jpeglib.h>  // needs FILE and size_t
// clang-format on

#include <algorithm>
#include <cstdlib>

#include "datasets/decode.h"
#include "datasets/images.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {
namespace {

std::string jpeg_of(int channels, J_COLOR_SPACE colours, bool progressive, bool exif) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &out, &size);
  jpeg.image_width = jpeg.image_height = 9;
  jpeg.input_components = channels;
  jpeg.in_color_space = colours;
  jpeg_set_defaults(&jpeg);
  jpeg.optimize_coding = TRUE;  // smaller tables
  if (progressive) jpeg_simple_progression(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  constexpr unsigned char kExif[] = "Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x08\0\0\0\0\0\0";
  if (exif) jpeg_write_marker(&jpeg, JPEG_APP0 + 1, kExif, sizeof kExif);
  std::vector<JSAMPLE> row(9 * 4);
  for (std::size_t y = 0; y < 9; ++y) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<JSAMPLE>(20 * y + 5 * i);
    JSAMPROW rows[] = {row.data()};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string bytes(reinterpret_cast<const char*>(out), size);
  jpeg_destroy_compress(&jpeg);
  std::free(out);
  return bytes;
}

}  // namespace

void read_input(std::string_view bytes) {
  const Tensor<std::uint8_t> image = detail::decode_jpeg(bytes, "input");
  require(image.rank() == 3 && image.dim(2) == 3 && image.size() <= kMaxImageBytes, "an image of a wrong shape");
  const Tensor<std::uint8_t> again = detail::decode_jpeg(bytes, "input");
  require(again.shape() == image.shape() && std::equal(image.begin(), image.end(), again.begin()), "other pixels");
}

std::vector<std::string> seeds() {
  return {jpeg_of(3, JCS_RGB, false, true), jpeg_of(3, JCS_RGB, true, false), jpeg_of(1, JCS_GRAYSCALE, false, false),
          jpeg_of(4, JCS_CMYK, false, false)};
}

}  // namespace lamina::fuzz
