#include "datasets/cifar10.h"

#include <sys/stat.h>

#include <iostream>

#include "tests/datasets/data_testing.h"

namespace lamina {
namespace {

using namespace lamina::testing;

void expect_made_up(const Cifar10& all, int train, int test) {
  ASSERT_EQ(all.train.images.shape(), (Shape{5 * train, 3, 32, 32}));
  ASSERT_EQ(all.test.images.shape(), (Shape{test, 3, 32, 32}));
  EXPECT_EQ(all.class_names[3], "three");
  for (int f = 0; f < 6; ++f)
    for (int i = 0; i < (f < 5 ? train : test); ++i) {
      const LabelledImages& part = f < 5 ? all.train : all.test;
      const Index n = f < 5 ? f * train + i : i;
      ASSERT_EQ(part.labels[static_cast<std::size_t>(n)], (i + f) % 10);
      for (int j = 0; j < 3072; ++j) ASSERT_EQ(part.images[n * 3072 + j], (i + 2 * f + j * j) % 251);
    }
}

TEST(Cifar10, ADirectoryItsParentAndTheArchiveAreRead) {
  const TemporaryDirectory temporary;
  write_cifar(temporary.path() / "cifar-10-batches-bin", 7, 3);
  expect_made_up(read_cifar10(temporary.path()), 7, 3);
  expect_made_up(read_cifar10(temporary.path() / "cifar-10-batches-bin"), 7, 3);
  const fs::path archive = temporary.path() / "made-up.tar.gz";
  write_bytes(archive, gzip(tar(cifar_entries(300, 3))));
  expect_made_up(read_cifar10(archive), 300, 3);
  auto entries = cifar_entries(2, 3, "./");
  std::reverse(entries.begin(), entries.end());
  write_bytes(archive, tar(entries));
  expect_made_up(read_cifar10(archive), 2, 3);
  EXPECT_TRUE(is_cifar10(temporary.path()));
  EXPECT_TRUE(is_cifar10(archive));
  EXPECT_FALSE(is_cifar10(temporary.path() / "nothing"));
}

TEST(Cifar10, NamesAreTheKnownOnesWithoutTheirFile) {
  const TemporaryDirectory temporary;
  write_cifar(temporary.path(), 1, 1);
  fs::remove(temporary.path() / "batches.meta.txt");
  const Cifar10 all = read_cifar10(temporary.path());
  EXPECT_EQ(all.class_names.front(), "airplane");
  EXPECT_EQ(all.class_names.back(), "truck");
}

TEST(Cifar10, SplitsOfTheOfficialSize) {
  const TemporaryDirectory temporary;
  write_cifar(temporary.path(), 10000, 10000);
  const Dataset data = load_cifar10(temporary.path());
  EXPECT_EQ(data.name, "CIFAR-10");
  EXPECT_EQ(data.train.size(), 49000);
  EXPECT_EQ(data.val.size(), 1000);
  EXPECT_EQ(data.test.size(), 1000);
  EXPECT_EQ(data.val.y[5], (9005 + 4) % 10);
  EXPECT_EQ(data.test.y[7], (7 + 5) % 10);
  // Pixel 0 of file f, record i is (i + 2 f) % 251.
  double sum = 0;
  for (int n = 0; n < 49000; ++n) sum += (n % 10000 + 2 * (n / 10000)) % 251;
  EXPECT_EQ((*data.mean)[0], sum / 49000);
  Tensor<float> image;
  data.val.X.slice(2, 1, image);
  EXPECT_EQ(image[0], static_cast<float>((9002 + 8) % 251 - sum / 49000));
}

TEST(Cifar10, FaultsAreNamed) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  const std::string at = "[read_cifar10] " + here.string();
  const auto said = [&] { return thrown([&] { read_cifar10(here); }); };
  EXPECT_EQ(said(),
            at + ": expected data_batch_1.bin or a folder cifar-10-batches-bin in the directory, found neither");
  write_cifar(here, 2, 2);
  EXPECT_EQ(thrown([&] { load_cifar10(here); }),
            "[load_cifar10] " + here.string() + ": expected 2000 or more training images, found 10");
  fs::remove(here / "data_batch_4.bin");
  EXPECT_EQ(said(), at + "/data_batch_4.bin: expected a file, found none");
  fs::create_directory(here / "data_batch_4.bin");
  EXPECT_EQ(said(), at + "/data_batch_4.bin: expected a file, found something else");
  fs::remove(here / "data_batch_4.bin");
  mkfifo((here / "data_batch_4.bin").c_str(), 0600);  // reading it would wait for ever
  EXPECT_EQ(said(), at + "/data_batch_4.bin: expected a file, found something else");
  fs::remove(here / "data_batch_4.bin");
  write_bytes(here / "data_batch_4.bin", "");
  EXPECT_EQ(said(), at + "/data_batch_4.bin: expected 1 to 100000 whole records of 3073 bytes, found 0 bytes");
  write_bytes(here / "data_batch_4.bin", cifar_records(3, 1));
  EXPECT_EQ(said(), at + "/data_batch_4.bin: expected 2 records as in the other training files, found 1");
  std::string records = cifar_records(3, 2);
  records[3073] = 77;
  write_bytes(here / "data_batch_4.bin", records);
  EXPECT_EQ(said(), at + "/data_batch_4.bin: expected labels of 0 to 9, found 77 in record 1");
  write_cifar(here, 2, 2);
  write_bytes(here / "batches.meta.txt", "cat\ndog\n");
  EXPECT_EQ(said(), at + "/batches.meta.txt: expected ten class names, one a line, found 2");
  write_bytes(here / "batches.meta.txt", std::string(5000, 'a'));
  EXPECT_EQ(said(), at + "/batches.meta.txt: expected ten class names, found 5000 bytes");
}

TEST(Cifar10, FaultsOfArchivesAreNamed) {
  const TemporaryDirectory temporary;
  const fs::path path = temporary.path() / "a.tar.gz";
  const std::string at = "[read_cifar10] " + path.string() + ": ";
  const auto said = [&](const std::string& bytes) {
    write_bytes(path, bytes);
    return thrown([&] { read_cifar10(path); });
  };
  const std::string whole = gzip(tar(cifar_entries(2, 2)));
  EXPECT_EQ(said(whole.substr(0, whole.size() / 2)),
            at + "expected a .tar.gz archive, found: the gzipped data ends too early");
  EXPECT_EQ(said(whole.substr(0, whole.size() - 4)),
            at + "expected a .tar.gz archive, found: the gzipped data ends too early");
  std::string wrong = whole;
  wrong[wrong.size() - 6] = static_cast<char>(wrong[wrong.size() - 6] ^ 1);  // in the checksum
  EXPECT_EQ(said(wrong), at + "expected a .tar.gz archive, found: damaged gzipped data (incorrect data check)");
  auto entries = cifar_entries(2, 2);
  entries.pop_back();
  EXPECT_EQ(said(gzip(tar(entries))), at + "expected a file test_batch.bin, found none");
  entries = cifar_entries(2, 2);
  entries[2].bytes.pop_back();
  EXPECT_EQ(said(gzip(tar(entries))),
            at + "data_batch_1.bin: expected 1 to 100000 whole records of 3073 bytes, found 6145 bytes");
  entries = cifar_entries(2, 2);
  entries.push_back(entries[2]);
  EXPECT_EQ(said(gzip(tar(entries))), at + "data_batch_1.bin: expected one such file, found two");
  EXPECT_NE(said("").find(at + "expected"), std::string::npos);
  EXPECT_NE(said("this is a text").find(at + "expected a .tar.gz archive, found: "), std::string::npos);
}

TEST(Cifar10, SurvivesDamagedFiles) {
  const TemporaryDirectory temporary(quick_place());
  const fs::path& here = temporary.path();
  const auto read = [&] { read_cifar10(here); };
  write_cifar(here, 2, 2);
  expect_survives_damage(here / "data_batch_1.bin", here, cifar_records(0, 2), 6146, 10000, read);
  // The last name may be cut short: ten are left.
  EXPECT_GT(expect_survives_damage(here / "batches.meta.txt", here, kCifarNames, 46, 10000, read), 5000);
}

TEST(Cifar10, SurvivesDamagedArchives) {
  const TemporaryDirectory temporary(quick_place());
  const fs::path path = temporary.path() / "a.tar.gz";
  const auto read = [&] { read_cifar10(path); };
  const std::string plain = tar(cifar_entries(1, 1)), packed = gzip(plain);
  expect_survives_damage(path, path, packed, 1000, 10000, read);
  expect_survives_damage(path, path, plain, 2000, 10000, read);
}

TEST(Cifar10, TheRealOne) {
  const char* place = std::getenv("LAMINA_TEST_CIFAR10");
  if (place == nullptr || *place == '\0') {
    std::cout
        << "LAMINA_TEST_CIFAR10 names no directory: sizes and label counts of a real CIFAR-10 were not checked.\n";
    return;
  }
  const Dataset data = load_cifar10(place);
  EXPECT_EQ(data.train.size(), 49000);
  EXPECT_EQ(data.val.size(), 1000);
  EXPECT_EQ(data.test.size(), 1000);
  EXPECT_EQ(data.example_shape(), (Shape{3, 32, 32}));
  EXPECT_EQ(data.class_names[6], "frog");
  std::array<int, 10> counts{};
  for (const Label y : data.train.y) ++counts[static_cast<std::size_t>(y)];
  for (const Label y : data.val.y) ++counts[static_cast<std::size_t>(y)];
  for (const int count : counts) EXPECT_EQ(count, 5000);
}

}  // namespace
}  // namespace lamina
