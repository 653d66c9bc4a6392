// Replaces png.cc and jpeg.cc in a build without LAMINA_IMAGES.
#include "datasets/images.h"

#include "datasets/decode.h"
#include "lamina/check.h"

namespace lamina {
namespace {

constexpr const char* kLeftOut = "expected a lamina that knows PNG and JPEG, got one built with LAMINA_IMAGES=OFF";

}  // namespace

Tensor<std::uint8_t> detail::decode_png(std::string_view, const std::filesystem::path& name) {
  fail_file("read_image", name, kLeftOut);
}

Tensor<std::uint8_t> detail::decode_jpeg(std::string_view, const std::filesystem::path& name) {
  fail_file("read_image", name, kLeftOut);
}

std::string encode_png(const TensorView<std::uint8_t>&) { fail_file("encode_png", "image", kLeftOut); }

void write_png(const std::filesystem::path& path, const TensorView<std::uint8_t>&) {
  fail_file("write_png", path, kLeftOut);
}

}  // namespace lamina
