// Reading a file from its start; a gzipped file is decompressed on the way.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "lamina/check.h"
#include "lamina/tensor.h"

struct gzFile_s;

namespace lamina {

/// Throws std::runtime_error, "[where] path: ...", unless `path` is a regular file.
inline void check_regular_file(std::string_view where, const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) fail_file(where, path, "expected a file, found none");
  if (!std::filesystem::is_regular_file(status)) fail_file(where, path, "expected a file, found something else");
}

class GzFile {
 public:
  /// Throws std::runtime_error if the file cannot be opened.
  GzFile(std::string_view where, const std::filesystem::path& path);
  ~GzFile();
  GzFile(const GzFile&) = delete;
  GzFile& operator=(const GzFile&) = delete;

  /// Reads the next bytes, decompressed. Returns fewer than `size` only at the end of the file, and -1 if the data is
  /// damaged or truncated; error() then says what is wrong. The checksum is verified at the end of the compressed data.
  Index read(void* to, Index size);
  const std::string& error() const { return error_; }
  /// Whether the file is gzipped.
  bool packed();

 private:
  gzFile_s* file_;
  std::string error_;
};

}  // namespace lamina
