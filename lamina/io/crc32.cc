#include "lamina/io/crc32.h"

#include <array>
#include <cstddef>

namespace lamina {
namespace {

using Table = std::array<std::uint32_t, 256>;

// kTables[k][b] is the register after the byte b and k bytes of zeros, starting from 0. The register is linear over
// XOR, so eight bytes can be looked up at once, each in the table of its distance from the end ("slicing by eight").
constexpr std::array<Table, 8> make_tables() {
  std::array<Table, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xEDB88320u : 0u);
    tables[0][byte] = value;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 255];
  return tables;
}

constexpr std::array<Table, 8> kTables = make_tables();

}  // namespace

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t value = ~0u;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])); };
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    value ^= byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    value = kTables[7][value & 255] ^ kTables[6][value >> 8 & 255] ^ kTables[5][value >> 16 & 255] ^
            kTables[4][value >> 24] ^ kTables[3][byte(i + 4)] ^ kTables[2][byte(i + 5)] ^ kTables[1][byte(i + 6)] ^
            kTables[0][byte(i + 7)];
  }
  for (; i < bytes.size(); ++i) value = value >> 8 ^ kTables[0][(value ^ byte(i)) & 255];
  return ~value;
}

}  // namespace lamina
