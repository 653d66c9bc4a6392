#include "datasets/npz.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "tests/io/io_checks.h"

namespace lamina {
namespace {

using testing_io::error_of;
using testing_io::expect_clear;

class NumPyFiles : public testing_io::InDirectory {};

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
  ASSERT_EQ(tensor->shape(), expected.shape());
  for (Index i = 0; i < expected.size(); ++i) ASSERT_EQ((*tensor)[i], expected[i]) << "at " << i;
}

struct Arrays {
  Tensor<float> w = counting<float>({16, 3, 7, 7}, -1, 0.001);
  Tensor<double> d = counting<double>({5}, 1, 1.0 / 3);
  Tensor<std::int64_t> i = counting<std::int64_t>({2, 3}, -(1LL << 40));
  Tensor<std::uint8_t> u = counting<std::uint8_t>({4, 1}, 252);
  Tensor<float> none = Tensor<float>(Shape{0, 3});
  std::vector<NamedStoredView> named() const { return {{"W_1", w}, {"d", d}, {"i", i}, {"u", u}, {"none", none}}; }
};

TEST_F(NumPyFiles, GoRound) {
  const Arrays arrays;
  for (const bool compress : {false, true}) {
    write_npz(dir_ / "a.npz", arrays.named(), compress);
    const auto got = read_npz(dir_ / "a.npz");
    ASSERT_EQ(got.size(), 5u);
    expect_same(find_tensor(got, "W_1"), arrays.w);
    expect_same(find_tensor(got, "d"), arrays.d);
    expect_same(find_tensor(got, "i"), arrays.i);
    expect_same(find_tensor(got, "u"), arrays.u);
    expect_same(find_tensor(got, "none"), arrays.none);
  }
  write_npy(dir_ / "w.npy", arrays.w);
  const StoredTensor w = read_npy(dir_ / "w.npy");
  expect_same(&w, arrays.w);
  write_npz(dir_ / "empty.npz", {});
  EXPECT_TRUE(read_npz(dir_ / "empty.npz").empty());
}

TEST_F(NumPyFiles, AreReadByNumPyAndReadWhatNumPyWrites) {
  const Arrays arrays;
  write_npz(dir_ / "stored.npz", arrays.named());
  write_npz(dir_ / "deflated.npz", arrays.named(), true);
  write_npy(dir_ / "w.npy", arrays.w);
  ASSERT_TRUE(python(R"(
import os, numpy as np
w = (-1 + 0.001 * np.arange(16 * 147)).astype(np.float32).reshape(16, 3, 7, 7)
for name in 'stored.npz', 'deflated.npz':
    z = np.load(name)
    assert sorted(z.files) == ['W_1', 'd', 'i', 'none', 'u'], z.files
    assert z['W_1'].dtype == np.float32 and np.array_equal(z['W_1'], w) and z['W_1'].flags.c_contiguous
    assert z['d'].dtype == np.float64 and np.array_equal(z['d'], 1 + 1.0 / 3 * np.arange(5))
    assert z['i'].dtype == np.int64 and np.array_equal(z['i'], -2**40 + np.arange(6).reshape(2, 3))
    assert z['u'].dtype == np.uint8 and np.array_equal(z['u'], [[252], [253], [254], [255]])
    assert z['none'].shape == (0, 3)
assert os.path.getsize('deflated.npz') < os.path.getsize('stored.npz')
assert np.array_equal(np.load('w.npy'), w) and np.array_equal(np.load('w.npy', mmap_mode='r'), w)
a = dict(w=w, turned=np.arange(24.0).reshape(4, 3, 2).T, i=np.int64([1, -2]), u=np.uint8([[3]]), scalar=np.float32(2.5))
np.savez('numpy.npz', **a)
np.savez_compressed('numpy_deflated.npz', **a)
np.savez('none.npz')
np.lib.format.write_array(open('v2.npy', 'wb'), w, version=(2, 0))
np.lib.format.write_array(open('v3.npy', 'wb'), w, version=(3, 0))
np.save('int32.npy', np.int32([1]))
np.save('big.npy', np.array([1.0], '>f8'))
np.save('records.npy', np.zeros(2, [('a', 'f4'), ('b', 'i4')]))
np.save('object.npy', np.array([{}], object), allow_pickle=True)
np.save('axes.npy', np.zeros((1,) * 7))
open('text.npz', 'w').write('no zip')
)"));
  for (const char* name : {"numpy.npz", "numpy_deflated.npz"}) {
    const auto got = read_npz(dir_ / name);
    expect_same(find_tensor(got, "w"), arrays.w);
    expect_same(find_tensor(got, "i"), counting<std::int64_t>({2}, 1, -3));
    expect_same(find_tensor(got, "u"), counting<std::uint8_t>({1, 1}, 3));
    expect_same(find_tensor(got, "scalar"), Tensor<float>({1}, 2.5f));
    Tensor<double> turned(Shape{2, 3, 4});
    for (Index i = 0; i < 4; ++i)
      for (Index j = 0; j < 3; ++j)
        for (Index k = 0; k < 2; ++k) turned(k, j, i) = static_cast<double>((i * 3 + j) * 2 + k);
    expect_same(find_tensor(got, "turned"), turned);
  }
  EXPECT_TRUE(read_npz(dir_ / "none.npz").empty());
  for (const char* name : {"v2.npy", "v3.npy"}) {
    const StoredTensor got = read_npy(dir_ / name);
    expect_same(&got, arrays.w);
  }
  for (const char* name : {"int32.npy", "big.npy", "records.npy", "object.npy", "axes.npy", "absent.npy"})
    expect_clear(error_of([&] { read_npy(dir_ / name); }));
  EXPECT_NE(error_of([&] { read_npy(dir_ / "big.npy"); }).find("got '>f8'"), std::string::npos);
  expect_clear(error_of([&] { read_npz(dir_ / "text.npz"); }));
  expect_clear(error_of([&] { read_npz(dir_ / "w.npy"); }));
}

TEST_F(NumPyFiles, RefuseNamesThatDoNotTravel) {
  const auto t = counting<float>({1});
  for (const char* name : {"", "a b", "\xc3\xa9", "a\n"})
    EXPECT_THROW(write_npz(dir_ / "a.npz", std::vector<NamedStoredView>{{name, t}}), std::invalid_argument);
  EXPECT_THROW(write_npz(dir_ / "a.npz", std::vector<NamedStoredView>{{"a", t}, {"a", t}}), std::invalid_argument);
}

std::string npy_with(const std::string& dictionary, const std::string& data) {
  const std::string header = dictionary + "\n";
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size()) + '\0' + header + data;
}

TEST(Npy, NamesWhatIsWrongInAHeader) {
  const std::string four = "1234";
  const auto error = [&](const std::string& dictionary) {
    return error_of([&] { parse_npy(npy_with(dictionary, four), "a.npy"); });
  };
  EXPECT_EQ(error("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"), "");
  EXPECT_EQ(error("{\"shape\":(),\"descr\":\"<f4\",\"fortran_order\":True}"), "");
  for (const char* dictionary : {
           "",
           "{",
           "{}",
           "{'descr': '<f4', 'fortran_order': False}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} 1",
           "{'descr': '<f4, 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}",
           "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967297)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976,)}",
       })
    expect_clear(error(dictionary));
}

TEST_F(NumPyFiles, DamagedOnesAreReadOrRefused) {
  const auto w = counting<float>({3, 5}, 0, 0.5);
  const auto i = counting<std::int64_t>({4});
  const std::vector<NamedStoredView> arrays = {{"w", w}, {"i", i}};
  write_npz(dir_ / "stored.npz", arrays);
  write_npz(dir_ / "deflated.npz", arrays, true);
  ASSERT_TRUE(python("import numpy as np\nnp.savez_compressed('numpy.npz', w=np.arange(15.0).reshape(3, 5))\n"));
  write_npy(dir_ / "w.npy", w);
  std::mt19937 random(11);
  for (const char* name : {"stored.npz", "deflated.npz", "numpy.npz", "w.npy"}) {
    SCOPED_TRACE(name);
    const std::string whole = read_file(dir_ / name);
    const bool archive = std::string(name) != "w.npy";
    const auto error = [&](const std::string& bytes) {
      return error_of([&] {
        if (archive)
          parse_npz(bytes, "a");
        else
          parse_npy(bytes, "a");
      });
    };
    ASSERT_EQ(error(whole), "");
    for (std::size_t n = 0; n < whole.size(); ++n) expect_clear(error(whole.substr(0, n)));
    for (int k = 0; k < (archive ? 4000 : 10000); ++k) {
      const std::string message = error(testing_io::mutated(whole, random));
      if (!message.empty()) expect_clear(message);
    }
  }
}

// A member that unpacks to far more than its array: refused before memory is spent on it.
TEST_F(NumPyFiles, ABombIsRefused) {
  ASSERT_TRUE(python(R"(
import io, zipfile, numpy as np
b = io.BytesIO(); np.save(b, np.zeros(4))
with zipfile.ZipFile('bomb.npz', 'w', zipfile.ZIP_DEFLATED) as z:
    with z.open('a.npy', 'w') as f:
        f.write(b.getvalue())
        for _ in range(64): f.write(bytes(1 << 20))
)"));
  const std::string error = error_of([&] { read_npz(dir_ / "bomb.npz"); });
  expect_clear(error);
  EXPECT_NE(error.find("expected 160 bytes"), std::string::npos) << error;
}

}  // namespace
}  // namespace lamina
