#include "lamina/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "lamina/check.h"
#include "lamina/io/atomic_file.h"
#include "lamina/option_json.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWhere = "read_safetensors";
constexpr std::uint64_t kMaxHeader = 100'000'000;

// A file that breaks the rules of the format.
template <class... Parts>
[[noreturn]] void fail_damaged(const fs::path& file, const Parts&... parts) {
  fail_file(kWhere, file, "damaged (cut off or changed): ", parts...);
}

struct Entry {
  std::string name;
  std::optional<std::string> dtype;
  std::optional<std::vector<std::uint64_t>> shape, data_offsets;
};

// Reads the header's JSON token by token, so that an error is found at the place where it is. The header is an object
// of objects: "__metadata__" holds strings, and each other one holds dtype, shape and data_offsets.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderReader(const fs::path& file, Safetensors& result, std::vector<Entry>& entries)
      : file_(file), result_(result), entries_(entries) {}

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return unexpected("a number that is not a whole one, or too large");
  }
  bool binary(binary_t&) override { return unexpected("bytes"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::numbers) return unexpected("a number");
    if (numbers_->size() >= 64) fail_file(kWhere, file_, "expected at most 6 axes in ", key_name(), ", got more");
    numbers_->push_back(value);
    return true;
  }
  bool string(string_t& value) override {
    if (place_ == Place::metadata) {
      result_.metadata[key_] = value;
    } else if (place_ == Place::tensor && key_ == "dtype") {
      entries_.back().dtype = value;
    } else {
      return unexpected("a string");
    }
    return true;
  }
  bool start_object(std::size_t) override {
    if (place_ == Place::start) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == "__metadata__") {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      place_ = Place::tensor;
      entries_.push_back({key_, {}, {}, {}});
    } else {
      return unexpected("an object");
    }
    return true;
  }
  bool end_object() override {
    if (place_ == Place::tensor) {
      const Entry& entry = entries_.back();
      if (!entry.dtype || !entry.shape || !entry.data_offsets)
        fail_damaged(file_, "expected dtype, shape and data_offsets for tensor ", quoted_name(entry.name),
                     ", got only ", entry.dtype.has_value() + entry.shape.has_value() + entry.data_offsets.has_value(),
                     " of them");
    }
    place_ = place_ == Place::top ? Place::end : Place::top;
    return true;
  }
  bool key(string_t& value) override {
    bool known = true;
    bool fresh = true;
    if (place_ == Place::top) {
      fresh = names_.insert(value).second;
    } else if (place_ == Place::metadata) {
      fresh = !result_.metadata.contains(value);
    } else {
      const Entry& entry = entries_.back();
      known = value == "dtype" || value == "shape" || value == "data_offsets";
      fresh = !(value == "dtype" && entry.dtype) && !(value == "shape" && entry.shape) &&
              !(value == "data_offsets" && entry.data_offsets);
    }
    if (!fresh) fail_damaged(file_, "expected each key of the header once, got ", quoted_name(value), " twice");
    if (!known)
      fail_damaged(file_, "expected dtype, shape and data_offsets for tensor ", quoted_name(entries_.back().name),
                   ", got ", quoted_name(value));
    key_ = value;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || key_ == "dtype") return unexpected("an array");
    numbers_ = &(key_ == "shape" ? entries_.back().shape : entries_.back().data_offsets).emplace();
    place_ = Place::numbers;
    return true;
  }
  bool end_array() override {
    place_ = Place::tensor;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail_damaged(file_, "expected a header of JSON text, got something else at its byte ", position);
  }

 private:
  enum class Place { start, top, metadata, tensor, numbers, end };

  std::string key_name() const { return key_.empty() ? std::string("the header") : quoted_name(key_); }
  bool unexpected(const char* found) {
    fail_damaged(file_, "expected a header {name: {dtype, shape, data_offsets}}, got ", found, " in ", key_name());
  }

  const fs::path& file_;
  Safetensors& result_;
  std::vector<Entry>& entries_;
  std::set<std::string> names_;
  Place place_ = Place::start;
  std::string key_;
  std::vector<std::uint64_t>* numbers_ = nullptr;
};

float from_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

float from_float16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 31u;
  const std::uint32_t fraction = bits & 1023u;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

StoredTensor widened(const Shape& shape, std::string_view bytes, float (*convert)(std::uint16_t)) {
  Tensor<float> result;
  result.resize(shape);
  for (Index i = 0; i < result.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + 2 * i, 2);
    result[i] = convert(bits);
  }
  return result;
}

struct Dtype {
  const char* name;
  std::uint64_t bytes;
};
constexpr std::array<Dtype, 6> kDtypes = {{{"F32", 4}, {"F64", 8}, {"I64", 8}, {"U8", 1}, {"F16", 2}, {"BF16", 2}}};

StoredTensor decode(std::string_view dtype, const Shape& shape, std::string_view bytes) {
  if (dtype == "F32") return tensor_from_bytes<float>(shape, bytes);
  if (dtype == "F64") return tensor_from_bytes<double>(shape, bytes);
  if (dtype == "I64") return tensor_from_bytes<std::int64_t>(shape, bytes);
  if (dtype == "U8") return tensor_from_bytes<std::uint8_t>(shape, bytes);
  return widened(shape, bytes, dtype == "F16" ? from_float16 : from_bfloat16);
}

}  // namespace

