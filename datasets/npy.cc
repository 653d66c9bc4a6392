// One array: "\x93NUMPY", version, length of the header, the header (a Python dictionary), the elements.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include <array>
#include <cctype>
#include <optional>
#include <utility>

#include "datasets/npy_header.h"
#include "datasets/npz.h"
#include "lamina/check.h"
#include "lamina/io/atomic_file.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReadNpy = "read_npy";
constexpr std::array<const char*, 4> kTypes = {"<f4", "<f8", "<i8", "|u1"};  // in StoredTensor's order
constexpr std::array<std::uint64_t, 4> kSizes = {4, 8, 8, 1};

// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } and nothing else.
class DictionaryReader {
 public:
  DictionaryReader(std::string_view text, const fs::path& file) : text_(text), file_(file) {}

  void read(std::string& type, bool& fortran_order, std::vector<std::uint64_t>& shape) {
    bool seen[3] = {false, false, false};
    take('{');
    while (peek() != '}') {
      const std::string key = text();
      take(':');
      const int k = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : 3;
      if (k == 3 || std::exchange(seen[k], true)) wrong("descr, fortran_order and shape once each");
      if (k == 0) {
        if (peek() == '[')
          fail_file(kReadNpy, file_, "expected an array of float32, float64, int64 or uint8, got records");
        type = text();
      } else if (k == 1) {
        fortran_order = truth();
      } else {
        shape = numbers();
      }
      if (peek() == ',') take(',');
    }
    take('}');
    if (!(seen[0] && seen[1] && seen[2])) wrong("descr, fortran_order and shape");
    skip();
    if (at_ != text_.size()) wrong("the end of the header");
  }

 private:
  [[noreturn]] void wrong(const char* expected) {
    fail_file(kReadNpy, file_, "expected ", expected, " in the array's header, got something else at its byte ", at_);
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip();
    if (at_ == text_.size()) wrong("a closed dictionary");
    return text_[at_];
  }
  void take(char c) {
    const char expected[] = {'\'', c, '\'', '\0'};
    if (peek() != c) wrong(expected);
    ++at_;
  }
  std::string text() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') wrong("a text in quotes");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) wrong("a text in quotes");
    const std::size_t first = std::exchange(at_, end + 1) + 1;
    return std::string(text_.substr(first, end - first));
  }
  bool truth() {
    peek();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return value;
      }
    }
    wrong("True or False");
  }
  std::vector<std::uint64_t> numbers() {
    std::vector<std::uint64_t> result;
    take('(');
    while (peek() != ')') {
      std::uint64_t value = 0;
      const std::size_t first = at_;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, static_cast<std::uint64_t>(text_[at_] - '0'), &value))
          wrong("lengths below 2^60");
      if (at_ == first || result.size() > 64) wrong("a list of lengths");
      result.push_back(value);
      if (peek() != ')') take(',');
    }
    take(')');
    return result;
  }

  std::string_view text_;
  const fs::path& file_;
  std::size_t at_ = 0;
};

// The array in row-major order, from elements in Fortran order.
template <class T>
Tensor<T> transposed(const Tensor<T>& in) {
  const Shape& shape = in.shape();
  Tensor<T> out;
  out.resize(shape);
  std::array<Index, Shape::kMaxRank> at{};
  for (Index i = 0; i < out.size(); ++i) {
    Index from = 0;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) from = from * shape[axis] + at[static_cast<std::size_t>(axis)];
    out[i] = in[from];
    for (int axis = shape.rank() - 1; axis >= 0 && ++at[static_cast<std::size_t>(axis)] == shape[axis]; --axis)
      at[static_cast<std::size_t>(axis)] = 0;
  }
  return out;
}

template <class T>
StoredTensor decode(const detail::NpyHeader& header, std::string_view bytes) {
  Tensor<T> tensor = tensor_from_bytes<T>(header.shape, bytes);
  return header.fortran_order && header.shape.rank() > 1 ? transposed(tensor) : tensor;
}

}  // namespace

std::optional<detail::NpyHeader> detail::read_npy_header(std::string_view bytes, const fs::path& name) {
  constexpr std::string_view kMagic("\x93NUMPY", 6);
  if (bytes.size() < 8) {
    if (kMagic.substr(0, bytes.size()) != bytes.substr(0, 6))
      fail_file(kReadNpy, name, "expected a .npy file, got another");
    return std::nullopt;
  }
  const int version = static_cast<unsigned char>(bytes[6]);
  if (bytes.substr(0, 6) != kMagic || version < 1 || version > 3 || bytes[7] != 0)
    fail_file(kReadNpy, name, "expected a .npy file of version 1.0, 2.0 or 3.0, got another start");
  const std::size_t start = version == 1 ? 10 : 12;
  if (bytes.size() < start) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = start; i-- > 8;) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  if (length > (1u << 20)) fail_file(kReadNpy, name, "expected a header of at most 2^20 bytes, got ", length);
  if (bytes.size() < start + length) return std::nullopt;

  NpyHeader header;
  std::string type;
  std::vector<std::uint64_t> lengths;
  DictionaryReader(bytes.substr(start, length), name).read(type, header.fortran_order, lengths);
  if (type == "<u1") type = "|u1";
  while (header.type < kTypes.size() && type != kTypes[header.type]) ++header.type;
  if (header.type == kTypes.size())
    fail_file(kReadNpy, name, "expected an array of float32, float64, int64 or uint8 (<f4, <f8, <i8, |u1), got ",
              quoted_name(type));
  const std::string wrong = check_stored_shape(lengths, kSizes[header.type], header.shape, header.data_bytes);
  if (!wrong.empty()) fail_file(kReadNpy, name, wrong);
  header.data_at = start + length;
  return header;
}

std::string detail::npy_header(const StoredView& tensor) {
  const Shape& shape = shape_of(tensor);
  std::string text = std::string("{'descr': '") + kTypes[tensor.index()] +
                     "', 'fortran_order': False, 'shape': " + (shape.rank() == 0 ? "(0,)" : shape.to_string()) + ", }";
  text.resize((text.size() + 11 + 63) / 64 * 64 - 11, ' ');  // the elements start at a multiple of 64
  text += '\n';
  std::string bytes("\x93NUMPY\1\0", 8);
  bytes += static_cast<char>(text.size() & 255);
  bytes += static_cast<char>(text.size() >> 8);
  return bytes + text;
}

StoredTensor parse_npy(std::string_view bytes, const fs::path& name) {
  const std::optional<detail::NpyHeader> header = detail::read_npy_header(bytes, name);
  if (!header) fail_file(kReadNpy, name, "expected a whole header, got a file of ", bytes.size(), " bytes");
  const std::string_view data = bytes.substr(header->data_at);
  if (data.size() != header->data_bytes)
    fail_file(kReadNpy, name, "expected ", header->data_bytes, " bytes for an array of shape ", header->shape, ", got ",
              data.size());
  switch (header->type) {
    case 0:
      return decode<float>(*header, data);
    case 1:
      return decode<double>(*header, data);
    case 2:
      return decode<std::int64_t>(*header, data);
    default:
      return decode<std::uint8_t>(*header, data);
  }
}

StoredTensor read_npy(const fs::path& path) { return parse_npy(read_file(path), path); }

void write_npy(const fs::path& path, const StoredView& tensor) {
  const std::string header = detail::npy_header(tensor);
  const std::array<std::string_view, 2> chunks = {header, bytes_of(tensor)};
  write_file_atomically(path, chunks);
}

}  // namespace lamina
