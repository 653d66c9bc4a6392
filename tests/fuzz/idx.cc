// IDX files, plain or gzipped: a plain one that is read holds what it says. Images and labels also go into a data set.
#include "datasets/idx.h"

#include <algorithm>

#include "tests/datasets/data_testing.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {

void read_input(std::string_view bytes) {
  const Tensor<std::uint8_t> read = read_idx(file("input", bytes));
  std::vector<std::uint32_t> lengths;
  for (const Index length : read.shape()) lengths.push_back(static_cast<std::uint32_t>(length));
  const std::string written = testing::idx(lengths, std::string(read.begin(), read.end()));
  require(bytes.starts_with("\x1f\x8b") || bytes == written, "other numbers than the file has");

  // The file with others that fit it.
  const bool images = read.rank() != 1;
  if ((images && read.rank() != 3) || read.dim(0) > 1000) return;
  for (const std::string part : {"train", "t10k"}) {
    file(part + "-images-idx3-ubyte", images ? std::string(bytes) : testing::idx_images(lengths[0]));
    file(part + "-labels-idx1-ubyte", images ? testing::idx_labels(lengths[0]) : std::string(bytes));
  }
  const Dataset data = load_idx(directory());
  const Index all = data.train.size() + data.val.size();
  require(all == read.dim(0) && data.test.size() == std::min<Index>(all, 1000), "other splits than the files make");
  for (const Split* split : {&data.train, &data.val, &data.test})
    for (const Label label : split->y)
      require(label >= 0 && label < static_cast<Label>(data.class_names.size()), "a label without a class");
}

std::vector<std::string> seeds() {
  return {testing::idx_images(3), testing::idx_labels(5), testing::gzip(testing::idx_images(4)),
          testing::gzip(testing::idx_labels(20)), testing::idx({2, 1, 2, 3}, std::string(12, '\1'))};
}

}  // namespace lamina::fuzz
