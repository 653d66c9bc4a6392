#include "lamina/io/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/io/io_checks.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;
using testing_io::error_of;
using testing_io::expect_clear;

class SafetensorsFile : public testing_io::InDirectory {};

template <class T>
Tensor<T> counting(const Shape& shape, double first = 0, double step = 1) {
  Tensor<T> t(shape);
  for (Index i = 0; i < t.size(); ++i) t[i] = static_cast<T>(first + step * static_cast<double>(i));
  return t;
}

template <class T>
void expect_same(const StoredTensor* got, const Tensor<T>& expected) {
  ASSERT_NE(got, nullptr);
  const auto* tensor = std::get_if<Tensor<T>>(got);
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->shape(), expected.shape());
  if (!expected.empty()) {
    EXPECT_EQ(std::memcmp(tensor->data(), expected.data(), static_cast<std::size_t>(expected.size()) * sizeof(T)), 0);
  }
}

std::string file_of(std::string header, std::string_view data) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes.append(header).append(data);
}

TEST_F(SafetensorsFile, GoesRoundByTheBit) {
  Tensor<float> w = counting<float>({2, 3, 1, 5}, -7.25, 0.1);
  w[3] = std::numeric_limits<float>::quiet_NaN();
  w[4] = -0.0f;
  w[5] = std::numeric_limits<float>::denorm_min();
  const auto d = counting<double>({3}, 1e300, 1e290);
  const auto i = counting<std::int64_t>({4}, -2);
  const auto u = counting<std::uint8_t>({2, 2}, 252);
  const Tensor<float> none(Shape{0, 3});
  const std::map<std::string, std::string> metadata = {{"a", "x\"\\\n\xc3\xa9"}, {"", ""}};
  const std::vector<NamedStoredView> tensors = {{"u", u}, {"W_1", w}, {"none", none}, {"d", d}, {"i", i}};
  write_safetensors(dir_ / "a.safetensors", tensors, metadata);

  const Safetensors got = read_safetensors(dir_ / "a.safetensors");
  EXPECT_EQ(got.metadata, metadata);
  ASSERT_EQ(got.tensors.size(), 5u);
  for (std::size_t k = 0; k < 5; ++k) EXPECT_EQ(got.tensors[k].name, tensors[k].name);
  expect_same(got.find("W_1"), w);
  expect_same(got.find("d"), d);
  expect_same(got.find("i"), i);
  expect_same(got.find("u"), u);
  expect_same(got.find("none"), none);
  EXPECT_EQ(got.find("W"), nullptr);

  const std::string bytes = read_file(dir_ / "a.safetensors");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
}

TEST_F(SafetensorsFile, HoldsNothingToo) {
  write_safetensors(dir_ / "a", {});
  const Safetensors got = read_safetensors(dir_ / "a");
  EXPECT_TRUE(got.tensors.empty());
  EXPECT_TRUE(got.metadata.empty());
}

TEST_F(SafetensorsFile, RefusesNamesThatTheFormatForbids) {
  const auto t = counting<float>({1});
  const std::vector<NamedStoredView> twice = {{"a", t}, {"a", t}};
  const std::vector<NamedStoredView> reserved = {{"__metadata__", t}};
  const std::vector<NamedStoredView> bytes = {{"\xff", t}};
  EXPECT_THROW(write_safetensors(dir_ / "a", twice), std::invalid_argument);
  EXPECT_THROW(write_safetensors(dir_ / "a", reserved), std::invalid_argument);
  EXPECT_THROW(write_safetensors(dir_ / "a", bytes), std::invalid_argument);
  EXPECT_THROW(write_safetensors(dir_ / "a", {}, {{"k", "\xff"}}), std::invalid_argument);
  EXPECT_FALSE(fs::exists(dir_ / "a"));
}

