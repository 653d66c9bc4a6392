#include "datasets/load.h"

#include "tests/datasets/data_testing.h"

namespace lamina {
namespace {

using namespace lamina::testing;

// A home and a $LAMINA_DATA of its own, and an address that refuses to answer.
class Load : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("HOME", home().c_str(), 1);
    setenv("LAMINA_DATA", shared().c_str(), 1);
    unsetenv("XDG_CACHE_HOME");
    setenv("no_proxy", "127.0.0.1", 1);
    options_.fetch.url = "http://127.0.0.1:1/x";
    options_.say = [this](std::string_view line) { said_.emplace_back(line); };
  }
  fs::path home() const { return temporary_.path() / "home"; }
  fs::path cache() const { return home() / ".cache" / "lamina"; }
  fs::path shared() const { return temporary_.path() / "shared"; }
  fs::path given() const { return temporary_.path() / "given"; }

  TemporaryDirectory temporary_;
  LoadOptions options_;
  std::vector<std::string> said_;
};

TEST_F(Load, PlacesAreLookedIntoInOrder) {
  EXPECT_EQ(find_dataset("cifar10", given()), fs::path());
  EXPECT_EQ(data_home(), shared());
  EXPECT_EQ(data_home(given()), given());
  write_cifar(cache() / "cifar-10-batches-bin", 1, 1);
  EXPECT_EQ(find_dataset("cifar10", given()), cache());
  write_bytes(shared() / "cifar-10-binary.tar.gz", "");
  EXPECT_EQ(find_dataset("cifar10", given()), shared() / "cifar-10-binary.tar.gz");
  write_cifar(given(), 1, 1);
  EXPECT_EQ(find_dataset("cifar10", given()), given());
  unsetenv("LAMINA_DATA");
  EXPECT_EQ(find_dataset("cifar10"), cache());
  EXPECT_EQ(data_home(), cache());
  unsetenv("HOME");
  EXPECT_NE(thrown([] { data_home(); }), "nothing thrown");
}

TEST_F(Load, TheCacheIsWhereXdgSaysThenInTheHome) {
  unsetenv("LAMINA_DATA");
  const fs::path xdg = temporary_.path() / "xdg";
  write_cifar(cache(), 1, 1);
  setenv("XDG_CACHE_HOME", xdg.c_str(), 1);
  EXPECT_EQ(data_home(), xdg / "lamina");
  EXPECT_EQ(find_dataset("cifar10"), cache());
  write_cifar(xdg / "lamina", 1, 1);
  EXPECT_EQ(find_dataset("cifar10"), xdg / "lamina");
  setenv("XDG_CACHE_HOME", "xdg", 1);  // relative: not valid
  EXPECT_EQ(data_home(), cache());
  unsetenv("HOME");
  setenv("XDG_CACHE_HOME", xdg.c_str(), 1);
  EXPECT_EQ(find_dataset("cifar10"), xdg / "lamina");
}

TEST_F(Load, MnistAndFashionMnistAreNotMistaken) {
  write_idx(given() / "fashion-mnist", 2000, 10);
  EXPECT_EQ(find_dataset("mnist", given()), fs::path());
  EXPECT_EQ(find_dataset("mnist", given() / "fashion-mnist"), fs::path());
  EXPECT_EQ(find_dataset("fashion-mnist", given()), given() / "fashion-mnist");
  EXPECT_EQ(find_dataset("fashion-mnist", given() / "fashion-mnist"), given() / "fashion-mnist");
  write_idx(shared() / "MNIST" / "raw", 2000, 10);
  EXPECT_EQ(find_dataset("mnist", given()), shared() / "MNIST" / "raw");
  EXPECT_EQ(load_dataset("mnist").class_names[1], "1");
  EXPECT_EQ(load_dataset("fashion-mnist", given()).class_names[1], "Trouser");
}

