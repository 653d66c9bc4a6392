// Downloading a file over HTTP; an interrupted download is resumed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace lamina {

/// Downloads `url` (http or https) to `path`. If the file already has some bytes, the download continues after them, or
/// starts again if the server does not support ranges. After a dropped connection it reconnects as long as data keep
/// arriving; a connection without data for `stall_seconds` is closed. Throws std::runtime_error with one line, and
/// leaves the bytes received so far in the file.
void download(std::string_view where, const std::string& url, const std::filesystem::path& path,
              const std::function<void(std::int64_t done, std::int64_t total)>& progress, int stall_seconds);

}  // namespace lamina
