// MNIST, Fashion-MNIST and other sets in the IDX format (LeCun, Cortes and Burges): two zero bytes, the type 0x08
// (bytes), the number of axes, their lengths as big-endian 32-bit numbers, and the bytes, plain or gzipped.
#pragma once

#include <filesystem>

#include "lamina/data/dataset.h"

namespace lamina {

/// Whether `directory` holds the training images of an IDX set.
bool is_idx(const std::filesystem::path& directory);

/// Reads one IDX file of bytes with 1 to 4 axes, gzipped or not. Throws std::runtime_error with one line that names
/// the file, what was expected and what was found.
Tensor<std::uint8_t> read_idx(const std::filesystem::path& file);

/// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (each also
/// with .gz, or with a dot before "idx"; or EMNIST's names, emnist-letters-train-images-idx3-ubyte) from a directory,
/// in the course's splits (59,000 / 1,000 / 1,000), as images (N, 1, H, W). `name` is "MNIST", "Fashion-MNIST", or
/// another name, for classes "0" to the largest label; if it is empty, the directory's path decides. If the directory
/// has a file class-names.txt, its lines are the classes' names. Throws std::runtime_error with one line as read_idx
/// does, and if there are fewer names than classes.
Dataset load_idx(const std::filesystem::path& directory, std::string name = {});

}  // namespace lamina