TEST_F(Load, ADirectoryIsTakenForWhatItHolds) {
  write_cifar(given() / "c" / "cifar-10-batches-bin", 400, 10);
  write_idx(given() / "Fashion", 2000, 10);
  EXPECT_EQ(load_dataset((given() / "c").string()).name, "CIFAR-10");
  EXPECT_EQ(load_dataset((given() / "c" / "cifar-10-batches-bin").string()).name, "CIFAR-10");
  EXPECT_EQ(load_dataset((given() / "Fashion").string()).name, "Fashion-MNIST");
  write_bytes(given() / "d" / "cifar-10-binary.tar.gz", gzip(tar(cifar_entries(400, 10))));
  EXPECT_EQ(load_dataset((given() / "d").string()).train.size(), 1000);
  EXPECT_EQ(load_dataset((given() / "d" / "cifar-10-binary.tar.gz").string()).train.size(), 1000);

  const auto said = [](const fs::path& path) { return thrown([&] { load_dataset(path.string()); }); };
  EXPECT_EQ(said(given()),
            "[load_dataset] " + given().string() +
                ": expected CIFAR-10 (data_batch_1.bin, a folder cifar-10-batches-bin or cifar-10-binary.tar.gz), IDX "
                "files (train-images-idx3-ubyte, also with .gz) or one folder of PNG or JPEG images a class, found "
                "none");
  EXPECT_EQ(said("cifar100"),
            "[load_dataset] cifar100: expected auto, cifar10, fashion-mnist, mnist, synthetic, a "
            "directory, a table or a .npz file, found no such thing");
  EXPECT_EQ(said(given() / "Fashion" / "train-images-idx3-ubyte"),
            "[load_dataset] " + (given() / "Fashion" / "train-images-idx3-ubyte").string() +
                ": expected a directory, CIFAR-10's .tar.gz, a table (.csv, .tsv) or a .npz file, found another file");
}

TEST_F(Load, WhatIsNotFoundIsNamedWithThePlaces) {
  EXPECT_EQ(
      thrown([&] { load_dataset("mnist", given()); }),
      "[load_dataset] " + given().string() + ": expected a directory of data sets (--data-dir), found no such thing");
  fs::create_directories(given());
  EXPECT_EQ(thrown([&] { load_dataset("mnist", given()); }), "[load_dataset] mnist: expected it in " +
                                                                 given().string() + ", " + shared().string() + ", " +
                                                                 cache().string() + ", found it in none");
}

TEST_F(Load, AutoTakesCifar10WhereItIsFound) {
  write_cifar(cache(), 400, 10);
  EXPECT_EQ(load_dataset("auto", {}, options_).name, "CIFAR-10");
  EXPECT_TRUE(said_.empty());
}

TEST_F(Load, AutoNamesADamagedCifar10) {
  write_cifar(cache(), 400, 10);
  write_bytes(cache() / "test_batch.bin", "x");
  EXPECT_NE(thrown([&] { load_dataset("auto", {}, options_); }).find("test_batch.bin: expected"), std::string::npos);
}

TEST_F(Load, AutoDoesWithoutCifar10) {
  write_idx(given() / "fashion-mnist", 2000, 10);
  EXPECT_EQ(load_dataset("auto", given(), options_).name, "Fashion-MNIST");
  ASSERT_EQ(said_.size(), 2u);
  EXPECT_EQ(said_[0], "CIFAR-10 is not in " + given().string() + ", " + shared().string() + ", " + cache().string() +
                          ": downloading it to " + given().string());
  EXPECT_EQ(said_[1].find("no CIFAR-10, so Fashion-MNIST from " + (given() / "fashion-mnist").string() +
                          ": [fetch_cifar10] http://127.0.0.1:1/x: expected a download, found: "),
            0u)
      << said_[1];
  EXPECT_EQ(said_[1].find('\n'), std::string::npos);
}

}  // namespace
}  // namespace lamina
