// Reading a .tar.gz that nobody vouches for.
#pragma once

#include <memory>

#include "datasets/gz_file.h"

struct archive;

namespace lamina {

/// The regular files of a tar archive, plain or gzipped, one after the other. An archive that holds an absolute path, a
/// path with "..", a link, a device or anything else that is neither file nor directory, a file beyond 256 MiB, or
/// more than 1,000 entries, is refused: std::runtime_error with one line, as for a damaged one.
class ArchiveReader {
 public:
  ArchiveReader(std::string_view where, const std::filesystem::path& path);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// Goes to the next file; false at the end, where the archive's checksum was right.
  bool next();
  /// Relative path of this file inside the archive, without "." and "..".
  const std::filesystem::path& name() const { return name_; }
  /// Its size in bytes.
  Index size() const { return size_; }
  /// Its next bytes; fewer than `size` only at its end.
  Index read(void* to, Index size);

 private:
  struct Source;
  [[noreturn]] void fail_damaged();

  std::string where_;
  std::filesystem::path path_, name_;
  std::unique_ptr<Source> source_;
  archive* archive_ = nullptr;
  Index size_ = 0;
  int entries_ = 0;
};

}  // namespace lamina
