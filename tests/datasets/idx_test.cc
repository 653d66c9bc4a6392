#include "datasets/idx.h"

#include "tests/datasets/data_testing.h"

namespace lamina {
namespace {

using namespace lamina::testing;

TEST(Idx, PlainAndGzippedFilesAreTheSame) {
  const TemporaryDirectory temporary;
  const fs::path plain = temporary.path() / "a", packed = temporary.path() / "a.gz";
  write_bytes(plain, idx_images(5));
  write_bytes(packed, gzip(idx_images(5)));
  const Tensor<std::uint8_t> images = read_idx(plain), unpacked = read_idx(packed);
  EXPECT_EQ(images.shape(), (Shape{5, 4, 6}));
  EXPECT_EQ(images(4, 1, 2), (4 + 7 * 8) % 256);
  EXPECT_EQ(unpacked.shape(), images.shape());
  EXPECT_TRUE(std::equal(images.begin(), images.end(), unpacked.begin()));
}

TEST(Idx, ADirectoryIsSplit) {
  const TemporaryDirectory temporary;
  const fs::path here = temporary.path() / "mnist";
  write_idx(here, 2500, 1200);
  EXPECT_TRUE(is_idx(here));
  EXPECT_FALSE(is_idx(temporary.path()));
  const Dataset data = load_idx(here);
  EXPECT_EQ(data.name, "MNIST");
  EXPECT_EQ(data.class_names[9], "9");
  EXPECT_EQ(data.train.size(), 1500);
  EXPECT_EQ(data.val.size(), 1000);
  EXPECT_EQ(data.test.size(), 1000);
  EXPECT_EQ(data.example_shape(), (Shape{1, 4, 6}));
  EXPECT_EQ(data.val.y[4], 4);
  Tensor<double> image;
  data.val.X.slice(3, 1, image);
  EXPECT_EQ(image[2], (1503 + 14) % 256 - (*data.mean)[2]);
  EXPECT_EQ(load_idx(here, "Fashion-MNIST").class_names[9], "Ankle boot");
  EXPECT_EQ(load_idx(here, "letters").class_names.size(), 10u);
}

TEST(Idx, APathWithMnistInItMayHoldAnotherSet) {
  const TemporaryDirectory temporary;
  for (const char* place : {"emnist/letters", "mnist/letters"}) {
    const fs::path here = temporary.path() / place;
    write_idx(here, 2000, 10);
    std::string labels = idx_labels(2000);
    labels.back() = 25;
    write_bytes(here / "train-labels-idx1-ubyte.gz", gzip(labels));
    const Dataset data = load_idx(here);
    EXPECT_EQ(data.name, "letters");
    EXPECT_EQ(data.class_names.size(), 26u);
  }
  write_idx(temporary.path() / "kmnist", 2000, 10);
  EXPECT_EQ(load_idx(temporary.path() / "kmnist").name, "kmnist");
}

TEST(Idx, EmnistsNamesOfFiles) {
  const TemporaryDirectory temporary;
  const fs::path here = temporary.path() / "letters";
  for (const auto& [part, count] : {std::pair("train", 2000u), std::pair("test", 10u)}) {
    const std::string name = std::string("emnist-letters-") + part;
    write_bytes(here / (name + "-images-idx3-ubyte.gz"), gzip(idx_images(count)));
    write_bytes(here / (name + "-labels-idx1-ubyte"), idx_labels(count));
  }
  EXPECT_TRUE(is_idx(here));
  EXPECT_EQ(load_idx(here).train.size(), 1000);
  write_bytes(here / "emnist-digits-train-images-idx3-ubyte", idx_images(5));
  EXPECT_THROW(load_idx(here), std::runtime_error);  // which of the two?
}

TEST(Idx, ClassesMayHaveNames) {
  const TemporaryDirectory temporary;
  const fs::path here = temporary.path() / "letters", names = here / "class-names.txt";
  write_idx(here, 2000, 10);
  write_bytes(names, "a\nbe\r\nc\nd\ne\nf\ng\nh\ni\nthe tenth \n\n");
  const Dataset data = load_idx(here);
  ASSERT_EQ(data.class_names.size(), 10u);
  EXPECT_EQ(data.class_names[1], "be");
  EXPECT_EQ(data.class_names[9], "the tenth");
  EXPECT_NE(data.identity, "");
  write_bytes(names, "a\nb\n");
  EXPECT_EQ(thrown([&] { load_idx(here); }),
            "[read_idx] " + names.string() + ": expected 10 to 256 names of classes, one a line, found 2");
}

TEST(Idx, FaultsAreNamed) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  const fs::path path = here / "x";
  const std::string at = "[read_idx] " + path.string() + ": ";
  const auto said = [&](const std::string& bytes) {
    write_bytes(path, bytes);
    return thrown([&] { read_idx(path); });
  };
  EXPECT_EQ(thrown([&] { read_idx(path); }), at + "expected a file, found none");
  EXPECT_EQ(said(""), at + "expected an IDX file, found only 0 bytes");
  EXPECT_EQ(said("PNG?"),
            at + "expected an IDX file of bytes, which begins with 0, 0, 8 and 1 to 4 axes, found 80, 78, 71, 63");
  const std::string images = idx_images(3);
  EXPECT_EQ(said(images.substr(0, 10)), at + "expected the lengths of 3 axes, found fewer");
  EXPECT_EQ(said(images.substr(0, images.size() - 1)),
            at + "expected 72 bytes of shape (3, 4, 6) after the header, found at most 71");
  EXPECT_EQ(said(images + "x"), at + "expected 72 bytes of shape (3, 4, 6) after the header, found more");
  EXPECT_EQ(said(gzip(images.substr(0, images.size() - 1))),
            at + "expected 72 bytes of shape (3, 4, 6) after the header, found 71");
  const std::string packed = gzip(images);
  EXPECT_EQ(said(packed.substr(0, packed.size() - 9)),
            at + "expected an IDX file, found: the gzipped data ends too early");
  std::string wrong = packed;
  wrong[wrong.size() - 6] = static_cast<char>(wrong[wrong.size() - 6] ^ 1);
  EXPECT_EQ(said(wrong), at + "expected an IDX file, found: damaged gzipped data (incorrect data check)");
  EXPECT_EQ(said(idx({0xffffffffu, 0xffffffffu, 0xffffffffu}, "")),
            at + "expected at most 2^33 elements, found more in its header");
  EXPECT_EQ(said(idx({1u << 30, 1, 1}, "")),
            at + "expected 1073741824 bytes of shape (1073741824, 1, 1) after the header, found at most 0");
  EXPECT_EQ(said(idx({0, 4, 6}, "")), at + "expected axes of length 1 or more, found 0");
}

TEST(Idx, FaultsOfSetsAreNamed) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  const auto said = [&] { return thrown([&] { load_idx(here, "MNIST"); }); };
  EXPECT_EQ(said(), "[read_idx] " + here.string() +
                        ": expected a file train-images-idx3-ubyte or train-images-idx3-ubyte.gz, found neither");
  write_idx(here, 1, 10);
  EXPECT_EQ(said(), "[load_idx] " + here.string() + ": expected 2 or more training images, found 1");
  write_idx(here, 300, 10);
  EXPECT_EQ(load_idx(here, "MNIST").val.size(), 30);
  write_idx(here, 2000, 10);
  const fs::path labels = here / "train-labels-idx1-ubyte.gz";
  write_bytes(labels, idx_labels(1999));
  EXPECT_EQ(said(), "[read_idx] " + labels.string() +
                        ": expected 2000 labels, one for each image of train-images-idx3-ubyte, found 1999");
  std::string wrong = idx_labels(2000);
  wrong[8 + 5] = 10;
  write_bytes(labels, wrong);
  EXPECT_EQ(said(), "[read_idx] " + labels.string() + ": expected labels of 0 to 9, found 10 at place 5");
  write_bytes(labels, idx_images(2000));
  EXPECT_EQ(said(), "[read_idx] " + labels.string() + ": expected labels with 1 axis, found 3");
  write_idx(here, 2000, 10);
  write_bytes(here / "t10k-images.idx3-ubyte", idx({10, 6, 4}, std::string(240, 'x')));
  EXPECT_EQ(said(),
            "[load_idx] " + here.string() + ": expected test images of the training images' size 4 x 6, found 6 x 4");
}

