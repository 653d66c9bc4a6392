// Downloading CIFAR-10.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace lamina {

/// The archive's official address and its published MD5 digest.
inline constexpr const char* kCifar10Url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz";
inline constexpr const char* kCifar10Md5 = "c32a1d4ab5d03f1284b67883e8d87530";

struct FetchOptions {
  std::string url = kCifar10Url;  ///< http or https
  std::string md5 = kCifar10Md5;  ///< of the archive
  /// Called several times a second with the number of bytes on the disk and the archive's size (0 if unknown). May
  /// throw to stop the download, which can be resumed.
  std::function<void(std::int64_t done, std::int64_t total)> progress;
  int stall_seconds = 15;  ///< a connection without data for this long is closed
};

/// Downloads and unpacks CIFAR-10 to target_dir/cifar-10-batches-bin, and returns that directory. If the directory is
/// already there, or the archive with the right digest, nothing is downloaded. The download goes to
/// target_dir/cifar-10-binary.tar.gz.part; if it is interrupted, it is resumed by this call or a later one. Nothing is
/// unpacked before the digest has been checked, nothing is ever written outside target_dir, and the directory appears
/// in one step when all its files are complete. Throws std::runtime_error with one line on failure; without a network
/// after 15 seconds at most.
std::filesystem::path fetch_cifar10(const std::filesystem::path& target_dir, const FetchOptions& options = {});

}  // namespace lamina
