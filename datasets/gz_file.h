// A file read from its start, unpacked on the way where it is gzipped.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "lamina/tensor.h"

struct gzFile_s;

namespace lamina {

/// Throws unless `path` is a regular file that can be read; "[where] path: ...".
void check_regular_file(std::string_view where, const std::filesystem::path& path);

class GzFile {
 public:
  /// Throws std::runtime_error where the file cannot be opened.
  GzFile(std::string_view where, const std::filesystem::path& path);
  ~GzFile();
  GzFile(const GzFile&) = delete;
  GzFile& operator=(const GzFile&) = delete;

  /// The next bytes, unpacked: fewer than `size` only where the file ends, -1 where it is damaged or truncated; what
  /// is wrong is then in error(). The checksum is verified where the packed data ends.
  Index read(void* to, Index size);
  const std::string& error() const { return error_; }
  /// Whether the file is gzipped, rather than read as it is.
  bool packed();

 private:
  gzFile_s* file_;
  std::string error_;
};

}  // namespace lamina
