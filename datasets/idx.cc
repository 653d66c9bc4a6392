#include "datasets/idx.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>
#include <set>
#include <sstream>

#include "datasets/gz_file.h"
#include "lamina/check.h"
#include "lamina/io/atomic_file.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReadIdx = "read_idx";
constexpr Index kMostElements = Index{1} << 33;
constexpr Index kDeflateRatio = 1032;  // deflate's highest compression ratio

const std::vector<std::string> kFashionNames = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                                "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

// The path of the file of that name, e.g. "train-images-idx3-ubyte", in any of its spellings; empty if there is none.
fs::path find_file(const fs::path& directory, const std::string& name) {
  std::string dotted = name;
  dotted[dotted.rfind("-idx")] = '.';
  std::error_code error;
  for (const std::string& form : {name, name + ".gz", dotted, dotted + ".gz"})
    if (fs::exists(directory / form, error)) return directory / form;
  return {};
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

fs::path whole_path(const fs::path& directory) {
  std::error_code error;
  fs::path whole = fs::weakly_canonical(directory, error);
  if (error) whole = directory;
  return whole.has_filename() ? whole : whole.parent_path();
}

// What the directory's path suggests. EMNIST and KMNIST, whose names contain MNIST's, are called as their directory is.
std::string name_of(const fs::path& directory) {
  const fs::path whole = whole_path(directory);
  const std::string text = lower(whole.string());
  if (text.find("fashion") != std::string::npos) return "Fashion-MNIST";
  const std::size_t at = text.find("mnist");
  const bool is_word = at != std::string::npos && (at == 0 || !std::isalpha(static_cast<unsigned char>(text[at - 1])));
  return is_word ? "MNIST" : whole.filename().string();
}

// What the names of the files of the training and of the test images begin with: "train" and "t10k", or as EMNIST has
// it, "emnist-letters-train" and "emnist-letters-test". Empty texts if there are no training images. Throws
// std::runtime_error where there are those of several sets.
struct Prefixes {
  std::string train, test;
};
Prefixes prefixes_in(const fs::path& directory) {
  if (!find_file(directory, "train-images-idx3-ubyte").empty()) return {"train", "t10k"};
  std::set<std::string> sets;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    const std::size_t end = name.find("-train-images-idx3-ubyte");
    if (end != std::string::npos && end > 0) sets.insert(name.substr(0, end));
  }
  if (sets.empty()) return {};
  if (sets.size() > 1)
    fail_file("load_idx", directory, "expected the files of one set, found those of ", *sets.begin(), " and ",
              *std::next(sets.begin()));
  return {*sets.begin() + "-train", *sets.begin() + "-test"};
}

LabelledImages read_pair(const fs::path& directory, const std::string& prefix, Index most_classes) {
  const auto find = [&](const std::string& name) {
    const fs::path file = find_file(directory, name);
    if (file.empty()) fail_file(kReadIdx, directory, "expected a file ", name, " or ", name, ".gz, found neither");
    return file;
  };
  const fs::path images_file = find(prefix + "-images-idx3-ubyte"), labels_file = find(prefix + "-labels-idx1-ubyte");
  const Tensor<std::uint8_t> labels = read_idx(labels_file);
  if (labels.rank() != 1) fail_file(kReadIdx, labels_file, "expected labels with 1 axis, found ", labels.rank());
  const Tensor<std::uint8_t> images = read_idx(images_file);

  if (images.rank() != 3) fail_file(kReadIdx, images_file, "expected images with 3 axes, found ", images.rank());
  const Index count = images.dim(0);
  if (labels.size() != count)
    fail_file(kReadIdx, labels_file, "expected ", count, " labels, one for each image of ",
              images_file.filename().string(), ", found ", labels.size());
  LabelledImages pair{Tensor<std::uint8_t>(images.reshaped(Shape{count, 1, images.dim(1), images.dim(2)})), {}};
  for (Index i = 0; i < count; ++i) {
    if (labels[i] >= most_classes)
      fail_file(kReadIdx, labels_file, "expected labels of 0 to ", most_classes - 1, ", found ", int{labels[i]},
                " at place ", i);
    pair.labels.push_back(labels[i]);
  }
  return pair;
}

// The lines of class-names.txt, without blanks at their ends and empty lines at the file's end.
std::vector<std::string> read_class_names(const fs::path& file, std::size_t least) {
  std::vector<std::string> names;
  std::istringstream lines(read_file(file, 1 << 20));
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    names.push_back(line);
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  if (names.size() < least || names.size() > 256)
    fail_file(kReadIdx, file, "expected ", least, " to 256 names of classes, one a line, found ", names.size());
  return names;
}

}  // namespace

