// A user's own images: a directory with one folder for each class, with PNG and JPEG files of any size, or with a split
// of such folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "lamina/data/dataset.h"

namespace lamina {

struct ImageFolderOptions {
  Index height = 32, width = 32;  ///< all images are made this size, by fit_image
  Index channels = 0;             ///< 1 (grey), 3 (RGB), or 0: 1 if every image is grey, else 3
  std::uint32_t split_seed = 0;
  double val_fraction = 0.1, test_fraction = 0.1;  ///< of each class, where the folder does not say what is for which
  bool skip_broken = false;                        ///< leave out images that cannot be read, instead of failing
  std::string_view remedy = "--skip-broken leaves out those that cannot";  ///< what to do about them, for the error
  bool only_warnings = false;  ///< `say` is not called to tell where the images were found
  /// Called with lines that say where the images were found and what was skipped (image_files.h).
  std::function<void(std::string_view line)> say = {};
};

/// Whether `directory` has a folder with an image in it, or below it.
bool is_image_folder(const std::filesystem::path& directory);

/// Whether load_image_folder would give images for testing. No image is read; errors are its errors.
bool has_test_images(const std::filesystem::path& directory, const ImageFolderOptions& options = {});

/// The classes are the folders, in the order of their names (compared by bytes); image_files.h says where they may lie,
/// and how a folder gives a split of its own. Otherwise the files of each class, ordered by path, are permuted by
/// RandomState(split_seed), one class after the other. Of the n files of a class the first round(n val_fraction) are
/// for validation and the next round(n test_fraction) for testing; each is at least 1 if n is 3 or more. Of 2 files one
/// is for validation, if val_fraction is above 0; a single file is for training. A split with images for testing but
/// none for validation has these held out of its training images in the same way. Finally all training images are
/// permuted together, and their mean is subtracted from all images. Images that cannot be read and are skipped are as
/// if they were not there. Throws std::runtime_error with one line that names the file or folder for an image that
/// cannot be read, a folder without images that can, fewer than 2 folders, no validation image, and more images than
/// fit into memory; std::invalid_argument for options out of range.
Dataset load_image_folder(const std::filesystem::path& directory, const ImageFolderOptions& options = {});

}  // namespace lamina