// A reader and a writer of the format in a few lines of NumPy, made from its description alone.
TEST_F(SafetensorsFile, TravelsToNumPyAndBack) {
  const auto w = counting<float>({2, 3}, 0.5, 0.25);
  const auto d = counting<double>({4}, -1, 1.0 / 3);
  const auto i = counting<std::int64_t>({2}, 1LL << 40);
  const auto u = counting<std::uint8_t>({3, 1}, 7);
  const std::vector<NamedStoredView> tensors = {{"u", u}, {"w", w}, {"d", d}, {"i", i}};
  write_safetensors(dir_ / "a.safetensors", tensors, {{"format", "lamina"}, {"text", "\xc3\xa9\n"}});
  ASSERT_TRUE(python(R"(
import json, numpy as np
kinds = {'F32': '<f4', 'F64': '<f8', 'I64': '<i8', 'U8': '|u1', 'F16': '<f2'}
raw = open('a.safetensors', 'rb').read()
n = int.from_bytes(raw[:8], 'little')
assert n % 8 == 0
header = json.loads(raw[8:8 + n])
assert header.pop('__metadata__') == {'format': 'lamina', 'text': '\u00e9\n'}
data = raw[8 + n:]
got, end = {}, 0
for name, t in sorted(header.items(), key=lambda kv: kv[1]['data_offsets']):
    b, e = t['data_offsets']
    dtype = np.dtype(kinds[t['dtype']])
    assert b == end and b % dtype.itemsize == 0
    got[name], end = np.frombuffer(data[b:e], dtype).reshape(t['shape']), e
assert end == len(data)
assert got['w'].dtype == np.float32 and np.array_equal(got['w'], (0.5 + 0.25 * np.arange(6)).reshape(2, 3))
assert np.array_equal(got['d'], -1 + 1.0 / 3 * np.arange(4))
assert np.array_equal(got['i'], [2**40, 2**40 + 1]) and np.array_equal(got['u'], [[7], [8], [9]])

out = {'half': np.float16([1, -2.5, 65504, 6e-8, np.inf, -0.0, 1 / 3]), 'w': got['w'], 'scalar': np.float64(3.5)}
brain = np.float32([1, -3.140625, 1e30])
arrays = [(k, np.asarray(v), {v: k for k, v in kinds.items()}[np.asarray(v).dtype.str], None) for k, v in out.items()]
header, data = {'__metadata__': {'by': 'numpy'}}, b''
for name, a, kind, _ in arrays:
    header[name] = dict(dtype=kind, shape=list(a.shape), data_offsets=[len(data), len(data) + a.nbytes])
    data += a.tobytes()
b = (brain.view('<u4') >> 16).astype('<u2').tobytes()
header['brain'] = dict(dtype='BF16', shape=[3], data_offsets=[len(data), len(data) + len(b)])
data += b
text = json.dumps(header).encode()
text += b' ' * (-len(text) % 8)
open('b.safetensors', 'wb').write(len(text).to_bytes(8, 'little') + text + data)
)"));
  const Safetensors got = read_safetensors(dir_ / "b.safetensors");
  EXPECT_EQ(got.metadata.at("by"), "numpy");
  expect_same(got.find("w"), w);
  expect_same(got.find("scalar"), Tensor<double>({1}, 3.5));
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> half = {1, -2.5f, 65504, 0x1p-24f, inf, -0.0f, 0.333251953125f};
  expect_same(got.find("half"), Tensor<float>({7}, std::span<const float>(half)));
  const auto brain = to_tensor<float>(*got.find("brain"));
  EXPECT_EQ(brain[0], 1);
  EXPECT_EQ(brain[1], -3.140625f);
  EXPECT_NEAR(brain[2], 1e30f, 1e30f / 128);
}

TEST(Safetensors, NamesWhatIsWrong) {
  const auto tensor = [](const char* name, const char* dtype, const char* shape, const char* offsets) {
    return std::string("\"") + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
  };
  const std::string eight(8, 'x');
  const std::string a = tensor("a", "F32", "[1]", "[0,4]");
  struct Case {
    std::string bytes, part;
  };
  const std::vector<Case> cases = {
      {"", "got a file of 0"},
      {"1234567", "got a file of 7"},
      {std::string("\0\0\0\0\0\0\0\1", 8),
       "expected a model file or a checkpoint (safetensors), got a file of another kind"},
      {std::string("\5\0\0\0\0\0\0\0{}", 10), "a header of 5 bytes, got 2"},
      {file_of("", ""), "starts with '{'"},
      {file_of(" {}", ""), "starts with '{'"},
      {file_of("[]", ""), "starts with '{'"},
      {file_of("{\"a\":", ""), "JSON text"},
      {file_of("{}{}", ""), "JSON text"},
      {file_of("{\"a\xff\":1}", ""), "JSON text"},
      {file_of("{\"a\":1}", ""), "a number in 'a'"},
      {file_of("{\"a\":null}", ""), "null in 'a'"},
      {file_of("{\"a\":[[[[]]]]}", ""), "an array in 'a'"},
      {file_of("{\"__metadata__\":{\"k\":1}}", ""), "a number in 'k'"},
      {file_of("{\"__metadata__\":{\"k\":{}}}", ""), "an object in 'k'"},
      {file_of("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", ""), "'k' twice"},
      {file_of("{" + a + "," + a + "}", eight), "'a' twice"},
      {file_of("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", ""), "'dtype' twice"},
      {file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", ""), "got only 2"},
      {file_of("{\"a\":{\"kind\":\"F32\"}}", ""), "got 'kind'"},
      {file_of("{" + tensor("a", "I32", "[1]", "[0,4]") + "}", "1234"), "got 'I32'"},
      {file_of("{" + tensor("a", "F32", "[-1]", "[0,4]") + "}", "1234"), "a negative number"},
      {file_of("{" + tensor("a", "F32", "[1.5]", "[0,4]") + "}", "1234"), "not a whole one"},
      {file_of("{" + tensor("a", "F32", "[1,[1]]", "[0,4]") + "}", "1234"), "an array"},
      {file_of("{" + tensor("a", "F32", "[1,1,1,1,1,1,1]", "[0,4]") + "}", "1234"), "at most 6 axes, got 7"},
      {file_of("{" + tensor("a", "F32", "[4294967296,4294967296,4]", "[0,4]") + "}", "1234"), "below 2^60"},
      {file_of("{" + tensor("a", "F32", "[18446744073709551615]", "[0,4]") + "}", "1234"), "below 2^60"},
      {file_of("{" + tensor("a", "F32", "[18446744073709551616]", "[0,4]") + "}", "1234"), "too large"},
      {file_of("{" + tensor("a", "F32", "[1]", "[0]") + "}", "1234"), "2 data_offsets for tensor 'a', got 1"},
      {file_of("{" + tensor("a", "F32", "[1]", "[4,0]") + "}", "1234"), "in order"},
      {file_of("{" + tensor("a", "F32", "[2]", "[0,8]") + "}", "1234"), "within 4 bytes"},
      {file_of("{" + tensor("a", "F32", "[1]", "[0,8]") + "}", eight), "expected 4 bytes for tensor 'a'"},
      {file_of("{" + a + "," + tensor("b", "F32", "[1]", "[2,6]") + "}", "123456"), "an overlap"},
      {file_of("{" + a + "," + tensor("b", "F32", "[1]", "[0,4]") + "}", "1234"), "an overlap"},
      {file_of("{" + a + "," + tensor("b", "U8", "[1]", "[5,6]") + "}", "123456"), "a gap"},
      {file_of("{" + tensor("b", "U8", "[1]", "[1,2]") + "}", "12"), "a gap"},
      {file_of("{" + a + "}", "12345"), "expected 4 bytes of data after the header, got 5"},
      {file_of("{}", "1"), "expected 0 bytes of data"},
      {file_of("{\"" + std::string(500, 'n') + "\n\":1}", ""), "JSON text"},
      {file_of("{\"" + std::string(500, 'n') + "\\n\":1}", ""), "nnn...'"},
  };
  for (const Case& c : cases) {
    const std::string error = error_of([&] { parse_safetensors(c.bytes, "m.safetensors"); });
    EXPECT_NE(error.find(c.part), std::string::npos) << error << " lacks: " << c.part;
    EXPECT_EQ(error.rfind("[read_safetensors] m.safetensors: ", 0), 0u) << error;
    expect_clear(error);
  }
}

TEST(Safetensors, SurvivesTruncationAtEveryByteAndMutations) {
  const std::string whole = file_of(
      R"({"__metadata__":{"net":"{}"},"W1":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("n":{"dtype":"I64","shape":[1],"data_offsets":[24,32]},"h":{"dtype":"F16","shape":[3],"data_offsets":[32,38]}})",
      std::string(38, 'd'));
  ASSERT_EQ(parse_safetensors(whole, "a").tensors.size(), 3u);
  for (std::size_t n = 0; n < whole.size(); ++n)
    expect_clear(error_of([&] { parse_safetensors(std::string(whole, 0, n), "a"); }));
  std::mt19937 random(7);
  int refused = 0;
  for (int i = 0; i < 10000; ++i) {
    const std::string error = error_of([&] { parse_safetensors(testing_io::mutated(whole, random), "a"); });
    if (error.empty()) continue;
    ++refused;
    expect_clear(error);
  }
  EXPECT_GT(refused, 6000);
}

TEST(StoredTensor, ConvertsBetweenFloatingTypesAndFromIntegers) {
  const StoredTensor i = Tensor<std::int64_t>({2}, 3);
  EXPECT_EQ(to_tensor<double>(i)[1], 3.0);
  EXPECT_EQ(to_tensor<std::int64_t>(i)[0], 3);
  EXPECT_THROW(to_tensor<std::uint8_t>(i), std::invalid_argument);
  EXPECT_EQ(to_tensor<float>(StoredTensor(Tensor<double>({1}, 0.1)))[0], 0.1f);
}

}  // namespace
}  // namespace lamina
