#include "lamina/io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include "lamina/check.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// The temporary file, empty and locked. While this waited for the lock, the file may have been renamed or removed; the
// name is then opened once more.
Descriptor open_temporary(const fs::path& path, const fs::path& temporary) {
  for (int attempt = 0; attempt < 10000; ++attempt) {
    Descriptor file(
        retried([&] { return ::open(temporary.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666); }));
    if (file.get() < 0)
      fail_file("write_file", path, "expected a place that can be written to, got: ", reason(errno), " (",
                temporary.string(), ")");
    retried([&] { return ::flock(file.get(), LOCK_EX); });  // without a lock if the file system has none
    struct stat opened {};
    struct stat named {};
    const bool same = ::fstat(file.get(), &opened) == 0 && ::lstat(temporary.c_str(), &named) == 0 &&
                      opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
    if (!same) continue;
    if (retried([&] { return ::ftruncate(file.get(), 0); }) != 0)
      fail_file("write_file", path, "expected a file that can be emptied, got: ", reason(errno));
    return file;
  }
  fail_file("write_file", path, "expected ", temporary.string(), " to stay in place, got another file each time");
}

void write_all(int fd, std::string_view bytes) {
  constexpr std::size_t kLargest = std::size_t{1} << 30;
  while (!bytes.empty()) {
    const ssize_t n = retried([&] { return ::write(fd, bytes.data(), std::min(bytes.size(), kLargest)); });
    if (n < 0) throw std::system_error(errno, std::generic_category());
    if (n == 0) throw std::system_error(ENOSPC, std::generic_category());
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(path, std::span<const std::string_view>(&bytes, 1));
}

void write_file_atomically(const fs::path& path, std::span<const std::string_view> chunks) {
  std::error_code error;
  fs::path target = path;
  if (fs::is_symlink(path, error)) {
    target = fs::weakly_canonical(path, error);
    if (error) fail_file("write_file", path, "expected a link to a file, got: ", error.message());
  }
  if (!target.has_filename()) fail_file("write_file", path, "expected the name of a file, got that of a directory");
  if (fs::exists(target, error) && !fs::is_regular_file(target, error))
    fail_file("write_file", path, "expected a file or nothing under this name, got a directory or a device");

  const fs::path directory = target.has_parent_path() ? target.parent_path() : fs::path(".");
  fs::path temporary = directory / ("." + target.filename().string() + ".tmp");
  const Descriptor file = open_temporary(path, temporary);
  try {
    for (const std::string_view chunk : chunks) write_all(file.get(), chunk);
    const auto require = [](int result) {
      if (result != 0) throw std::system_error(errno, std::generic_category());
    };
    require(retried([&] { return ::fsync(file.get()); }));
    require(::rename(temporary.c_str(), target.c_str()));
  } catch (const std::system_error& e) {
    ::unlink(temporary.c_str());
    fail_file("write_file", path, "expected to write the whole file, got: ", reason(e.code().value()));
  }
  // The new name is durable only when the directory is on the disk too. Some file systems cannot sync directories.
  const Descriptor place(retried([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (place.get() >= 0 && retried([&] { return ::fsync(place.get()); }) != 0 && errno == EIO)
    fail_file("write_file", path, "expected to sync the directory, got: ", reason(EIO));
}

std::string read_file(const fs::path& path, std::uintmax_t max_bytes) {
  // Non-blocking, so that a pipe without a writer is refused instead of hanging.
  const Descriptor file(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }));
  if (file.get() < 0) fail_file("read_file", path, "expected a file that can be read, got: ", reason(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_file("read_file", path, "expected a file, got: ", reason(errno));
  if (!S_ISREG(status.st_mode)) fail_file("read_file", path, "expected a regular file, got a directory or a device");
  const auto size = static_cast<std::uintmax_t>(status.st_size);
  if (size > max_bytes) fail_file("read_file", path, "expected at most ", max_bytes, " bytes, got ", size);
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t n = retried([&] { return ::read(file.get(), bytes.data() + at, bytes.size() - at); });
    if (n < 0) fail_file("read_file", path, "expected ", size, " bytes, got: ", reason(errno));
    if (n == 0) fail_file("read_file", path, "expected ", size, " bytes, got ", at, ": the file shrank");
    at += static_cast<std::size_t>(n);
  }
  return bytes;
}

}  // namespace lamina
