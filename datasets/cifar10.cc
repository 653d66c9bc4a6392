#include "datasets/cifar10.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>

#include "datasets/archive.h"
#include "lamina/check.h"

namespace lamina {
namespace {

namespace fs = std::filesystem;

constexpr const char* kReadCifar10 = "read_cifar10";
constexpr const char* kFolder = "cifar-10-batches-bin";
constexpr const char* kMeta = "batches.meta.txt";
constexpr std::array<const char*, 6> kFiles = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                               "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};
constexpr std::size_t kTrainingFiles = 5;
constexpr const char* kPythonFile = "data_batch_1";
constexpr Index kImage = 3 * 32 * 32, kRecord = 1 + kImage;
constexpr Index kMostRecords = 100000;
constexpr Index kLargestMeta = 4096;
const std::vector<std::string> kClassNames = {"airplane", "automobile", "bird",  "cat",  "deer",
                                              "dog",      "frog",       "horse", "ship", "truck"};

using Read = std::function<Index(void* to, Index size)>;

// Takes the files in any order.
class Collector {
 public:
  // Takes file number `which` of kFiles, of `size` bytes; `source` and `name` identify it in messages.
  void take(std::size_t which, const fs::path& source, const std::string& name, Index size, const Read& read) {
    if (size <= 0 || size % kRecord != 0 || size / kRecord > kMostRecords)
      fail_file(kReadCifar10, source, name, "expected 1 to ", kMostRecords, " whole records of ", kRecord,
                " bytes, found ", size, " bytes");
    if (seen_[which]) fail_file(kReadCifar10, source, name, "expected one such file, found two");
    seen_[which] = true;
    const Index records = size / kRecord;
    const bool training = which < kTrainingFiles;
    LabelledImages& to = training ? all_.train : all_.test;
    Index at = 0;
    if (training) {
      if (records_ == 0) {
        records_ = records;
        make_room(to, records * static_cast<Index>(kTrainingFiles));
      }
      if (records != records_)
        fail_file(kReadCifar10, source, name, "expected ", records_, " records as in the other training files, found ",
                  records);
      at = static_cast<Index>(which) * records;
    } else {
      make_room(to, records);
    }

    constexpr Index kGroup = 256;
    buffer_.resize(static_cast<std::size_t>(std::min(kGroup, records) * kRecord));
    for (Index first = 0; first < records; first += kGroup) {
      const Index n = std::min(kGroup, records - first);
      const Index got = read(buffer_.data(), n * kRecord);
      if (got != n * kRecord)
        fail_file(kReadCifar10, source, name, "expected ", size, " bytes, found only ",
                  first * kRecord + std::max<Index>(got, 0));
      for (Index i = 0; i < n; ++i) {
        const std::uint8_t* record = buffer_.data() + i * kRecord;
        if (record[0] > 9)
          fail_file(kReadCifar10, source, name, "expected labels of 0 to 9, found ", int{record[0]}, " in record ",
                    first + i);
        to.labels[static_cast<std::size_t>(at + first + i)] = record[0];
        std::memcpy(to.images.data() + (at + first + i) * kImage, record + 1, kImage);
      }
    }
  }

  void take_meta(const fs::path& source, const std::string& name, Index size, const Read& read) {
    if (size > kLargestMeta) fail_file(kReadCifar10, source, name, "expected ten class names, found ", size, " bytes");
    std::string text(static_cast<std::size_t>(size), '\0');
    text.resize(static_cast<std::size_t>(std::max<Index>(read(text.data(), size), 0)));
    all_.class_names.clear();
    std::string line;
    for (const char c : text + '\n') {
      if (c == '\r') continue;
      if (c != '\n') {
        if (c < ' ' || c > '~')
          fail_file(kReadCifar10, source, name, "expected class names in plain letters, found byte ", c & 255);
        line += c;
      } else if (!line.empty()) {
        all_.class_names.push_back(std::move(line));
        line.clear();
      }
    }
    if (all_.class_names.size() != 10)
      fail_file(kReadCifar10, source, name, "expected ten class names, one a line, found ", all_.class_names.size());
  }

  Cifar10 finish(const fs::path& source) {
    for (std::size_t i = 0; i < kFiles.size(); ++i)
      if (!seen_[i]) fail_file(kReadCifar10, source, "expected a file ", kFiles[i], ", found none");
    if (all_.class_names.empty()) all_.class_names = kClassNames;
    return std::move(all_);
  }

 private:
  static void make_room(LabelledImages& to, Index count) {
    to.images.resize(Shape{count, 3, 32, 32});
    to.labels.resize(static_cast<std::size_t>(count));
  }

