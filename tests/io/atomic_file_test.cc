#include "lamina/io/atomic_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace lamina {
namespace {

namespace fs = std::filesystem;

class AtomicFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "lamina-atomic-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { fs::remove_all(dir_); }
  std::size_t count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()));
  }
  fs::path dir_;
};

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

TEST_F(AtomicFile, WritesReadsAndReplaces) {
  const fs::path path = dir_ / "a.bin";
  write_file_atomically(path, std::string_view("one\0two", 7));
  EXPECT_EQ(read_file(path), std::string("one\0two", 7));
  const std::array<std::string_view, 3> chunks = {"ab", "", "cd"};
  write_file_atomically(path, chunks);
  EXPECT_EQ(read_file(path), "abcd");
  write_file_atomically(path, "");
  EXPECT_EQ(read_file(path), "");
  EXPECT_EQ(count(), 1u);  // no temporary file is left
}

TEST_F(AtomicFile, UsesALeftoverTemporaryFileAgain) {
  write_file_atomically(dir_ / ".a.bin.tmp", "a long leftover of a killed process");
  write_file_atomically(dir_ / "a.bin", "new");
  EXPECT_EQ(read_file(dir_ / "a.bin"), "new");
  EXPECT_EQ(count(), 1u);
}

TEST_F(AtomicFile, ReplacesTheFileBehindALink) {
  write_file_atomically(dir_ / "real", "old");
  fs::create_symlink(dir_ / "real", dir_ / "link");
  write_file_atomically(dir_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(dir_ / "link"));
  EXPECT_EQ(read_file(dir_ / "real"), "new");
}

TEST_F(AtomicFile, NamesWhatIsWrongInOneLine) {
  const std::vector<std::string> errors = {
      error_of([&] { write_file_atomically(dir_ / "none" / "a", "x"); }),
      error_of([&] { write_file_atomically(dir_, "x"); }),
      error_of([&] { write_file_atomically("/dev/full", "x"); }),
      error_of([&] { read_file(dir_ / "absent"); }),
      error_of([&] { read_file(dir_); }),
      error_of([&] { read_file("/dev/zero"); }),
  };
  for (const std::string& error : errors) {
    EXPECT_NE(error.find("expected"), std::string::npos) << error;
    EXPECT_NE(error.find("got"), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
  write_file_atomically(dir_ / "a", "12345");
  EXPECT_NE(error_of([&] { read_file(dir_ / "a", 4); }).find("at most 4 bytes, got 5"), std::string::npos);
}

// A limit on the file's size stands for a full disk: write() fails part of the way through.
TEST_F(AtomicFile, KeepsTheOldFileWhereTheDiskIsFull) {
  const fs::path path = dir_ / "a.bin";
  write_file_atomically(path, "old");
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const std::string error = error_of([&] { write_file_atomically(path, std::string(5000, 'x')); });
    ::_exit(error.find("write the whole file, got: File too large") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(count(), 1u);
}

TEST_F(AtomicFile, ConcurrentWritersLeaveOneWholeFile) {
  const fs::path path = dir_ / "a.bin";
  std::vector<std::thread> writers;
  for (char letter : {'a', 'b', 'c', 'd'})
    writers.emplace_back([&, letter] {
      for (int i = 0; i < 10; ++i) write_file_atomically(path, std::string(100000 + 1000 * (letter - 'a'), letter));
    });
  for (std::thread& writer : writers) writer.join();
  const std::string bytes = read_file(path);
  EXPECT_EQ(bytes, std::string(100000 + 1000 * static_cast<std::size_t>(bytes[0] - 'a'), bytes[0]));
  EXPECT_EQ(count(), 1u);
}

TEST_F(AtomicFile, AKilledWriterLeavesAWholeFile) {
  const fs::path path = dir_ / "a.bin";
  const std::size_t size = 1 << 20;
  write_file_atomically(path, std::string(size, 'a'));
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::string bytes(size, 'a');
      for (char letter = 'b';; letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1)) {
        bytes.assign(size, letter);
        write_file_atomically(path, bytes);
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500 + random() % 8000));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::string bytes = read_file(path);
    ASSERT_EQ(bytes.size(), size);
    ASSERT_EQ(bytes.find_first_not_of(bytes[0]), std::string::npos);
  }
}

}  // namespace
}  // namespace lamina
