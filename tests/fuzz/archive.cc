// CIFAR-10 in a tar archive, plain or gzipped. The input is an archive without its end and without checksums: they
// are put in, so that changes reach what is behind them.
#include <cstdio>

#include "datasets/cifar10.h"
#include "tests/datasets/data_testing.h"
#include "tests/fuzz/fuzz.h"

namespace lamina::fuzz {
namespace {

// With right checksums wherever an entry that an earlier one announces begins.
std::string with_right_checksums(std::string bytes) {
  constexpr std::size_t kBlock = 512;
  for (std::size_t at = 0; at + kBlock <= bytes.size();) {
    bytes.replace(at + 148, 8, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < kBlock; ++i) sum += static_cast<unsigned char>(bytes[at + i]);
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    bytes.replace(at + 148, 7, text, 7);
    const unsigned long size = std::strtoul(bytes.substr(at + 124, 11).c_str(), nullptr, 8);
    if (size > bytes.size()) break;
    at += kBlock + (size + kBlock - 1) / kBlock * kBlock;
  }
  return bytes;
}

}  // namespace

void read_input(std::string_view bytes) {
  const bool packed = bytes.starts_with("\x1f\x8b");
  const std::string tar =
      packed ? std::string(bytes) : with_right_checksums(std::string(bytes)) + std::string(1024, '\0');
  const Cifar10 read = read_cifar10(file("input.tar.gz", tar));
  require(read.class_names.size() == 10, "not ten class names");
  for (const LabelledImages* images : {&read.train, &read.test}) {
    require(images->images.dim(0) == static_cast<Index>(images->labels.size()), "another number of labels");
    for (const Label label : images->labels) require(label >= 0 && label < 10, "a label without a class");
  }
}

std::vector<std::string> seeds() {
  const std::string tar = testing::tar(testing::cifar_entries(1, 1));
  return {tar.substr(0, tar.size() - 1024), testing::gzip(tar)};
}

}  // namespace lamina::fuzz
