// What the tests of file formats share: a directory of their own, NumPy, damaged copies.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>

#include "lamina/io/atomic_file.h"

namespace lamina::testing_io {

/// A test with an empty directory that is removed at its end.
class InDirectory : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "lamina-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  /// Runs a Python program in the directory; true where it ends well.
  bool python(const std::string& program) const {
    write_file_atomically(dir_ / "program.py", program);
    return std::system(("cd '" + dir_.string() + "' && /usr/bin/python3 program.py").c_str()) == 0;
  }
  std::filesystem::path dir_;
};

/// The message of the std::runtime_error that a call throws; "" where it throws none.
inline std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

/// A message about a file is one printable line that says what was expected and what was found.
inline void expect_clear(const std::string& message) {
  EXPECT_NE(message.find("expected"), std::string::npos) << message;
  EXPECT_NE(message.find("got"), std::string::npos) << message;
  EXPECT_LT(message.size(), 1000u) << message;
  for (const char c : message) ASSERT_TRUE(c >= 0x20 && c < 0x7f) << message;
}

/// A copy of `bytes` with one to four changes: bits, bytes, a piece cut out, doubled or cut off.
inline std::string mutated(const std::string& bytes, std::mt19937& random) {
  std::string result = bytes;
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  const std::size_t changes = 1 + below(4);
  for (std::size_t i = 0; i < changes && !result.empty(); ++i) {
    const std::size_t at = below(result.size());
    switch (below(8)) {
      case 0:
        result.erase(at, 1 + below(16));
        break;
      case 1:
        result.insert(at, result.substr(at, 1 + below(16)));
        break;
      case 2:
        result.resize(at);
        break;
      case 3:
        result[at] = static_cast<char>(below(2) == 0 ? 0xff : 0);
        break;
      case 4:
        result[at] = static_cast<char>(random());
        break;
      default:
        result[at] = static_cast<char>(result[at] ^ (1 << below(8)));
    }
  }
  return result;
}

}  // namespace lamina::testing_io
