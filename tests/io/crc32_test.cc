// CRC-32 against published values, and against its definition bit by bit on every length and start.
#include "lamina/io/crc32.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace lamina {
namespace {

std::uint32_t bit_by_bit(std::string_view bytes) {
  std::uint32_t value = ~0u;
  for (const char c : bytes) {
    value ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0xEDB88320u : value >> 1;
  }
  return ~value;
}

TEST(Crc32, PublishedValues) {
  EXPECT_EQ(crc32(""), 0u);
  EXPECT_EQ(crc32("a"), 0xE8B7BE43u);
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);  // the catalogue's check value
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414FA339u);
}

TEST(Crc32, EveryLengthAndStart) {
  std::string bytes;
  for (std::uint32_t i = 0; i < 100; ++i) bytes.push_back(static_cast<char>(i * 2654435761u >> 24));
  for (std::size_t start = 0; start < 9; ++start)
    for (std::size_t length = 0; start + length <= bytes.size(); ++length) {
      const std::string_view part = std::string_view(bytes).substr(start, length);
      ASSERT_EQ(crc32(part), bit_by_bit(part)) << start << " " << length;
    }
}

}  // namespace
}  // namespace lamina
