#include "datasets/load.h"

#include <cstdlib>
#include <vector>

#include "datasets/cifar10.h"
#include "datasets/idx.h"
#include "datasets/image_files.h"
#include "datasets/npz_dataset.h"
#include "lamina/check.h"
#include "lamina/data/synthetic.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLoadDataset = "load_dataset";
constexpr const char* kDebianFashion = "/usr/share/datasets/fashion-mnist";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

// The directories to search, in order. The XDG specification says that a relative $XDG_CACHE_HOME is to be ignored.
std::vector<fs::path> roots(const fs::path& data_dir) {
  std::vector<fs::path> all;
  if (!data_dir.empty()) all.push_back(data_dir);
  if (const std::string place = environment("LAMINA_DATA"); !place.empty()) all.emplace_back(place);
  if (const fs::path cache = environment("XDG_CACHE_HOME"); cache.is_absolute()) all.push_back(cache / "lamina");
  if (const std::string home = environment("HOME"); !home.empty()) all.push_back(fs::path(home) / ".cache" / "lamina");
  return all;
}

std::string listed(const std::vector<fs::path>& places) {
  std::string text;
  for (const fs::path& place : places) text += (text.empty() ? "" : ", ") + place.string();
  return text.empty() ? "any place (none of --data-dir, LAMINA_DATA, XDG_CACHE_HOME and HOME is given)" : text;
}

fs::path find_cifar10(const fs::path& root) {
  for (const fs::path& place : {root, root / "cifar10", root / "cifar-10", root / "cifar-10-binary.tar.gz"})
    if (is_cifar10(place)) return place;
  return {};
}

const char* package_hint(const std::string& name) {
  if (name == "cifar10") return "; 'lamina data fetch cifar10' downloads it";
  return name == "fashion-mnist" ? "; Debian's package dataset-fashion-mnist has it" : "";
}

Dataset load_found(const std::string& name, const fs::path& place) {
  if (name == "cifar10") return load_cifar10(place);
  return load_idx(place, name == "mnist" ? "MNIST" : "Fashion-MNIST");
}

Dataset load_path(const fs::path& path, const LoadOptions& options) {
  if (const fs::path place = find_cifar10(path); !place.empty()) return load_cifar10(place);
  if (is_idx(path)) return load_idx(path);
  if (is_npz(path)) return load_npz(path);
  if (is_table(path)) {
    TableOptions table = options.table;
    table.say = options.say;
    return load_table(path, table);
  }
  if (is_image_folder(path)) {
    ImageFolderOptions images = options.images;
    images.say = options.say;
    return load_image_folder(path, images);
  }
  refuse_other_cifar(path);
  std::error_code error;
  if (fs::is_directory(path, error)) check_no_loose_images(path);
  if (fs::is_directory(path, error))
    fail_file(kLoadDataset, path,
              "expected CIFAR-10 (data_batch_1.bin, a folder cifar-10-batches-bin or cifar-10-binary.tar.gz), IDX "
              "files (train-images-idx3-ubyte, also with .gz) or one folder of PNG or JPEG images a class, found none");
  fail_file(
      kLoadDataset, path,
      fs::exists(path, error)
          ? "expected a directory, CIFAR-10's .tar.gz, a table (.csv, .tsv) or a .npz file, found another file"
          : "expected auto, cifar10, fashion-mnist, mnist, synthetic, a directory, a table or a .npz file, found no "
            "such thing");
}

Dataset load_auto(const fs::path& data_dir, const LoadOptions& options) {
  const auto say = [&](const std::string& line) {
    if (options.say) options.say(line);
  };
  if (const fs::path place = find_dataset("cifar10", data_dir); !place.empty()) return load_cifar10(place);
  std::string why;
  try {
    const fs::path target = data_home(data_dir);
    say("CIFAR-10 is not in " + listed(roots(data_dir)) + ": downloading it to " + target.string());
    return load_cifar10(fetch_cifar10(target, options.fetch));
  } catch (const std::runtime_error& e) {
    why = e.what();
  }
  const fs::path place = find_dataset("fashion-mnist", data_dir);
  if (place.empty())
    fail_file(kLoadDataset, "auto", "expected CIFAR-10 or Fashion-MNIST, found neither: ", why,
              package_hint("fashion-mnist"));
  say("no CIFAR-10, so Fashion-MNIST from " + place.string() + ": " + why);
  return load_found("fashion-mnist", place);
}

}  // namespace

fs::path data_home(const fs::path& data_dir) {
  const std::vector<fs::path> all = roots(data_dir);
  if (all.empty())
    fail_file(kLoadDataset, "data sets",
              "expected a place for them: --data-dir, LAMINA_DATA, XDG_CACHE_HOME or HOME, found none");
  return all.front();
}

void check_data_dir(const fs::path& data_dir) {
  std::error_code error;
  if (!data_dir.empty() && !fs::exists(data_dir, error))
    fail_file(kLoadDataset, data_dir, "expected a directory of data sets (--data-dir), found ",
              error ? error.message() : "no such thing");
}

fs::path find_dataset(const std::string& name, const fs::path& data_dir) {
  const bool fashion = name == "fashion-mnist";
  for (const fs::path& root : roots(data_dir)) {
    if (name == "cifar10") {
      if (fs::path place = find_cifar10(root); !place.empty()) return place;
      continue;
    }
    // torchvision keeps its copies in FashionMNIST/raw and MNIST/raw.
    for (const fs::path& place : {root / name, root / (fashion ? "FashionMNIST" : "MNIST") / "raw"})
      if (is_idx(place)) return place;
  }
  // The files of the two sets have the same names. The user's directory is taken to hold the set that was asked for,
  // unless its name suggests otherwise.
  if (name != "cifar10" && !data_dir.empty() && is_idx(data_dir)) {
    const bool says_fashion = data_dir.string().find("ashion") != std::string::npos;
    if (fashion || !says_fashion) return data_dir;
  }
  return fashion && is_idx(kDebianFashion) ? kDebianFashion : fs::path();
}

bool is_dataset_name(const std::string& name) {
  for (const char* known : {"auto", "synthetic", "cifar10", "fashion-mnist", "mnist"})
    if (name == known) return true;
  return false;
}

bool has_own_splits(const std::string& name) {
  return is_dataset_name(name) || !find_cifar10(name).empty() || is_idx(name) || is_npz(name);
}

Dataset load_dataset(const std::string& name, const fs::path& data_dir, const LoadOptions& options) {
  if (name == "auto") return load_auto(data_dir, options);
  if (name == "synthetic") return synthetic_dataset();
  if (!is_dataset_name(name)) return load_path(name, options);
  check_data_dir(data_dir);
  const fs::path place = find_dataset(name, data_dir);
  if (place.empty() && name == "cifar10")
    for (const fs::path& root : roots(data_dir))
      for (const fs::path& here : {root, root / "cifar10", root / "cifar-10"}) refuse_other_cifar(here);
  if (place.empty())
    fail_file(kLoadDataset, name, "expected it in ", listed(roots(data_dir)), ", found it in none", package_hint(name));
  return load_found(name, place);
}

}  // namespace lamina