TEST(Idx, SurvivesDamagedFiles) {
  const TemporaryDirectory temporary(quick_place());
  const fs::path path = temporary.path() / "x";
  const auto read = [&] { read_idx(path); };
  const std::string plain = idx_images(20), packed = gzip(plain);
  EXPECT_GT(expect_survives_damage(path, path, plain, plain.size(), 10000, read), 3000);
  EXPECT_GT(expect_survives_damage(path, path, packed, packed.size(), 10000, read), 9000);
}

TEST(Idx, FashionMnistOfDebiansPackage) {
  const fs::path place = "/usr/share/datasets/fashion-mnist";
  ASSERT_TRUE(is_idx(place)) << "expected Debian's package dataset-fashion-mnist (packages.txt)";
  const Dataset data = load_idx(place);
  EXPECT_EQ(data.name, "Fashion-MNIST");
  EXPECT_EQ(data.train.size(), 59000);
  EXPECT_EQ(data.val.size(), 1000);
  EXPECT_EQ(data.test.size(), 1000);
  EXPECT_EQ(data.example_shape(), (Shape{1, 28, 28}));
  EXPECT_EQ(std::vector<Label>(data.train.y.begin(), data.train.y.begin() + 4), (std::vector<Label>{9, 0, 0, 3}));
  EXPECT_EQ(std::vector<Label>(data.test.y.begin(), data.test.y.begin() + 4), (std::vector<Label>{9, 2, 1, 1}));
  std::array<int, 10> counts{};
  for (const Label y : data.train.y) ++counts[static_cast<std::size_t>(y)];
  for (const Label y : data.val.y) ++counts[static_cast<std::size_t>(y)];
  for (const int count : counts) EXPECT_EQ(count, 6000);
}

}  // namespace
}  // namespace lamina