bool is_idx(const fs::path& directory) { return !prefixes_in(directory).train.empty(); }

Tensor<std::uint8_t> read_idx(const fs::path& path) {
  GzFile file(kReadIdx, path);
  const auto read = [&](void* to, Index size) {
    const Index got = file.read(to, size);
    if (got < 0) fail_file(kReadIdx, path, "expected an IDX file, found: ", file.error());
    return got;
  };
  std::array<std::uint8_t, 4> word{};
  if (const Index got = read(word.data(), 4); got < 4)
    fail_file(kReadIdx, path, "expected an IDX file, found only ", got, " bytes");
  if (word[0] != 0 || word[1] != 0 || word[2] != 8 || word[3] < 1 || word[3] > 4)
    fail_file(kReadIdx, path, "expected an IDX file of bytes, which begins with 0, 0, 8 and 1 to 4 axes, found ",
              int{word[0]}, ", ", int{word[1]}, ", ", int{word[2]}, ", ", int{word[3]});
  std::array<Index, 4> lengths{};
  const int rank = word[3];
  Index total = 1;
  for (int axis = 0; axis < rank; ++axis) {
    if (read(word.data(), 4) < 4) fail_file(kReadIdx, path, "expected the lengths of ", rank, " axes, found fewer");
    const Index length = Index{word[0]} << 24 | Index{word[1]} << 16 | Index{word[2]} << 8 | Index{word[3]};
    lengths[static_cast<std::size_t>(axis)] = length;
    if (length == 0) fail_file(kReadIdx, path, "expected axes of length 1 or more, found 0");
    if (length > kMostElements / total)
      fail_file(kReadIdx, path, "expected at most 2^33 elements, found more in its header");
    total *= length;
  }
  const Shape shape(std::span<const Index>(lengths.data(), static_cast<std::size_t>(rank)));

  // Do not allocate more memory than the file can fill.
  std::error_code error;
  const auto on_disk = static_cast<Index>(fs::file_size(path, error));
  const Index header = 4 + 4 * rank;
  const Index most = error ? 0 : file.packed() ? on_disk * kDeflateRatio : on_disk - header;
  if (total > most)
    fail_file(kReadIdx, path, "expected ", total, " bytes of shape ", shape, " after the header, found at most ",
              std::max<Index>(most, 0));
  Tensor<std::uint8_t> out;
  out.resize(shape);
  if (const Index got = read(out.data(), total); got < total)
    fail_file(kReadIdx, path, "expected ", total, " bytes of shape ", shape, " after the header, found ", got);
  if (read(word.data(), 1) != 0)
    fail_file(kReadIdx, path, "expected ", total, " bytes of shape ", shape, " after the header, found more");
  return out;
}

Dataset load_idx(const fs::path& directory, std::string name) {
  const bool guessed = name.empty();
  if (guessed) name = name_of(directory);
  bool ten = name == "MNIST" || name == "Fashion-MNIST";
  Prefixes prefixes = prefixes_in(directory);
  if (prefixes.train.empty()) prefixes = {"train", "t10k"};  // whose absence the errors name
  LabelledImages train = read_pair(directory, prefixes.train, ten && !guessed ? 10 : 256);
  LabelledImages test = read_pair(directory, prefixes.test, ten && !guessed ? 10 : 256);
  const Label largest = std::max(*std::max_element(train.labels.begin(), train.labels.end()),
                                 *std::max_element(test.labels.begin(), test.labels.end()));
  if (guessed && ten && largest > 9) {  // the path suggested another set than the one that is there
    name = whole_path(directory).filename().string();
    ten = false;
  }
  if (train.images.dim(0) < 2)
    fail_file("load_idx", directory, "expected 2 or more training images, found ", train.images.dim(0));
  for (int axis = 2; axis < 4; ++axis)
    if (train.images.dim(axis) != test.images.dim(axis))
      fail_file("load_idx", directory, "expected test images of the training images' size ", train.images.dim(2), " x ",
                train.images.dim(3), ", found ", test.images.dim(2), " x ", test.images.dim(3));
  std::vector<std::string> class_names;
  if (name == "Fashion-MNIST") {
    class_names = kFashionNames;
  } else {
    for (Label label = 0; label <= (ten ? 9 : largest); ++label) class_names.push_back(std::to_string(label));
  }
  std::string identity;
  std::error_code error;
  if (const fs::path names = directory / "class-names.txt"; fs::exists(names, error)) {
    class_names = read_class_names(names, class_names.size());
    for (const std::string& class_name : class_names) identity += class_name + '\n';
  }
  Dataset data = split_dataset(std::move(name), std::move(class_names), std::move(train), std::move(test));
  data.identity = std::move(identity);
  return data;
}

}  // namespace lamina
