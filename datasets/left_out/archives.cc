// Replaces gz_file.cc, archive.cc and npz.cc in a build without LAMINA_ARCHIVES: plain files are read, compressed ones
// are rejected.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "datasets/archive.h"
#include "datasets/gz_file.h"
#include "datasets/npz.h"
#include "lamina/check.h"

struct gzFile_s {  // zlib's name for what GzFile holds
  std::FILE* stream;
};

namespace lamina {
namespace {

[[noreturn]] void left_out(std::string_view where, const std::filesystem::path& path, const char* what) {
  fail_file(where, path, "expected a lamina that reads and writes ", what,
            " files, got one built with LAMINA_ARCHIVES=OFF");
}

}  // namespace

GzFile::GzFile(std::string_view where, const std::filesystem::path& path) {
  check_regular_file(where, path);
  std::FILE* const stream = std::fopen(path.c_str(), "rb");
  if (stream == nullptr) fail_file(where, path, "expected a readable file, found: ", std::strerror(errno));
  const int first = std::getc(stream);
  const int second = std::getc(stream);
  std::rewind(stream);
  if (first == 0x1f && second == 0x8b) {
    std::fclose(stream);
    left_out(where, path, "gzipped");
  }
  file_ = new gzFile_s{stream};
}

GzFile::~GzFile() {
  std::fclose(file_->stream);
  delete file_;
}

Index GzFile::read(void* to, Index size) {
  const auto done = static_cast<Index>(std::fread(to, 1, static_cast<std::size_t>(size), file_->stream));
  if (std::ferror(file_->stream) == 0) return done;
  error_ = std::strerror(errno);
  return -1;
}

bool GzFile::packed() { return false; }

struct ArchiveReader::Source {};

ArchiveReader::ArchiveReader(std::string_view where, const std::filesystem::path& path) {
  left_out(where, path, ".tar.gz");
}
ArchiveReader::~ArchiveReader() = default;
bool ArchiveReader::next() { return false; }
Index ArchiveReader::read(void*, Index) { return 0; }

std::vector<NamedStoredTensor> read_npz(const std::filesystem::path& path) { left_out("read_npz", path, ".npz"); }
std::vector<NamedStoredTensor> parse_npz(std::string_view, const std::filesystem::path& name) {
  left_out("read_npz", name, ".npz");
}
void write_npz(const std::filesystem::path& path, std::span<const NamedStoredView>, bool) {
  left_out("write_npz", path, ".npz");
}

}  // namespace lamina
