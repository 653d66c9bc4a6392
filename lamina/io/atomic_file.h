// Files that are either wholly the old one or wholly the new one, whatever happens while they are written.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace lamina {

/// Writes `bytes` to `path`: to the temporary file ".NAME.tmp" in the same directory, which is synced to the disk and
/// renamed over `path`. A process killed at any moment leaves the old file or the new one; a temporary file that it
/// left behind is used again by the next write. Writers of the same path wait for each other. Where `path` is a
/// symbolic link, the file that it points at is replaced. Throws std::runtime_error with one line (not writable, no
/// space, ...); the old file then stands as it was.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The same for bytes that lie in several pieces, written one after another.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> chunks);

/// The whole file. Throws std::runtime_error with one line where it cannot be read, is not a regular file, or is larger
/// than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uintmax_t max_bytes = std::uintmax_t{1} << 40);

}  // namespace lamina
