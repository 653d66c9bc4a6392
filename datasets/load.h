// Finding and loading a data set by its name.
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include "datasets/fetch.h"
#include "datasets/image_folder.h"
#include "lamina/data/dataset.h"

namespace lamina {

struct LoadOptions {
  /// Told in one line what the user should know: that CIFAR-10 is being downloaded, or why "auto" does without it.
  std::function<void(std::string_view line)> say;
  /// For the download that "auto" may start.
  FetchOptions fetch;
  /// For a directory with one folder a class; its `say` is the one above.
  ImageFolderOptions images;
};

/// Where downloaded data sets are put, and looked for first: the first that is set of `data_dir` (--data-dir),
/// $LAMINA_DATA, $XDG_CACHE_HOME/lamina and ~/.cache/lamina.
std::filesystem::path data_home(const std::filesystem::path& data_dir = {});

/// The place of "cifar10", "fashion-mnist" or "mnist" under those directories, in that order
/// (Fashion-MNIST also where Debian's package puts it); an empty path where there is none.
std::filesystem::path find_dataset(const std::string& name, const std::filesystem::path& data_dir = {});

/// Whether load_dataset would take it for a set whose images have a size and splits of their own: a name, CIFAR-10's or
/// IDX files, a .npz file. ImageFolderOptions change nothing of such a set.
bool has_own_splits(const std::string& name_or_dir);

/// Loads a set: "cifar10", "fashion-mnist", "mnist", "synthetic", "auto" (CIFAR-10 where it is found, else downloads it
/// to data_home(data_dir), else Fashion-MNIST), or the path of a directory or archive in one of their layouts, of a
/// directory with one folder of images a class, or of a .npz file (npz_dataset.h). Throws std::runtime_error with one line where there is no such data or
/// it is damaged.
Dataset load_dataset(const std::string& name_or_dir, const std::filesystem::path& data_dir = {},
                     const LoadOptions& options = {});

}  // namespace lamina
