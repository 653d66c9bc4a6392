#include "datasets/fetch.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "datasets/archive.h"
#include "datasets/cifar10.h"
#include "datasets/download.h"
#include "lamina/check.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFetchCifar10 = "fetch_cifar10";
constexpr const char* kExtracted = "cifar-10-batches-bin";
constexpr const char* kArchive = "cifar-10-binary.tar.gz";
constexpr const char* kUnpacking = ".cifar-10-unpacking";
constexpr Index kLargestTotal = Index{1} << 30;

// Holds a lock on a directory, so that two programs do not fetch into it at the same time.
class Lock {
 public:
  explicit Lock(const fs::path& path) : descriptor_(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (descriptor_ < 0)
      fail_file(kFetchCifar10, path, "expected a directory to write to, found: ", std::strerror(errno));
    if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      close(descriptor_);
      fail_file(kFetchCifar10, path, "expected to be the only download into this directory, found another one at work");
    }
  }
  ~Lock() { close(descriptor_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int descriptor_;
};

// The MD5 of a file in lower-case hexadecimal digits; empty if it cannot be read.
std::string md5_of(const fs::path& path) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (!context || EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr) != 1)
    fail(kFetchCifar10, "expected MD5 from OpenSSL, which does not offer it here");
  std::ifstream file(path, std::ios::binary);
  if (!file) return {};
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(file.gcount()));
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_DigestFinal_ex(context.get(), digest, &length);
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", digest[i]);
    text += two;
  }
  return text;
}

// Whether the directory holds CIFAR-10's six files, all complete; if not, *why says why.
bool is_whole(const fs::path& directory, std::string* why) {
  try {
    read_cifar10(directory);
    return true;
  } catch (const std::exception& e) {
    *why = e.what();
    return false;
  }
}

void write_file(ArchiveReader& archive, const fs::path& to) {
  fs::create_directories(to.parent_path());
  const int descriptor = open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor < 0) fail_file(kFetchCifar10, to, "expected a new file, found: ", std::strerror(errno));
  std::vector<char> buffer(1 << 18);
  Index got;
  bool good = true;
  try {
    while (good && (got = archive.read(buffer.data(), static_cast<Index>(buffer.size()))) > 0)
      for (Index done = 0; good && done < got;) {
        const ssize_t wrote = write(descriptor, buffer.data() + done, static_cast<std::size_t>(got - done));
        good = wrote > 0 || (wrote < 0 && errno == EINTR);
        done += std::max<ssize_t>(wrote, 0);
      }
  } catch (...) {
    close(descriptor);
    throw;
  }
  good = good && fsync(descriptor) == 0;
  const int error = errno;
  close(descriptor);
  if (!good) fail_file(kFetchCifar10, to, "expected to write the unpacked file, found: ", std::strerror(error));
}

// Unpacks beside the target and moves the whole directory there when it is complete.
void unpack(const fs::path& archive_path, const fs::path& target_dir) {
  const fs::path beside = target_dir / kUnpacking;
  fs::remove_all(beside);
  fs::create_directory(beside);
  try {
    ArchiveReader archive(kFetchCifar10, archive_path);
    Index total = 0;
    while (archive.next()) {
      if ((total += archive.size()) > kLargestTotal)
        fail_file(kFetchCifar10, archive_path, "expected at most 1 GiB of unpacked files, found more");
      write_file(archive, beside / archive.name());
    }
    if (std::string why; !is_whole(beside / kExtracted, &why))
      fail_file(kFetchCifar10, archive_path, "expected CIFAR-10 in a folder ", kExtracted, ", found: ", why);
    fs::rename(beside / kExtracted, target_dir / kExtracted);
  } catch (...) {
    std::error_code error;
    fs::remove_all(beside, error);
    throw;
  }
  std::error_code error;
  fs::remove_all(beside, error);
}

}  // namespace

fs::path fetch_cifar10(const fs::path& target_dir, const FetchOptions& options) try {
  const fs::path directory = target_dir / kExtracted, archive = target_dir / kArchive;
  const auto lies_there = [&] {
    if (!fs::exists(directory)) return false;
    if (std::string why; !is_whole(directory, &why))
      fail_file(kFetchCifar10, directory, "expected a whole CIFAR-10 or nothing, found: ", why,
                " (remove it to fetch it anew)");
    return true;
  };
  if (lies_there()) return directory;

  fs::create_directories(target_dir);
  const fs::path part = archive.string() + ".part";
  const Lock lock(target_dir);
  if (lies_there()) return directory;
  if (fs::exists(archive) && md5_of(archive) == options.md5) {
    unpack(archive, target_dir);
    return directory;
  }
  if (!fs::exists(part) || md5_of(part) != options.md5) {
    try {
      download(kFetchCifar10, options.url, part, options.progress, options.stall_seconds);
    } catch (...) {
      std::error_code error;
      if (fs::file_size(part, error) == 0) fs::remove(part, error);
      throw;
    }
  }
  if (const std::string found = md5_of(part); found != options.md5) {
    fs::remove(part);
    fail_file(kFetchCifar10, options.url, "expected an archive with MD5 ", options.md5, ", found ", found);
  }
  try {
    unpack(part, target_dir);
  } catch (...) {
    std::error_code error;
    fs::remove(part, error);
    throw;
  }
  fs::remove(part);
  return directory;
} catch (const std::system_error& e) {
  fail_file(kFetchCifar10, target_dir, "expected a directory to write to, found: ", e.code().message());
}

}  // namespace lamina
