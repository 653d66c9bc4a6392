// Replaces fetch.cc and download.cc in a build without LAMINA_DOWNLOAD.
#include "datasets/fetch.h"
#include "lamina/check.h"

namespace lamina {

std::filesystem::path fetch_cifar10(const std::filesystem::path& target_dir, const FetchOptions&) {
  fail_file("fetch_cifar10", target_dir, "expected a lamina that can download, got one built with LAMINA_DOWNLOAD=OFF");
}

}  // namespace lamina
