// Which images a user's folder has, and of which classes: its layout, found without reading any image.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace lamina {

struct ImageFiles {
  using Classes = std::vector<std::vector<std::filesystem::path>>;  ///< the files of each class, ordered by name

  std::vector<std::string> class_names;
  Classes train, val, test;                ///< all in `train` if the folder has no split of its own
  bool has_val = false, has_test = false;  ///< whether the folder says what is for validation and for testing
};

/// Whether `directory` has a folder with an image in it, or below it.
bool holds_class_folders(const std::filesystem::path& directory);

/// Throws std::runtime_error with one line where images lie in `directory` itself: it says how to sort them.
void check_no_loose_images(const std::filesystem::path& directory);

/// The images of a directory with one folder for each class, or with a split: folders train, val (valid, validation)
/// and test that have the folders of the classes, in any case of letters. Both may also lie in a folder that is the
/// only one with images. A class's images may lie in folders below its own. `say`, if not empty, is called with one
/// line for each thing that the user may not expect: where the images were found (unless `only_warnings`), and what was
/// skipped. Throws std::runtime_error with one line for fewer than 2 classes, for a class without images, and for a
/// split with images but without the folders of classes.
ImageFiles find_image_files(const std::filesystem::path& directory,
                            const std::function<void(std::string_view line)>& say = {}, bool only_warnings = false);

}  // namespace lamina
