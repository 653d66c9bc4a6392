#include "datasets/fetch.h"

#include <openssl/evp.h>
#include <sys/file.h>

#include <chrono>

#include "datasets/cifar10.h"
#include "tests/datasets/data_testing.h"
#include "tests/datasets/http_server.h"

namespace lamina {
namespace {

using namespace lamina::testing;

std::string md5(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_md5(), nullptr);
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", digest[i]);
    text += two;
  }
  return text;
}

// An archive of some 40 kB that does not pack away.
std::string good_archive() {
  auto entries = cifar_entries(2, 2);
  std::mt19937 rng(3);
  for (auto& entry : entries)
    for (std::size_t i = 0; i < entry.bytes.size(); ++i)
      if (entry.name.ends_with(".bin") && i % 3073 != 0) entry.bytes[i] = static_cast<char>(rng());
  entries.push_back({"cifar-10-batches-bin/readme.html", "<html>"});
  return gzip(tar(entries));
}

class Fetch : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("no_proxy", "127.0.0.1", 1);  // whatever the machine's settings are
    options_.stall_seconds = 1;
  }
  std::string fetch(const HttpServer& server, const std::string& digest) {
    options_.url = server.url();
    options_.md5 = digest;
    return thrown([&] { fetched_ = fetch_cifar10(target(), options_); });
  }
  fs::path target() const { return temporary_.path() / "target"; }
  fs::path part() const { return target() / "cifar-10-binary.tar.gz.part"; }
  // Names of all that lies in the target, and beside it.
  std::vector<std::string> left() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(temporary_.path()))
      if (entry.path() != target()) names.push_back("beside: " + entry.path().filename().string());
    if (fs::exists(target()))
      for (const auto& entry : fs::directory_iterator(target())) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  void expect_whole() {
    EXPECT_EQ(fetched_, target() / "cifar-10-batches-bin");
    EXPECT_EQ(left(), std::vector<std::string>{"cifar-10-batches-bin"});
    const Cifar10 all = read_cifar10(target());
    EXPECT_EQ(all.train.images.dim(0), 10);
    EXPECT_EQ(all.class_names[9], "nine");
    EXPECT_EQ(read_bytes(fetched_ / "readme.html"), "<html>");
  }

  TemporaryDirectory temporary_;
  FetchOptions options_;
  fs::path fetched_;
  const std::string archive_ = good_archive(), digest_ = md5(archive_);
  const std::vector<std::string> nothing_ = {};
};

TEST_F(Fetch, DownloadsChecksAndUnpacks) {
  HttpServer server(archive_, {{}});
  std::int64_t done = 0, total = 0;
  options_.progress = [&](std::int64_t d, std::int64_t t) { done = d, total = t; };
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
  EXPECT_EQ(done, static_cast<std::int64_t>(archive_.size()));
  EXPECT_EQ(total, done);
  // The copy that lies there is used.
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  EXPECT_EQ(server.requests(), std::vector<long>{0});
}

TEST_F(Fetch, GoesOnWhereTheConnectionDropped) {
  HttpServer server(archive_, {{.drop_after = 10000}, {.drop_after = 7000}, {}});
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
  EXPECT_EQ(server.requests(), (std::vector<long>{0, 10000, 17000}));
}

TEST_F(Fetch, GoesOnAfterAnErrorOfTheServer) {
  HttpServer server(archive_, {{.drop_after = 10000}, {.status = 503}, {.drop_after = 0}, {}});
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
  EXPECT_EQ(server.requests(), (std::vector<long>{0, 10000, 10000, 10000}));
}

TEST_F(Fetch, ProgressMayStopIt) {
  HttpServer server(archive_, {{}});
  options_.progress = [](std::int64_t, std::int64_t) { throw std::runtime_error("stopped"); };
  EXPECT_EQ(fetch(server, digest_), "stopped");
  EXPECT_EQ(left(), std::vector<std::string>{"cifar-10-binary.tar.gz.part"});
  options_.progress = nullptr;
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
  EXPECT_GT(server.requests().back(), 0);
}

