// What the fuzz targets share. A target is one file that defines read_input() and seeds(); fuzz.cc has the rest.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lamina/io/stored_tensor.h"

namespace lamina::fuzz {

/// Defined by the target: reads the bytes of a file that may be damaged or malicious. It may throw std::runtime_error
/// or std::invalid_argument, or an error that a target says it expects, of one line; all else is a finding.
void read_input(std::string_view bytes);
/// Defined by the target: the first inputs, which libFuzzer mutates, of a few hundred bytes each.
std::vector<std::string> seeds();

/// A finding: prints the line and aborts.
[[noreturn]] void found(std::string_view what);
/// A finding unless `good`.
inline void require(bool good, std::string_view what) {
  if (!good) found(what);
}

/// A new directory in $TMPDIR, for readers that want a path. It stays, as libFuzzer leaves no time to remove it.
const std::filesystem::path& directory();
/// Writes a file of that name into it.
std::filesystem::path file(const std::string& name, std::string_view bytes);
/// Its bytes.
std::string bytes_of(const std::filesystem::path& path);

/// Tensors that were read, as they are given to a writer.
inline std::vector<NamedStoredView> views_of(const std::vector<NamedStoredTensor>& tensors) {
  std::vector<NamedStoredView> views;
  for (const NamedStoredTensor& tensor : tensors)
    std::visit([&](const auto& value) { views.push_back({tensor.name, value}); }, tensor.value);
  return views;
}

}  // namespace lamina::fuzz
