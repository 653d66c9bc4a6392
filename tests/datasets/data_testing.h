// What the tests of data files share: a directory of their own, made-up sets, and damage.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace lamina::testing {

namespace fs = std::filesystem;

/// A new directory, removed with all that is in it.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const fs::path& parent = fs::temp_directory_path()) {
    std::string name = (parent / "lamina-data-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Where small files that change many times need not wait for a disk.
inline fs::path quick_place() {
  return access("/dev/shm", W_OK) == 0 ? fs::path("/dev/shm") : fs::temp_directory_path();
}

inline void write_bytes(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

inline std::string read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What a std::runtime_error of `f` says.
inline std::string thrown(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "nothing thrown";
}

inline std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// One entry of a tar archive: type '0' a file, '1' a hard link, '2' a symbolic link, '3' a device, '5' a directory.
struct TarEntry {
  std::string name, bytes;
  char type = '0';
  std::string link = {};
};

inline std::string tar(const std::vector<TarEntry>& entries) {
  std::string out;
  for (const TarEntry& entry : entries) {
    std::string header(512, '\0');
    const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    char number[16];
    std::snprintf(number, sizeof number, "%011zo", entry.bytes.size());
    put(0, entry.name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, number);
    put(136, "00000000000");
    put(148, "        ");
    header[156] = entry.type;
    put(157, entry.link);
    put(257, std::string("ustar\00000", 8));
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    std::snprintf(number, sizeof number, "%06o", sum);
    put(148, std::string(number) + '\0');
    out += header + entry.bytes + std::string((512 - entry.bytes.size() % 512) % 512, '\0');
  }
  return out + std::string(1024, '\0');
}

inline constexpr std::array<const char*, 6> kCifarFiles = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                                           "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"};

/// Records of CIFAR-10: record i of file f has the label (i + f) % 10; its pixel j is (i + 2 f + j * j) % 251.
inline std::string cifar_records(int file, int count) {
  std::string out(static_cast<std::size_t>(count) * 3073, '\0');
  for (int i = 0; i < count; ++i) {
    char* record = out.data() + i * 3073;
    record[0] = static_cast<char>((i + file) % 10);
    for (int j = 0; j < 3072; ++j) record[1 + j] = static_cast<char>((i + 2 * file + j * j) % 251);
  }
  return out;
}

inline constexpr const char* kCifarNames = "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n\n";

inline std::vector<TarEntry> cifar_entries(int train, int test, const std::string& folder = "cifar-10-batches-bin/") {
  std::vector<TarEntry> entries = {{folder, "", '5'}, {folder + "batches.meta.txt", kCifarNames}};
  for (int f = 0; f < 6; ++f)
    entries.push_back({folder + kCifarFiles[static_cast<std::size_t>(f)], cifar_records(f, f < 5 ? train : test)});
  return entries;
}

inline void write_cifar(const fs::path& directory, int train, int test) {
  for (const TarEntry& entry : cifar_entries(train, test, ""))
    if (entry.type == '0') write_bytes(directory / entry.name, entry.bytes);
}

inline std::string idx(const std::vector<std::uint32_t>& lengths, const std::string& bytes) {
  std::string out{'\0', '\0', '\x08', static_cast<char>(lengths.size())};
  for (const std::uint32_t length : lengths)
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 255);
  return out + bytes;
}

/// Images of 4 x 6: pixel j of image i is (i + 7 j) % 256, its label i % 10.
inline std::string idx_images(std::uint32_t count) {
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i)
    for (std::uint32_t j = 0; j < 24; ++j) bytes += static_cast<char>((i + 7 * j) % 256);
  return idx({count, 4, 6}, bytes);
}
inline std::string idx_labels(std::uint32_t count) {
  std::string bytes;
  for (std::uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(i % 10);
  return idx({count}, bytes);
}

inline void write_idx(const fs::path& directory, std::uint32_t train, std::uint32_t test) {
  write_bytes(directory / "train-images-idx3-ubyte", idx_images(train));
  write_bytes(directory / "train-labels-idx1-ubyte.gz", gzip(idx_labels(train)));
  write_bytes(directory / "t10k-images.idx3-ubyte", idx_images(test));
  write_bytes(directory / "t10k-labels.idx1-ubyte.gz", gzip(idx_labels(test)));
}

/// Some bytes changed, put in, left out, doubled or cut off.
inline std::string mutated(std::string bytes, std::mt19937& rng) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : rng() % n; };
  for (std::size_t edits = 1 + below(6); edits-- > 0;) {
    // Half of the edits hit the beginning, where the headers are.
    const std::size_t at = below(rng() % 2 ? bytes.size() : std::min<std::size_t>(bytes.size(), 64));
    constexpr std::array<unsigned char, 6> kHostile = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
    switch (rng() % 8) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(at, 1 + below(8), static_cast<char>(rng()));
        break;
      case 2:
        bytes.erase(at, 1 + below(8));
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, below(64)));
        break;
      case 4:
        if (!bytes.empty()) bytes[at] = static_cast<char>(kHostile[below(6)]);
        break;
      case 5:
        if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
        break;
      default:
        if (!bytes.empty()) bytes[at] = static_cast<char>(rng());
    }
  }
  return bytes;
}

/// Reads the file `path` in each damaged form of `good`: cut off after each of its first `header` bytes, and in
/// `mutations` random ways. `read` must return or throw a std::runtime_error of one line that names `path`, `shown`.
/// Returns how many forms were refused.
inline int expect_survives_damage(const fs::path& path, const fs::path& shown, const std::string& good,
                                  std::size_t header, int mutations, const std::function<void()>& read) {
  int refused = 0;
  // Opened once: on some file systems each opening for writing waits for the disk.
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const auto put = [&](const std::string& bytes) {
    if (pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()) ||
        ftruncate(file, static_cast<off_t>(bytes.size())) != 0)
      ADD_FAILURE() << "cannot write " << path;
  };
  const auto attempt = [&](const std::string& bytes, const std::string& what) {
    put(bytes);
    try {
      read();
    } catch (const std::runtime_error& e) {
      ++refused;
      const std::string line = e.what();
      if (line.find(shown.string()) == std::string::npos || line.find('\n') != std::string::npos ||
          line.find("expected") == std::string::npos)
        ADD_FAILURE() << what << ": not one clear line that names the file: " << line;
    } catch (const std::exception& e) {
      ADD_FAILURE() << what << ": " << e.what();
    }
  };
  for (std::size_t length = 0; length < std::min(header, good.size()); ++length) {
    const int before = refused;
    attempt(good.substr(0, length), "cut off after " + std::to_string(length));
    if (refused == before) ADD_FAILURE() << "cut off after " << length << " and read";
  }
  refused = 0;
  std::mt19937 rng(1);
  for (int i = 0; i < mutations; ++i) attempt(mutated(good, rng), "mutation " + std::to_string(i));
  put(good);
  close(file);
  EXPECT_NO_THROW(read());
  return refused;
}

}  // namespace lamina::testing
