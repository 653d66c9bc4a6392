// Safetensors files: what is read, written and read again is the same.
#include "lamina/io/safetensors.h"

#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {
namespace {

std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(header.size() >> (8 * i));
  return bytes + header + data;
}

}  // namespace

void read_input(std::string_view bytes) {
  const Safetensors read = parse_safetensors(bytes, "input");
  const std::filesystem::path path = directory() / "written";
  write_safetensors(path, views_of(read.tensors), read.metadata);
  const Safetensors again = read_safetensors(path);
  require(again.metadata == read.metadata, "other metadata after writing");
  require(again.tensors.size() == read.tensors.size(), "another number of tensors after writing");
  for (const NamedStoredView& tensor : views_of(read.tensors)) {
    const StoredTensor* other = again.find(tensor.name);
    require(other != nullptr && other->index() == tensor.value.index() && shape_of(*other) == shape_of(tensor.value),
            "another tensor after writing");
    require(std::visit([](const auto& x) { return bytes_of(StoredView(x)); }, *other) == bytes_of(tensor.value),
            "other bytes after writing");
  }
}

std::vector<std::string> seeds() {
  const Tensor<float> w(Shape{2, 3}, 0.5f);
  const Tensor<double> b(Shape{3}, -1.0);
  const Tensor<std::int64_t> t(Shape{1}, 7);
  const Tensor<std::uint8_t> u(Shape{2, 0});
  const std::vector<NamedStoredView> all = {{"W1", w}, {"b1", b}, {"t", t}, {"u", u}};
  const std::filesystem::path path = directory() / "seed";
  write_safetensors(path, all, {{"format", "pt"}, {"gr\xc3\xbc\xc3\x9f", "\"quoted\"\n"}});
  return {bytes_of(path), file_of("{}", ""),
          file_of(R"({"h":{"dtype":"F16","shape":[3],"data_offsets":[0,6]},)"
                  R"("b":{"dtype":"BF16","shape":[],"data_offsets":[6,8]}} )",
                  std::string("\x00\x3c\xff\x7b\x01\x80\x80\x3f", 8))};
}

}  // namespace lamina::fuzz
