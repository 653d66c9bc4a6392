// CIFAR-10 (Krizhevsky, 2009) in its official binary layout: five training files and a test file of records, each
// one byte of label, 0 to 9, then 3,072 bytes of image: 32 x 32 red, then green, then blue, row by row.
#pragma once

#include <filesystem>

#include "lamina/data/dataset.h"

namespace lamina {

/// All images of the files, before they are split.
struct Cifar10 {
  LabelledImages train, test;  ///< images (N, 3, 32, 32)
  std::vector<std::string> class_names;
};

/// Whether `path` looks like CIFAR-10: a directory that holds data_batch_1.bin or a folder cifar-10-batches-bin, or a
/// file whose name ends in .tar.gz. The contents are not checked.
bool is_cifar10(const std::filesystem::path& path);

/// Throws std::runtime_error, with the way on, if `path` is, or is a directory that holds, CIFAR-10 in its version for
/// Python or CIFAR-100, or if it is a single file of one of them or of CIFAR-10.
void refuse_other_cifar(const std::filesystem::path& path);

/// Reads a directory (or its folder cifar-10-batches-bin) with data_batch_1.bin to data_batch_5.bin, test_batch.bin
/// and, if present, batches.meta.txt with the class names; or the official cifar-10-binary.tar.gz, unpacked in memory.
/// A file may hold any whole number of records up to 100,000 (officially 10,000), the same in all five training files.
/// Throws std::runtime_error with one line that names the file, what was expected and what was found.
Cifar10 read_cifar10(const std::filesystem::path& path);

/// The same, in the course's splits (49,000 / 1,000 / 1,000 of the official files).
Dataset load_cifar10(const std::filesystem::path& path);

}  // namespace lamina
