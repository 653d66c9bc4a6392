#include "lamina/check.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace lamina {
namespace {

template <class... Parts>
std::string mistake(const Parts&... parts) {
  try {
    fail("f", parts...);
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
}

TEST(Check, WritesEachKindOfPart) {
  const std::string text = "text";
  EXPECT_EQ(mistake(), "[f] ");
  EXPECT_EQ(mistake("got ", text, ' ', std::string_view("abc").substr(1), '\''), "[f] got text bc'");
  EXPECT_EQ(mistake(-3, " ", 4u, " ", std::size_t{5}, " ", Index{-6}, " ", Label{7}, " ", short{8}),
            "[f] -3 4 5 -6 7 8");
  EXPECT_EQ(mistake(std::numeric_limits<std::uint64_t>::max(), " ", std::numeric_limits<std::int64_t>::min()),
            "[f] 18446744073709551615 -9223372036854775808");
  EXPECT_EQ(mistake(Shape{2, 3}, " ", Shape{5}, " ", Shape{}), "[f] (2, 3) (5,) ()");
  EXPECT_EQ(mistake(std::filesystem::path("a/b c")), "[f] a/b c");
}

TEST(Check, WritesOneLineWhateverWasFound) {
  EXPECT_EQ(mistake("got 'a\r\nb\x1b[31m", std::string(1, '\0'), '\t', "\x7f", "\xc3\xa9'"),
            "[f] got 'a  b [31m   \xc3\xa9'");
  EXPECT_THROW(
      try { fail_file("f", std::filesystem::path("a\nb"), "c\n"); } catch (const std::runtime_error& e) {
        EXPECT_STREQ(e.what(), "[f] a b: c ");
        throw;
      },
      std::runtime_error);
}

TEST(Check, WritesNumbersAsStreamsDo) {
  for (const double value : {0.0, -0.5, 1.0 / 3, 1e-7, 123456789.0, 1e300, HUGE_VAL, -HUGE_VAL, std::nan("")}) {
    std::ostringstream stream;
    stream << "[f] " << value << ' ' << static_cast<float>(value);
    EXPECT_EQ(mistake(value, " ", static_cast<float>(value)), stream.str());
  }
}

TEST(Check, FailFileNamesThePath) {
  const auto message = [](const auto& path) {
    try {
      fail_file("read", path, "expected ", 3, " bytes, got ", 2);
    } catch (const std::runtime_error& e) {
      return std::string(e.what());
    }
  };
  EXPECT_EQ(message(std::filesystem::path("a/b")), "[read] a/b: expected 3 bytes, got 2");
  EXPECT_EQ(message(std::string("c")), "[read] c: expected 3 bytes, got 2");
}

TEST(Check, CheckShapeThrowsForAnotherShapeAlone) {
  EXPECT_NO_THROW(check_shape("f", "x", {2, 3}, {2, 3}, "w"));
  try {
    check_shape("f", "x", {2, 3}, {3, 2}, "w (3, 2)");
    ADD_FAILURE() << "expected an error";
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ(e.what(), "[f] expected x of shape (3, 2) to match w (3, 2), got (2, 3)");
  }
}

}  // namespace
}  // namespace lamina
