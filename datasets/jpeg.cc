// jpeglib.h needs FILE and size_t, jerror.h needs jpeglib.h.
// clang-format off
#include <stdio.h>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <algorithm>
#include <csetjmp>
#include <string>
#include <utility>

#include "datasets/decode.h"
#include "datasets/images.h"
#include "lamina/check.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

// libjpeg reports errors by longjmp, which must not pass over objects with destructors. So it is called in functions
// without such objects, and everything that must be freed is in a structure outside.
struct Reader {
  Reader() = default;
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { jpeg_destroy_decompress(&jpeg); }

  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  char error[JMSG_LENGTH_MAX] = "damaged data";
  std::jmp_buf failed;
};

Reader& reader_of(j_common_ptr jpeg) { return *static_cast<Reader*>(jpeg->client_data); }

[[noreturn]] void on_error(j_common_ptr jpeg) {
  jpeg->err->format_message(jpeg, reader_of(jpeg).error);
  std::longjmp(reader_of(jpeg).failed, 1);
}

// After damaged data libjpeg gives a warning and continues with grey pixels; here that is an error. Warnings for files
// that are unusual but complete are ignored.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  const int code = jpeg->err->msg_code;
  if (code != JWRN_EXTRANEOUS_DATA && code != JWRN_BOGUS_PROGRESSION && code != JWRN_ADOBE_XFORM &&
      code != JWRN_JFIF_MAJOR)
    on_error(jpeg);
}

// A small file can demand any number of passes over a large image. More passes than any encoder makes are rejected.
void on_progress(j_common_ptr jpeg) {
  if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > 200) ERREXIT(jpeg, JERR_BAD_PROGRESSION);
}

bool read_header(Reader& reader, std::string_view bytes) {
  if (setjmp(reader.failed) != 0) return false;
  reader.jpeg.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  reader.jpeg.client_data = &reader;
  jpeg_create_decompress(&reader.jpeg);
  reader.jpeg.client_data = &reader;
  reader.progress.progress_monitor = on_progress;
  reader.jpeg.progress = &reader.progress;
  jpeg_mem_src(&reader.jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_save_markers(&reader.jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&reader.jpeg, TRUE);
  // libjpeg makes RGB of grey and YCbCr, and CMYK of YCCK.
  const bool inks = reader.jpeg.jpeg_color_space == JCS_CMYK || reader.jpeg.jpeg_color_space == JCS_YCCK;
  reader.jpeg.out_color_space = inks ? JCS_CMYK : JCS_RGB;
  return true;
}

bool start(Reader& reader) {
  if (setjmp(reader.failed) != 0) return false;
  jpeg_start_decompress(&reader.jpeg);
  return true;
}

template <class Use>
bool read_rows(Reader& reader, std::uint8_t* row, const Use& use) {
  if (setjmp(reader.failed) != 0) return false;
  while (reader.jpeg.output_scanline < reader.jpeg.output_height) {
    const JDIMENSION y = reader.jpeg.output_scanline;
    jpeg_read_scanlines(&reader.jpeg, &row, 1);
    use(y, row);
  }
  jpeg_finish_decompress(&reader.jpeg);
  return true;
}

/// The orientation in the first APP1 segment that gives one other than 1.
int orientation_of(const jpeg_decompress_struct& jpeg) {
  for (const jpeg_marker_struct* m = jpeg.marker_list; m != nullptr; m = m->next) {
    const int orientation = detail::exif_orientation({reinterpret_cast<const char*>(m->data), m->data_length});
    if (orientation != 1) return orientation;
  }
  return 1;
}

}  // namespace

Tensor<std::uint8_t> detail::decode_jpeg(std::string_view bytes, const fs::path& name) {
  const auto damaged = [&](const Reader& reader) {
    fail_file("read_image", name, "expected a whole JPEG image, got: ", reader.error);
  };
  Reader reader;
  if (!read_header(reader, bytes)) damaged(reader);
  check_image_size(name, reader.jpeg.image_height, reader.jpeg.image_width);
  const int orientation = orientation_of(reader.jpeg);
  if (!start(reader)) damaged(reader);

  const Index height = reader.jpeg.output_height;
  const Index width = reader.jpeg.output_width;
  const int inks = reader.jpeg.output_components;
  if (inks != 3 && inks != 4) fail_file("read_image", name, "expected 1, 3 or 4 colours, got ", inks);
  Tensor<std::uint8_t> image;
  image.resize({height, width, 3});
  const bool inverted = reader.jpeg.saw_Adobe_marker != FALSE;  // Adobe stores 255 - ink
  const auto to_rgb = [&](JDIMENSION y, const std::uint8_t* row) {
    std::uint8_t* out = image.data() + static_cast<Index>(y) * width * 3;
    if (inks == 3) {
      std::copy(row, row + width * 3, out);
      return;
    }
    for (Index x = 0; x < width; ++x, row += 4, out += 3)
      for (int c = 0; c < 3; ++c) {
        const int paper = inverted ? row[c] : 255 - row[c];
        const int black = inverted ? row[3] : 255 - row[3];
        out[c] = static_cast<std::uint8_t>((paper * black + 127) / 255);
      }
  };
  Tensor<std::uint8_t> row(Shape{width * inks});
  if (!read_rows(reader, row.data(), to_rgb)) damaged(reader);
  return upright(std::move(image), orientation);
}

}  // namespace lamina
