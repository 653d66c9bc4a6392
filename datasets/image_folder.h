// A user's own images: a directory with one folder a class, PNG and JPEG files of any size in each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "lamina/data/dataset.h"

namespace lamina {

struct ImageFolderOptions {
  Index height = 32, width = 32;  ///< all images are made this size, by fit_image
  Index channels = 0;             ///< 1 (grey), 3, or 0: 3 unless every image is grey
  std::uint32_t split_seed = 0;
  double val_fraction = 0.1, test_fraction = 0.1;  ///< of each class
  /// Told in one line how many entries were skipped: hidden ones, and what is neither PNG nor JPEG by its name.
  std::function<void(std::string_view line)> say = {};
};

/// Whether `directory` has a folder with a PNG or JPEG file in it.
bool is_image_folder(const std::filesystem::path& directory);

/// Classes are the folders in the order of their names (bytes compared). Each class's files, ordered by name, are
/// permuted by RandomState(split_seed), one class after the other; the first round(n val_fraction) of its n files are
/// for validation, the next round(n test_fraction) for testing, each at least 1 where n is 3 or more (of 2 files one is
/// for validation, where that has a share; a single one is for training). The training images are then permuted as a
/// whole, and their mean is subtracted from all. Throws std::runtime_error with one line that names the file for an
/// image that cannot be read, a folder without images, fewer than 2 folders, no validation image, or more than fit into
/// memory; std::invalid_argument for options out of range.
Dataset load_image_folder(const std::filesystem::path& directory, const ImageFolderOptions& options = {});

}  // namespace lamina