void write_safetensors(const fs::path& path, std::span<const NamedStoredView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  constexpr std::array<const char*, 4> kNames = {"F32", "F64", "I64", "U8"};  // in StoredView's order
  constexpr std::array<std::uint64_t, 4> kSizes = {4, 8, 8, 1};
  std::vector<std::size_t> order(tensors.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return kSizes[tensors[a].value.index()] > kSizes[tensors[b].value.index()];
  });
  std::vector<std::uint64_t> begins(tensors.size());
  std::vector<std::string_view> chunks(2);
  std::uint64_t at = 0;
  for (const std::size_t i : order) {
    begins[i] = at;
    chunks.push_back(bytes_of(tensors[i].value));
    at += chunks.back().size();
  }
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  for (const auto& [key, value] : metadata) {
    if (!is_utf8(key) || !is_utf8(value))
      fail("write_safetensors", "expected metadata in UTF-8, got other bytes in ", quoted_name(key));
    header["__metadata__"][key] = value;
  }
  std::set<std::string> names = {"__metadata__"};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [name, value] = tensors[i];
    if (!names.insert(name).second)
      fail("write_safetensors", "expected each name once, and not __metadata__, got ", quoted_name(name));
    if (!is_utf8(name)) fail("write_safetensors", "expected names in UTF-8, got other bytes in ", quoted_name(name));
    const Shape& shape = shape_of(value);
    header[name] = {{"dtype", kNames[value.index()]},
                    {"shape", std::vector<Index>(shape.begin(), shape.end())},
                    {"data_offsets", {begins[i], begins[i] + bytes_of(value).size()}}};
    if (shape.rank() == 0) header[name]["shape"] = std::vector<Index>{0};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the data starts at a multiple of 8
  if (text.size() > kMaxHeader)
    fail("write_safetensors", "expected a header of at most ", kMaxHeader, " bytes, got ", text.size());
  const std::uint64_t length = text.size();
  chunks[0] = {reinterpret_cast<const char*>(&length), sizeof length};
  chunks[1] = text;
  write_file_atomically(path, chunks);
}

Safetensors parse_safetensors(std::string_view bytes, const fs::path& name) {
  if (bytes.size() < 8) fail_damaged(name, "expected a header length of 8 bytes, got a file of ", bytes.size());
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  if (length > kMaxHeader)
    fail_file(kWhere, name, "expected a model file or a checkpoint (safetensors), got a file of another kind");
  if (length > bytes.size() - 8)
    fail_damaged(name, "expected a header of ", length, " bytes, got ", bytes.size() - 8, " bytes until the end");
  const std::string_view text = bytes.substr(8, length);
  const std::string_view data = bytes.substr(8 + length);
  if (text.empty() || text[0] != '{')
    fail_file(kWhere, name, "expected a header that starts with '{', got another start");

  Safetensors result;
  std::vector<Entry> entries;
  HeaderReader reader(name, result, entries);
  nlohmann::json::sax_parse(text, &reader);

  struct Found {
    std::uint64_t begin, end;
    const std::string* name;
    const char* dtype;
    Shape shape;
  };
  std::vector<Found> found;
  for (const Entry& entry : entries) {
    const auto known =
        std::find_if(kDtypes.begin(), kDtypes.end(), [&](const Dtype& d) { return d.name == entry.dtype; });
    if (known == kDtypes.end())
      fail_file(kWhere, name, "expected tensor ", quoted_name(entry.name),
                " of dtype F32, F64, F16, BF16, I64 or U8, got ", quoted_name(*entry.dtype));
    Shape shape;
    std::uint64_t size = 0;
    const std::string wrong = check_stored_shape(*entry.shape, known->bytes, shape, size);
    if (!wrong.empty()) fail_file(kWhere, name, "tensor ", quoted_name(entry.name), ": ", wrong);
    const auto& offsets = *entry.data_offsets;
    if (offsets.size() != 2)
      fail_damaged(name, "expected 2 data_offsets for tensor ", quoted_name(entry.name), ", got ", offsets.size());
    if (offsets[0] > offsets[1] || offsets[1] > data.size())
      fail_damaged(name, "expected data_offsets of tensor ", quoted_name(entry.name), " in order and within ",
                   data.size(), " bytes of data, got [", offsets[0], ", ", offsets[1], "]");
    if (offsets[1] - offsets[0] != size)
      fail_damaged(name, "expected ", size, " bytes for tensor ", quoted_name(entry.name), " of dtype ", known->name,
                   " and shape ", shape, ", got data_offsets of ", offsets[1] - offsets[0], " bytes");
    found.push_back({offsets[0], offsets[1], &entry.name, known->name, shape});
  }
  std::vector<const Found*> by_place;
  for (const Found& tensor : found) by_place.push_back(&tensor);
  std::sort(by_place.begin(), by_place.end(),
            [](const Found* a, const Found* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  std::uint64_t at = 0;
  for (const Found* tensor : by_place) {
    if (tensor->begin != at)
      fail_damaged(name, "expected tensor ", quoted_name(*tensor->name), " to start at byte ", at,
                   " of the data, where the one before ends, got ", tensor->begin < at ? "an overlap" : "a gap",
                   ": it starts at ", tensor->begin);
    at = tensor->end;
  }
  if (at != data.size()) fail_damaged(name, "expected ", at, " bytes of data after the header, got ", data.size());

  for (const Found& tensor : found)
    result.tensors.push_back(
        {*tensor.name, decode(tensor.dtype, tensor.shape, data.substr(tensor.begin, tensor.end - tensor.begin))});
  return result;
}

Safetensors read_safetensors(const fs::path& path) { return parse_safetensors(read_file(path), path); }

}  // namespace lamina
