#include <png.h>

#include <csetjmp>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "datasets/decode.h"
#include "datasets/images.h"
#include "lamina/check.h"
#include "lamina/io/atomic_file.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

// libpng reports errors by longjmp, which must not pass over objects with destructors. So it is called in functions
// without such objects, and everything that must be freed is in a structure outside.
struct Reader {
  explicit Reader(std::string_view input) : bytes(input) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }

  std::string_view bytes;
  std::size_t at = 0;
  png_structp png = nullptr;
  png_infop info = nullptr;
  char error[200] = "damaged data";
  std::jmp_buf failed;
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
  std::strncpy(reader->error, message, sizeof reader->error - 1);
  std::longjmp(reader->failed, 1);
}

void on_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep out, std::size_t count) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (count > reader->bytes.size() - reader->at) png_error(png, "the end of the file");
  std::memcpy(out, reader->bytes.data() + reader->at, count);
  reader->at += count;
}

// Reads everything before the pixels, and requests rows of 8-bit RGBA.
bool read_header(Reader& reader) {
  if (setjmp(reader.failed) != 0) return false;
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (reader.png == nullptr) return false;
  reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) return false;
  png_set_read_fn(reader.png, &reader, read_bytes);
  png_set_user_limits(reader.png, kMaxImageSide, kMaxImageSide);
  png_set_chunk_malloc_max(reader.png, 8 << 20);
  png_set_chunk_cache_max(reader.png, 100);
  png_read_info(reader.png, reader.info);
  png_set_scale_16(reader.png);
  png_set_expand(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_set_add_alpha(reader.png, 255, PNG_FILLER_AFTER);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

// For an interlaced image, `rows` holds all rows; otherwise it holds one row, which is reused.
template <class Use>
bool read_rows(Reader& reader, png_bytep* rows, png_uint_32 height, bool interlaced, const Use& use) {
  if (setjmp(reader.failed) != 0) return false;
  if (interlaced) {
    png_read_image(reader.png, rows);
  } else {
    for (png_uint_32 y = 0; y < height; ++y) {
      png_read_row(reader.png, rows[0], nullptr);
      use(y, rows[0]);
    }
  }
  png_read_end(reader.png, reader.info);
  return true;
}

int orientation_of(Reader& reader) {
  png_bytep exif = nullptr;
  png_uint_32 size = 0;
  if (png_get_eXIf_1(reader.png, reader.info, &size, &exif) == 0) return 1;
  return detail::tiff_orientation({reinterpret_cast<const char*>(exif), size});
}

struct Writer {
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png, &info); }

  png_structp png = nullptr;
  png_infop info = nullptr;
  std::string bytes;
  std::jmp_buf failed;
};

[[noreturn]] void on_write_error(png_structp png, png_const_charp) {
  std::longjmp(static_cast<Writer*>(png_get_error_ptr(png))->failed, 1);
}

bool append(Writer& writer, const char* bytes, std::size_t count) noexcept {
  try {
    writer.bytes.append(bytes, count);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

void write_bytes(png_structp png, png_bytep bytes, std::size_t count) {
  if (!append(*static_cast<Writer*>(png_get_io_ptr(png)), reinterpret_cast<const char*>(bytes), count))
    png_error(png, "out of memory");
}

bool write_image(Writer& writer, const std::uint8_t* pixels, Index height, Index width, Index channels) {
  if (setjmp(writer.failed) != 0) return false;
  writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, on_write_error, on_warning);
  if (writer.png == nullptr) return false;
  writer.info = png_create_info_struct(writer.png);
  if (writer.info == nullptr) return false;
  png_set_write_fn(writer.png, &writer, write_bytes, nullptr);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), 8,
               channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE,
               PNG_FILTER_TYPE_BASE);
  png_write_info(writer.png, writer.info);
  for (Index y = 0; y < height; ++y) png_write_row(writer.png, pixels + y * width * channels);
  png_write_end(writer.png, nullptr);
  return true;
}

}  // namespace

Tensor<std::uint8_t> detail::decode_png(std::string_view bytes, const fs::path& name) {
  const auto damaged = [&](const Reader& reader) {
    fail_file("read_image", name, "expected a whole PNG image, got: ", reader.error);
  };
  Reader reader(bytes);
  if (!read_header(reader)) damaged(reader);
  const png_uint_32 height = png_get_image_height(reader.png, reader.info);
  const png_uint_32 width = png_get_image_width(reader.png, reader.info);
  check_image_size(name, height, width);
  const std::size_t row_bytes = std::size_t{4} * width;
  if (png_get_rowbytes(reader.png, reader.info) != row_bytes)
    fail_file("read_image", name, "expected rows of 8-bit RGBA from libpng, got others");

  Tensor<std::uint8_t> image;
  image.resize({height, width, 3});
  const auto lay_over_white = [&](png_uint_32 y, const std::uint8_t* row) {
    std::uint8_t* out = image.data() + static_cast<Index>(y) * width * 3;
    for (png_uint_32 x = 0; x < width; ++x, row += 4, out += 3)
      for (int c = 0; c < 3; ++c)
        out[c] = static_cast<std::uint8_t>((row[c] * row[3] + 255 * (255 - row[3]) + 127) / 255);
  };
  const bool interlaced = png_get_interlace_type(reader.png, reader.info) != PNG_INTERLACE_NONE;
  std::vector<std::uint8_t> memory(row_bytes * (interlaced ? height : 1));
  std::vector<png_bytep> rows(interlaced ? height : 1);
  for (std::size_t y = 0; y < rows.size(); ++y) rows[y] = memory.data() + y * row_bytes;
  if (!read_rows(reader, rows.data(), height, interlaced, lay_over_white)) damaged(reader);
  if (interlaced)
    for (png_uint_32 y = 0; y < height; ++y) lay_over_white(y, rows[y]);
  return upright(std::move(image), orientation_of(reader));
}

std::string encode_png(const TensorView<std::uint8_t>& image) {
  const int rank = image.rank();
  const Index channels = rank == 3 ? image.dim(2) : 1;
  if ((rank != 2 && rank != 3) || (channels != 1 && channels != 3) || image.empty() || image.dim(0) > kMaxImageSide ||
      image.dim(1) > kMaxImageSide)
    fail("encode_png", "expected an image of shape (H, W, 3), (H, W, 1) or (H, W), sides 1 to ", kMaxImageSide,
         ", got ", image.shape());
  Writer writer;
  if (!write_image(writer, image.data(), image.dim(0), image.dim(1), channels)) throw std::bad_alloc();
  return std::move(writer.bytes);
}

void write_png(const fs::path& path, const TensorView<std::uint8_t>& image) {
  write_file_atomically(path, encode_png(image));
}

}  // namespace lamina
