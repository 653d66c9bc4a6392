#include "datasets/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <vector>

#include "lamina/check.h"

namespace lamina {
namespace {
constexpr Index kLargestFile = Index{256} << 20;
constexpr Index kLargestTail = Index{16} << 20;
constexpr int kMostEntries = 1000;

// The text with all but printable ASCII characters replaced, so that it is safe to print in one line on a terminal.
std::string plain(std::string text) {
  for (char& c : text)
    if (c < ' ' || c > '~') c = '?';
  return text;
}

}  // namespace

struct ArchiveReader::Source {
  Source(std::string_view where, const std::filesystem::path& path) : file(where, path), buffer(1 << 17) {}
  GzFile file;
  std::vector<char> buffer;
};

ArchiveReader::ArchiveReader(std::string_view where, const std::filesystem::path& path)
    : where_(where), path_(path), source_(std::make_unique<Source>(where, path)), archive_(archive_read_new()) {
  if (archive_ == nullptr) fail_file(where_, path_, "out of memory");
  const auto read = [](archive* a, void* client, const void** bytes) -> la_ssize_t {
    Source& source = *static_cast<Source*>(client);
    *bytes = source.buffer.data();
    const Index got = source.file.read(source.buffer.data(), static_cast<Index>(source.buffer.size()));
    if (got < 0) archive_set_error(a, EIO, "%s", source.file.error().c_str());
    return got;
  };
  archive_read_support_format_tar(archive_);
  if (archive_read_open(archive_, source_.get(), nullptr, read, nullptr) != ARCHIVE_OK) {
    const std::string error = archive_error_string(archive_) ? archive_error_string(archive_) : "unknown format";
    archive_read_free(archive_);
    fail_file(where_, path_, "expected a .tar.gz archive, found: ", error);
  }
}

ArchiveReader::~ArchiveReader() { archive_read_free(archive_); }

void ArchiveReader::fail_damaged() {
  const char* error = archive_error_string(archive_);
  fail_file(where_, path_, "expected a .tar.gz archive, found: ", error ? error : "damaged data");
}

bool ArchiveReader::next() {
  for (;;) {
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(archive_, &entry);
    if (result == ARCHIVE_EOF) {
      // What is left is padding; reading it verifies the checksum of the packed data.
      Index got, tail = 0;
      while ((got = source_->file.read(source_->buffer.data(), static_cast<Index>(source_->buffer.size()))) > 0)
        if ((tail += got) > kLargestTail) fail_file(where_, path_, "expected the archive's end, found more data");
      if (got < 0) fail_file(where_, path_, "expected a .tar.gz archive, found: ", source_->file.error());
      return false;
    }
    if (result < ARCHIVE_WARN) fail_damaged();
    if (++entries_ > kMostEntries) fail_file(where_, path_, "expected at most ", kMostEntries, " files, found more");

    const char* name = archive_entry_pathname(entry);
    if (name == nullptr || *name == '\0') fail_file(where_, path_, "expected named files, found one without a name");
    const auto refuse = [&](const char* expected, const char* found) {
      fail_file(where_, path_, "expected ", expected, ", found ", found, " '", plain(name), "'");
    };
    const std::filesystem::path raw(name);
    if (raw.is_absolute()) refuse("relative paths", "the absolute path");
    name_.clear();
    for (const auto& part : raw) {
      if (part == "..") refuse("paths that stay inside the archive", "the path");
      if (part != "." && !part.empty()) name_ /= part;
    }
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_filetype(entry) == AE_IFLNK)
      refuse("files and directories only", "the link");
    if (archive_entry_filetype(entry) == AE_IFDIR) continue;
    if (archive_entry_filetype(entry) != AE_IFREG) refuse("files and directories only", "the special file");
    if (name_.empty()) refuse("named files", "the path");
    size_ = archive_entry_size(entry);
    if (size_ < 0 || size_ > kLargestFile) refuse("files of at most 256 MiB", "a larger one,");
    return true;
  }
}

Index ArchiveReader::read(void* to, Index size) {
  Index done = 0;
  while (done < size) {
    const la_ssize_t got =
        archive_read_data(archive_, static_cast<char*>(to) + done, static_cast<std::size_t>(size - done));
    if (got < 0) fail_damaged();
    if (got == 0) break;
    done += got;
  }
  return done;
}

}  // namespace lamina
