// Reading a .tar.gz that may be damaged or malicious.
#pragma once

#include <memory>

#include "datasets/gz_file.h"

struct archive;

namespace lamina {

/// Reads the regular files of a tar archive, plain or gzipped, one after the other. Throws std::runtime_error with one
/// line for a damaged archive, and for one that holds an absolute path, a path with "..", a link, a device or anything
/// else that is neither a file nor a directory, a file of more than 256 MiB, or more than 1,000 entries.
class ArchiveReader {
 public:
  ArchiveReader(std::string_view where, const std::filesystem::path& path);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// Moves to the next file. Returns false at the end, after the archive's checksum has been verified.
  bool next();
  /// Relative path of this file inside the archive, without "." and "..".
  const std::filesystem::path& name() const { return name_; }
  /// Its size in bytes.
  Index size() const { return size_; }
  /// Reads its next bytes and returns their number, less than `size` only at the end of the file.
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
