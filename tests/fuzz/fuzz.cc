// The entry points that libFuzzer calls, and what the targets share.
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <typeinfo>

#include "lamina/threads.h"

namespace lamina::fuzz {

namespace fs = std::filesystem;

void found(std::string_view what) {
  std::fprintf(stderr, "FOUND: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

const fs::path& directory() {
  static const fs::path path = [] {
    std::string name = (fs::temp_directory_path() / "lamina-fuzz-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) found("no temporary directory");
    return name;
  }();
  return path;
}

fs::path file(const std::string& name, std::string_view bytes) {
  fs::path path = directory() / name;
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  require(static_cast<bool>(out.flush()), "a temporary file cannot be written");
  return path;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace lamina::fuzz

using namespace lamina::fuzz;

/// With --seeds=DIRECTORY it writes the seeds there, and nothing is fuzzed.
extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  lamina::set_num_threads(1);
  constexpr std::string_view kSeeds = "--seeds=";
  for (int i = 1; i < *count; ++i) {
    const std::string_view argument = (*arguments)[i];
    if (!argument.starts_with(kSeeds)) continue;
    const std::filesystem::path to = argument.substr(kSeeds.size());
    std::filesystem::create_directories(to);
    int number = 0;
    for (const std::string& seed : seeds()) {
      read_input(seed);  // throws where the seed is not one that is read
      std::ofstream out(to / ("seed-" + std::to_string(++number)), std::ios::binary);
      out << seed;
      require(static_cast<bool>(out.flush()), "a seed cannot be written");
    }
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    read_input({reinterpret_cast<const char*>(data), size});
  } catch (const std::exception& error) {
    const std::string what = error.what();
    if (typeid(error) != typeid(std::runtime_error) && typeid(error) != typeid(std::invalid_argument))
      found("an exception of type " + std::string(typeid(error).name()) + ": " + what);
    require(!what.empty() && std::none_of(what.begin(), what.end(), [](unsigned char c) { return c < ' '; }),
            "an error that is not one line: " + what);
  }
  return 0;
}