TEST_F(Fetch, GoesOnWithAnEarlierRunsBytes) {
  write_bytes(part(), archive_.substr(0, 12345));
  HttpServer server(archive_, {{}});
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
  EXPECT_EQ(server.requests(), std::vector<long>{12345});
}

TEST_F(Fetch, UsesAWholeDownloadOfAnEarlierRun) {
  write_bytes(part(), archive_);
  HttpServer server(archive_, {{}});
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Fetch, UsesAnArchiveThatLiesThere) {
  const fs::path archive = target() / "cifar-10-binary.tar.gz";
  write_bytes(archive, archive_);
  HttpServer server(archive_, {{}});
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  EXPECT_TRUE(server.requests().empty());
  fs::remove(archive);
  expect_whole();
}

TEST_F(Fetch, BeginsAnewWhereTheServerHasNoRanges) {
  HttpServer server(archive_, {{.drop_after = 10000}, {.ranges = false}});
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
}

TEST_F(Fetch, BeginsAnewWhereTheRangeIsWrong) {
  HttpServer server(archive_, {{.drop_after = 10000}, {.wrong_range = true}, {}});
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
}

TEST_F(Fetch, BeginsAnewWhereTooMuchLiesThere) {
  write_bytes(part(), archive_ + "more");
  HttpServer server(archive_, {{}});
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
}

TEST_F(Fetch, GivesUpOnAServerThatAlwaysDrops) {
  HttpServer server(archive_, {{.drop_after = 1000}, {.drop_after = 0}});
  const std::string said = fetch(server, digest_);
  EXPECT_NE(said.find("expected a download, gave up after 4 connections, 1000 bytes"), std::string::npos) << said;
  EXPECT_EQ(fs::file_size(part()), 1000u);  // for the next run
}

TEST_F(Fetch, NamesAWrongDigestAndForgetsTheDownload) {
  HttpServer server(archive_, {{}});
  EXPECT_EQ(fetch(server, kCifar10Md5),
            "[fetch_cifar10] " + server.url() + ": expected an archive with MD5 " + kCifar10Md5 + ", found " + digest_);
  EXPECT_EQ(left(), nothing_);
}

TEST_F(Fetch, NamesAMissingFile) {
  HttpServer server(archive_, {{.status = 404}});
  EXPECT_EQ(fetch(server, digest_),
            "[fetch_cifar10] " + server.url() + ": expected a download, found: The requested URL returned error: 404");
  EXPECT_EQ(server.requests().size(), 1u);
  EXPECT_EQ(left(), nothing_);
}

