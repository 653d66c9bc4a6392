#include <spng.h>

#include <cstdlib>
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

struct FreePng {
  void operator()(spng_ctx* png) const { spng_ctx_free(png); }
  void operator()(void* bytes) const { std::free(bytes); }
};
using Png = std::unique_ptr<spng_ctx, FreePng>;

Png new_png(int flags) {
  Png png(spng_ctx_new(flags));
  if (png == nullptr) throw std::bad_alloc();
  return png;
}

/// A value of 16 bits rounded to 8.
int rounded(std::uint16_t value) { return (value * 255 + 32895) >> 16; }
int rounded(std::uint8_t value) { return value; }

// RGBA pixels laid over white, as RGB.
template <class V>
void lay_over_white(const V* from, Index count, std::uint8_t* to) {
  for (Index i = 0; i < count; ++i, from += 4, to += 3) {
    const int alpha = rounded(from[3]);
    for (int c = 0; c < 3; ++c)
      to[c] = static_cast<std::uint8_t>((rounded(from[c]) * alpha + 255 * (255 - alpha) + 127) / 255);
  }
}

// Decodes into `image`. Returns libspng's error, or 0.
template <class V>
int decode(spng_ctx* png, bool interlaced, Tensor<std::uint8_t>& image) {
  const Index height = image.dim(0), width = image.dim(1);
  const int format = sizeof(V) == 1 ? SPNG_FMT_RGBA8 : SPNG_FMT_RGBA16;
  if (interlaced) {
    std::vector<V> all(static_cast<std::size_t>(4 * height * width));
    if (const int wrong = spng_decode_image(png, all.data(), all.size() * sizeof(V), format, SPNG_DECODE_TRNS))
      return wrong;
    lay_over_white(all.data(), height * width, image.data());
    return 0;
  }
  std::vector<V> row(static_cast<std::size_t>(4 * width));
  int wrong = spng_decode_image(png, nullptr, 0, format, SPNG_DECODE_TRNS | SPNG_DECODE_PROGRESSIVE);
  for (Index y = 0; y < height && wrong == 0; ++y) {
    wrong = spng_decode_row(png, row.data(), row.size() * sizeof(V));
    if (wrong == SPNG_EOI && y == height - 1) wrong = 0;  // the last row
    if (wrong == 0) lay_over_white(row.data(), width, image.data() + y * width * 3);
  }
  return wrong;
}

}  // namespace

Tensor<std::uint8_t> detail::decode_png(std::string_view bytes, const fs::path& name) {
  const auto require = [&](int wrong) {
    if (wrong != 0) fail_file("read_image", name, "expected a whole PNG image, got: ", spng_strerror(wrong));
  };
  const Png png = new_png(0);
  require(spng_set_image_limits(png.get(), kMaxImageSide, kMaxImageSide));
  require(spng_set_chunk_limits(png.get(), std::size_t{8} << 20, std::size_t{64} << 20));
  require(spng_set_png_buffer(png.get(), bytes.data(), bytes.size()));
  spng_ihdr header{};
  require(spng_get_ihdr(png.get(), &header));
  check_image_size(name, header.height, header.width);
  Tensor<std::uint8_t> image;
  image.resize({Index{header.height}, Index{header.width}, 3});
  const bool interlaced = header.interlace_method != SPNG_INTERLACE_NONE;
  require(header.bit_depth == 16 ? decode<std::uint16_t>(png.get(), interlaced, image)
                                 : decode<std::uint8_t>(png.get(), interlaced, image));
  require(spng_decode_chunks(png.get()));  // up to the end, whose checksum libspng does not read
  if (bytes.find(std::string_view("IEND\xae\x42\x60\x82")) == std::string_view::npos) require(SPNG_EOF);
  spng_exif exif{};
  if (spng_get_exif(png.get(), &exif) != 0) return image;
  return upright(std::move(image), tiff_orientation({exif.data, exif.length}));
}

std::string encode_png(const TensorView<std::uint8_t>& image) {
  const int rank = image.rank();
  const Index channels = rank == 3 ? image.dim(2) : 1;
  if ((rank != 2 && rank != 3) || (channels != 1 && channels != 3) || image.empty() || image.dim(0) > kMaxImageSide ||
      image.dim(1) > kMaxImageSide)
    fail("encode_png", "expected an image of shape (H, W, 3), (H, W, 1) or (H, W), sides 1 to ", kMaxImageSide,
         ", got ", image.shape());
  const Png png = new_png(SPNG_CTX_ENCODER);
  spng_ihdr header{};
  header.height = static_cast<std::uint32_t>(image.dim(0));
  header.width = static_cast<std::uint32_t>(image.dim(1));
  header.bit_depth = 8;
  header.color_type = channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR;
  std::size_t size = 0;
  int wrong = spng_set_option(png.get(), SPNG_ENCODE_TO_BUFFER, 1);
  if (wrong == 0) wrong = spng_set_ihdr(png.get(), &header);
  if (wrong == 0)
    wrong = spng_encode_image(png.get(), image.data(), static_cast<std::size_t>(image.size()), SPNG_FMT_PNG,
                              SPNG_ENCODE_FINALIZE);
  std::unique_ptr<void, FreePng> bytes;
  if (wrong == 0) bytes.reset(spng_get_png_buffer(png.get(), &size, &wrong));
  if (wrong != 0) throw std::bad_alloc();
  return {static_cast<const char*>(bytes.get()), size};
}

void write_png(const fs::path& path, const TensorView<std::uint8_t>& image) {
  write_file_atomically(path, encode_png(image));
}

}  // namespace lamina
