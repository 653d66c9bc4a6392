// One file over HTTP, resumed where it broke off.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace lamina {

/// Downloads `url` (http or https) to `path`, going on behind the bytes that lie there already (from the start where
/// the server has no ranges). A dropped connection is taken up again as long as it brings something; one that brings
/// nothing for `stall_seconds` is given up. Throws std::runtime_error with one line; the bytes stay where they are.
void download(std::string_view where, const std::string& url, const std::filesystem::path& path,
              const std::function<void(std::int64_t done, std::int64_t total)>& progress, int stall_seconds);

}  // namespace lamina
