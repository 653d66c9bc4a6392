// Finding and loading a data set by its name.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "datasets/fetch.h"
#include "datasets/image_folder.h"
#include "datasets/table.h"
#include "lamina/data/dataset.h"

namespace lamina {

struct LoadOptions {
  /// Called with one line for the user: that CIFAR-10 is being downloaded, or why "auto" uses another set.
  std::function<void(std::string_view line)> say;
  /// For the download that "auto" may start.
  FetchOptions fetch;
  /// For a directory with one folder for each class; its `say` is replaced by the one above.
  ImageFolderOptions images;
  /// For a table; its `say` is replaced likewise.
  TableOptions table;
};

/// The directory where downloaded data sets are put, and where they are looked for first: the first of `data_dir`
/// (--data-dir), $LAMINA_DATA, $XDG_CACHE_HOME/lamina and ~/.cache/lamina that is set.
std::filesystem::path data_home(const std::filesystem::path& data_dir = {});

/// Throws std::runtime_error where a data_dir is given and does not exist.
void check_data_dir(const std::filesystem::path& data_dir);

/// The path of "cifar10", "fashion-mnist" or "mnist" in those directories, which are searched in that order, or an
/// empty path if there is none. Fashion-MNIST is also looked for where Debian's package puts it.
std::filesystem::path find_dataset(const std::string& name, const std::filesystem::path& data_dir = {});

/// Whether load_dataset takes the text for a name: "auto", "cifar10", "fashion-mnist", "mnist" or "synthetic". It takes
/// any other text for a path.
bool is_dataset_name(const std::string& name_or_dir);

/// Whether load_dataset would load a set whose images have a size and splits of their own (a name, the files of
/// CIFAR-10 or of an IDX set, a .npz file). ImageFolderOptions and TableOptions have no effect on such a set.
bool has_own_splits(const std::string& name_or_dir);

/// Loads a data set: "cifar10", "fashion-mnist", "mnist", "synthetic", or "auto", which is CIFAR-10 if it is found or
/// can be downloaded to data_home(data_dir), and otherwise Fashion-MNIST; or the path of a directory or archive in one
/// of their layouts, of a directory with one folder of images for each class, of a table (table.h), or of a .npz file
/// (npz_dataset.h). Throws std::runtime_error with one line if there are no such data, or if they are damaged.
Dataset load_dataset(const std::string& name_or_dir, const std::filesystem::path& data_dir = {},
                     const LoadOptions& options = {});

}  // namespace lamina
