// Writing a file so that it always holds either all of the old content or all of the new one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace lamina {

/// Writes `bytes` to `path`, by way of the temporary file ".NAME.tmp" in the same directory, which is synced to the
/// disk and then renamed to `path`. A process that is killed at any moment leaves the old file or the new one; if it
/// leaves a temporary file behind, the next write uses it again. Writers of the same path wait for each other. If
/// `path` is a symbolic link, the file that it points at is replaced. Throws std::runtime_error with one line (not
/// writable, no space, ...); the old file is then unchanged.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The same for bytes in several pieces, which are written one after the other.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> chunks);

/// The whole content of a file. Throws std::runtime_error with one line if the file cannot be read, is not a regular
/// file, or is larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uintmax_t max_bytes = std::uintmax_t{1} << 40);

}  // namespace lamina
