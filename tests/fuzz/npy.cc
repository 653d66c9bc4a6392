// NumPy's .npy files: what is read, written and read again is the same.
#include "datasets/npz.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {

void read_input(std::string_view bytes) {
  const StoredTensor read = parse_npy(bytes, "input");
  const std::filesystem::path path = directory() / "written";
  std::visit([&](const auto& tensor) { write_npy(path, tensor); }, read);
  const StoredTensor again = read_npy(path);
  const auto content = [](const StoredTensor& tensor) {
    return std::visit([](const auto& x) { return std::string(bytes_of(StoredView(x))); }, tensor);
  };
  require(again.index() == read.index() && shape_of(again) == shape_of(read), "another array after writing");
  require(content(again) == content(read), "other elements after writing");
}

std::vector<std::string> seeds() {
  const std::filesystem::path path = directory() / "seed";
  write_npy(path, Tensor<double>(Shape{2, 3}, 0.5));
  const std::string header = "{\"shape\":(2,3,1),\"descr\":\"<i8\",\"fortran_order\":True}";
  return {bytes_of(path), std::string("\x93NUMPY\2\0", 8) + static_cast<char>(header.size()) + std::string(3, '\0') +
                              header + std::string("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0", 24) +
                              std::string(24, '\xff')};
}

}  // namespace lamina::fuzz
