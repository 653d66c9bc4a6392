// A lock that lets only one process at a time use a run directory.
#pragma once

#include <filesystem>
#include <string_view>

namespace lamina {

/// Locks a run directory against other processes for as long as this object lives. Throws std::runtime_error, tagged
/// with `where`, if another process holds the lock.
class DirectoryLock {
 public:
  DirectoryLock(std::string_view where, const std::filesystem::path& directory);
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

 private:
  int file_;
};

}  // namespace lamina
