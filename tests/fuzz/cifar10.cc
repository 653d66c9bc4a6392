// CIFAR-10's binary files: what is read are the records. The input is the class names and, from byte 80 on, the file
// data_batch_1.bin; the other files are that of one record.
#include "datasets/cifar10.h"

#include <algorithm>

#include "tests/datasets/data_testing.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {
namespace {

constexpr std::size_t kNames = 80, kRecord = 3073;

}  // namespace

void read_input(std::string_view bytes) {
  const std::string_view names = bytes.substr(0, kNames);
  const std::string_view records = bytes.substr(names.size());
  const auto count = static_cast<int>(std::max<std::size_t>(1, records.size() / kRecord));
  file("batches.meta.txt", names);
  for (int i = 1; i < 5; ++i) file(testing::kCifarFiles[static_cast<std::size_t>(i)], testing::cifar_records(i, count));
  file("test_batch.bin", testing::cifar_records(5, 1));
  file("data_batch_1.bin", records);

  const Cifar10 read = read_cifar10(directory());
  require(read.class_names.size() == 10, "not ten class names");
  require(read.train.images.dim(0) == 5 * count && read.test.images.dim(0) == 1, "another number of images");
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    require(read.train.labels[i] == static_cast<Label>(records[i * kRecord]), "another label than the file has");
    const auto* pixels = reinterpret_cast<const std::uint8_t*>(records.data()) + i * kRecord + 1;
    require(std::equal(pixels, pixels + kRecord - 1, read.train.images.data() + i * (kRecord - 1)), "other pixels");
  }
  const Dataset data = split_dataset("CIFAR-10", read.class_names, read.train, read.test);
  require(data.train.size() + data.val.size() == 5 * count && data.test.size() == 1, "other splits");
}

std::vector<std::string> seeds() {
  const std::string names = testing::kCifarNames;
  const auto input = [&](int records) {
    return names + std::string(kNames - names.size(), '\n') + testing::cifar_records(0, records);
  };
  return {input(1), input(2)};
}

}  // namespace lamina::fuzz