TEST_F(Fetch, DoesNotWaitForAServerThatSaysNothing) {
  HttpServer server(archive_, {{.silent = true}});
  const auto start = std::chrono::steady_clock::now();
  const std::string said = fetch(server, digest_);
  EXPECT_NE(said.find("expected a download, found: "), std::string::npos) << said;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_F(Fetch, NamesARefusedConnectionAtOnce) {
  options_.url = "http://127.0.0.1:1/x";
  const auto start = std::chrono::steady_clock::now();
  const std::string said = thrown([&] { fetch_cifar10(target(), options_); });
  EXPECT_NE(said.find("[fetch_cifar10] http://127.0.0.1:1/x: expected a download, found: "), std::string::npos) << said;
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  options_.url = "file:///etc/passwd";
  EXPECT_NE(thrown([&] { fetch_cifar10(target(), options_); }).find("expected a download, found: "), std::string::npos);
}

// Archives with the right digest that must not be unpacked.
TEST_F(Fetch, RefusesArchivesThatReachOutside) {
  const std::string evil = (temporary_.path() / "evil").string();
  const std::pair<TarEntry, const char*> bad[] = {
      {{"../evil", "x"}, "expected paths that stay inside the archive, found the path '../evil'"},
      {{"cifar-10-batches-bin/../../evil", "x"}, "expected paths that stay inside the archive, found the path"},
      {{evil, "x"}, "expected relative paths, found the absolute path"},
      {{"cifar-10-batches-bin/link", "", '2', ".."}, "expected files and directories only, found the link"},
      {{"cifar-10-batches-bin/link", "", '1', "/etc/passwd"}, "expected files and directories only, found the link"},
      {{"cifar-10-batches-bin/device", "", '3'}, "expected files and directories only, found the special file"},
      {{"cifar-10-batches-bin/pipe", "", '6'}, "expected files and directories only, found the special file"},
      {{"cifar-10-batches-bin/test_batch.bin", "x"}, "expected a new file, found: File exists"},
      {{"cifar-10-batches-bin/test_batch.bin/x", "x"}, "expected a directory to write to, found: "},
  };
  for (const auto& [entry, expected] : bad) {
    auto entries = cifar_entries(1, 1);
    entries.push_back(entry);
    const std::string archive = gzip(tar(entries));
    HttpServer server(archive, {{}});
    const std::string said = fetch(server, md5(archive));
    EXPECT_NE(said.find(expected), std::string::npos) << entry.name << ": " << said;
    EXPECT_EQ(said.find('\n'), std::string::npos);
    EXPECT_EQ(left(), nothing_) << entry.name;
  }
}

TEST_F(Fetch, RefusesArchivesThatAreNotWhole) {
  auto missing = cifar_entries(1, 1);
  missing.pop_back();
  auto torn = cifar_entries(1, 1);
  torn[3].bytes.pop_back();
  const std::string packed = gzip(tar(cifar_entries(1, 1)));
  const std::pair<std::string, const char*> bad[] = {
      {packed.substr(0, packed.size() / 2), "the gzipped data ends too early"},
      {packed.substr(0, packed.size() - 1), "the gzipped data ends too early"},
      {gzip(tar(missing)), "test_batch.bin: expected a file, found none"},
      {gzip(tar(torn)), "whole records of 3073 bytes, found 3072 bytes"},
      {gzip(tar({{"readme", "x"}})), "expected CIFAR-10 in a folder cifar-10-batches-bin"},
      {"no archive", "expected a .tar.gz archive, found: "},
  };
  for (const auto& [archive, expected] : bad) {
    HttpServer server(archive, {{}});
    const std::string said = fetch(server, md5(archive));
    EXPECT_NE(said.find(expected), std::string::npos) << said;
    EXPECT_EQ(left(), nothing_) << said;
  }
}

TEST_F(Fetch, WhatAKilledRunLeftIsNoSet) {
  write_cifar(target() / ".cifar-10-unpacking" / "cifar-10-batches-bin", 2, 2);
  EXPECT_FALSE(is_cifar10(target()));
  HttpServer server(archive_, {{}});
  EXPECT_EQ(fetch(server, digest_), "nothing thrown");
  expect_whole();
}

TEST_F(Fetch, LeavesAStrangersDirectoryAlone) {
  write_bytes(target() / "cifar-10-batches-bin" / "data_batch_1.bin", "mine");
  HttpServer server(archive_, {{}});
  const std::string said = fetch(server, digest_);
  EXPECT_NE(said.find("expected a whole CIFAR-10 or nothing, found: "), std::string::npos) << said;
  EXPECT_EQ(read_bytes(target() / "cifar-10-batches-bin" / "data_batch_1.bin"), "mine");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Fetch, NamesATargetThatIsNoDirectory) {
  write_bytes(target(), "a file");
  HttpServer server(archive_, {{}});
  const std::string said = fetch(server, digest_);
  EXPECT_NE(said.find("expected a directory to write to, found: "), std::string::npos) << said;
}

TEST_F(Fetch, TwoAtOnceDoNotMix) {
  fs::create_directory(target());
  const int other = open(target().c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(flock(other, LOCK_EX), 0);
  HttpServer server(archive_, {{}});
  const std::string said = fetch(server, digest_);
  EXPECT_NE(said.find("expected to be the only download into this directory"), std::string::npos) << said;
  close(other);
}

}  // namespace
}  // namespace lamina
