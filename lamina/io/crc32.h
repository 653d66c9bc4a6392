// CRC-32, the checksum of zip, PNG and gzip files.
#pragma once

#include <cstdint>
#include <string_view>

namespace lamina {

/// CRC-32 of `bytes` (ISO-HDLC: polynomial 0x04C11DB7, bits reflected, all bits inverted before and after); 0 for no
/// bytes.
std::uint32_t crc32(std::string_view bytes);

}  // namespace lamina