  Cifar10 all_;
  std::array<bool, kFiles.size()> seen_{};
  Index records_ = 0;  // in each training file
  std::vector<std::uint8_t> buffer_;
};

Cifar10 read_directory(const fs::path& directory) {
  Collector all;
  const auto with_file = [](const fs::path& path, auto&& take) {
    check_regular_file(kReadCifar10, path);
    std::ifstream file;
    file.rdbuf()->pubsetbuf(nullptr, 0);
    errno = 0;
    file.open(path, std::ios::binary | std::ios::ate);
    if (!file) fail_file(kReadCifar10, path, "expected a readable file, found: ", std::strerror(errno));
    const auto size = static_cast<Index>(file.tellg());
    file.seekg(0);
    take(size, [&](void* to, Index n) {
      file.read(static_cast<char*>(to), n);
      return static_cast<Index>(file.gcount());
    });
  };
  std::error_code error;
  for (std::size_t i = 0; i < kFiles.size(); ++i) {
    const fs::path path = directory / kFiles[i];
    with_file(path, [&](Index size, const Read& read) { all.take(i, path, "", size, read); });
  }
  if (const fs::path path = directory / kMeta; fs::exists(path, error))
    with_file(path, [&](Index size, const Read& read) { all.take_meta(path, "", size, read); });
  return all.finish(directory);
}

[[noreturn]] void fail_python_version(const fs::path& path) {
  fail_file(
      kReadCifar10, path,
      "expected CIFAR-10 in its binary version, found its Python version; 'lamina data fetch cifar10' downloads the "
      "binary one, and in Python lamina.data.load_CIFAR10 reads the unpacked folder of this one");
}

[[noreturn]] void fail_cifar100(const fs::path& path) {
  fail_file(
      kReadCifar10, path,
      "expected CIFAR-10 in its binary version, found CIFAR-100; 'lamina data fetch cifar10' downloads CIFAR-10, and "
      "CIFAR-100 can be read from a .npz file (X_train, y_train, X_val, ...) or one folder of images a class");
}

Cifar10 read_archive(const fs::path& path) {
  Collector all;
  ArchiveReader archive(kReadCifar10, path);
  const Read read = [&](void* to, Index size) { return archive.read(to, size); };
  while (archive.next()) {
    const std::string name = archive.name().filename().string();
    if (name == kPythonFile) fail_python_version(path);
    if (archive.name().begin()->string().starts_with("cifar-100-")) fail_cifar100(path);
    if (name == kMeta) all.take_meta(path, name + ": ", archive.size(), read);
    for (std::size_t i = 0; i < kFiles.size(); ++i)
      if (name == kFiles[i]) all.take(i, path, name + ": ", archive.size(), read);
  }
  return all.finish(path);
}

// The directory of the .bin files, or empty.
fs::path directory_of(const fs::path& path) {
  std::error_code error;
  if (fs::exists(path / kFiles[0], error)) return path;
  if (fs::is_directory(path / kFolder, error)) return path / kFolder;
  return {};
}

}  // namespace

bool is_cifar10(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return !directory_of(path).empty();
  const std::string name = path.filename().string();
  return fs::is_regular_file(path, error) && (name.ends_with(".tar.gz") || name.ends_with(".tgz"));
}

void refuse_other_cifar(const fs::path& path) {
  std::error_code error;
  const auto has = [&](const fs::path& place, const char* name) { return fs::is_regular_file(place / name, error); };
  const auto check_folder = [&](const fs::path& folder, const fs::path& named) {
    if (has(folder, kPythonFile)) fail_python_version(named);
    if (has(folder, "train") && has(folder, "test") && has(folder, "meta")) fail_cifar100(named);
    if (has(folder, "train.bin") && has(folder, "test.bin")) fail_cifar100(named);
  };
  const std::string name = path.filename().string();
  if (fs::is_directory(path, error)) {
    check_folder(path, path);
    for (const char* folder : {"cifar-10-batches-py", "cifar-100-python", "cifar-100-binary"})
      check_folder(path / folder, path / folder);
    if (has(path, "cifar-10-python.tar.gz")) fail_python_version(path / "cifar-10-python.tar.gz");
    for (const char* archive : {"cifar-100-python.tar.gz", "cifar-100-binary.tar.gz"})
      if (has(path, archive)) fail_cifar100(path / archive);
  } else if (name.starts_with("data_batch_") || name.starts_with("test") || name.starts_with("train")) {
    check_folder(path.parent_path(), path);  // one of the set's files
    if (name.ends_with(".bin") && has(path.parent_path(), kFiles[0]))
      fail_file(kReadCifar10, path,
                "expected the directory of CIFAR-10's files, found one of them; give its directory");
  }
}

Cifar10 read_cifar10(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return read_archive(path);
  const fs::path directory = directory_of(path);
  if (directory.empty())
    fail_file(kReadCifar10, path, "expected data_batch_1.bin or a folder ", kFolder,
              " in the directory, found neither");
  return read_directory(directory);
}

Dataset load_cifar10(const fs::path& path) {
  Cifar10 all = read_cifar10(path);
  if (all.train.images.dim(0) < 2000)
    fail_file("load_cifar10", path, "expected 2000 or more training images, found ", all.train.images.dim(0));
  return split_dataset("CIFAR-10", std::move(all.class_names), std::move(all.train), std::move(all.test));
}

}  // namespace lamina
