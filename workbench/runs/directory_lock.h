// One process at a time in a directory.
#pragma once

#include <filesystem>
#include <string_view>

namespace lamina {

/// Keeps a second process out of a run directory, for as long as this one lives. Throws std::runtime_error, tagged with
/// `where`, while another process holds it.
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
