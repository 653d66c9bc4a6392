// NumPy's .npz files: what is read, written and read again is the same. They are also read as data sets.
#include "datasets/npz.h"

#include "datasets/npz_dataset.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {
void read_input(std::string_view bytes) {
  const std::vector<NamedStoredTensor> arrays = parse_npz(bytes, "input");
  const std::vector<NamedStoredView> read = views_of(arrays);
  const std::filesystem::path path = directory() / "written.npz";
  write_npz(path, read, bytes.size() % 2 == 0);
  const std::vector<NamedStoredTensor> again = read_npz(path);
  require(again.size() == read.size(), "another number of arrays after writing");
  const std::vector<NamedStoredView> written = views_of(again);
  for (std::size_t i = 0; i < read.size(); ++i) {
    const auto& [name, value] = read[i];
    const auto& [other_name, other] = written[i];
    require(other_name == name && other.index() == value.index(), "another array after writing");
    require(shape_of(other) == shape_of(value) && bytes_of(other) == bytes_of(value), "other elements after writing");
  }

  const Dataset data = load_npz(file("input.npz", bytes));
  for (const Split* split : {&data.train, &data.val, &data.test}) {
    require(static_cast<Index>(split->y.size()) == split->size(), "another number of labels than of examples");
    for (const Label label : split->y)
      require(label >= 0 && label < static_cast<Label>(data.class_names.size()), "a label without a class");
  }
}

std::vector<std::string> seeds() {
  Tensor<std::uint8_t> images(Shape{3, 2, 2}, 7);
  Tensor<std::int64_t> labels(Shape{3}, 1);
  Tensor<float> numbers(Shape{3, 2}, 0.5f);
  std::vector<std::string> files;
  const std::filesystem::path path = directory() / "seed.npz";
  for (const StoredView& X : {StoredView(images), StoredView(numbers)}) {
    const std::vector<NamedStoredView> all = {{"X_train", X},    {"y_train", labels}, {"X_val", X},
                                              {"y_val", labels}, {"X_test", X},       {"y_test", labels}};
    for (const bool compress : {false, true}) {
      write_npz(path, all, compress);
      files.push_back(bytes_of(path));
    }
  }
  return files;
}

}  // namespace lamina::fuzz
