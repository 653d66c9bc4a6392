// What a build without LAMINA_DOWNLOAD, LAMINA_IMAGES and LAMINA_ARCHIVES still does, and how it fails. This program is
// built with the sources in datasets/left_out, which take the place of the library's.
#include <stdlib.h>

#include "datasets/image_folder.h"
#include "datasets/images.h"
#include "datasets/load.h"
#include "datasets/npz.h"
#include "tests/datasets/data_testing.h"

namespace lamina {
namespace {

using namespace lamina::testing;

TEST(LeftOut, PlainFilesAreRead) {
  const TemporaryDirectory temporary;
  write_cifar(temporary.path() / "cifar", 400, 10);
  EXPECT_EQ(load_dataset((temporary.path() / "cifar").string()).train.size(), 1000);
  write_idx(temporary.path() / "mnist", 2500, 10);
  for (const char* packed : {"train-labels-idx1-ubyte.gz", "t10k-labels.idx1-ubyte.gz"})
    fs::remove(temporary.path() / "mnist" / packed);
  write_bytes(temporary.path() / "mnist" / "train-labels-idx1-ubyte", idx_labels(2500));
  write_bytes(temporary.path() / "mnist" / "t10k-labels-idx1-ubyte", idx_labels(10));
  const Dataset mnist = load_dataset((temporary.path() / "mnist").string());
  EXPECT_EQ(mnist.train.size(), 1500);
  EXPECT_EQ(mnist.val.y[4], 4);
}

TEST(LeftOut, PackedFilesAreRefused) {
  const TemporaryDirectory temporary;
  const std::string why = ": expected a lamina that reads and writes ";
  const std::string end = " files, got one built with LAMINA_ARCHIVES=OFF";
  write_idx(temporary.path() / "mnist", 20, 10);
  const fs::path labels = temporary.path() / "mnist" / "train-labels-idx1-ubyte.gz";
  EXPECT_EQ(thrown([&] { load_dataset((temporary.path() / "mnist").string()); }),
            "[read_idx] " + labels.string() + why + "gzipped" + end);
  const fs::path archive = temporary.path() / "cifar-10-binary.tar.gz";
  write_bytes(archive, gzip(tar(cifar_entries(4, 4))));
  EXPECT_EQ(thrown([&] { load_dataset(archive.string()); }),
            "[read_cifar10] " + archive.string() + why + ".tar.gz" + end);
  EXPECT_EQ(thrown([&] { read_npz("x.npz"); }), "[read_npz] x.npz" + why + ".npz" + end);
  EXPECT_EQ(thrown([&] { write_npz("x.npz", {}); }), "[write_npz] x.npz" + why + ".npz" + end);
}

TEST(LeftOut, ImagesAreRefused) {
  const TemporaryDirectory temporary;
  const std::string why = ": expected a lamina that knows PNG and JPEG, got one built with LAMINA_IMAGES=OFF";
  const fs::path image = temporary.path() / "cat" / "1.png";
  write_bytes(image, "\x89PNG\r\n\x1a\n");
  EXPECT_EQ(thrown([&] { read_image(image); }), "[read_image] " + image.string() + why);
  EXPECT_EQ(thrown([&] { write_png("x.png", Tensor<std::uint8_t>({1, 1, 3})); }), "[write_png] x.png" + why);
}

TEST(LeftOut, AutoDoesWithoutADownload) {
  const TemporaryDirectory temporary;
  unsetenv("LAMINA_DATA");
  const std::string why = "[fetch_cifar10] " + temporary.path().string() +
                          ": expected a lamina that can download, got one built with LAMINA_DOWNLOAD=OFF";
  EXPECT_EQ(thrown([&] { fetch_cifar10(temporary.path()); }), why);
  write_idx(temporary.path() / "fashion-mnist", 2500, 10);
  for (const auto& [packed, count] : {std::pair{"train-labels-idx1-ubyte", 2500u}, {"t10k-labels.idx1-ubyte", 10u}}) {
    fs::remove(temporary.path() / "fashion-mnist" / (std::string(packed) + ".gz"));
    write_bytes(temporary.path() / "fashion-mnist" / packed, idx_labels(count));
  }
  std::string said;
  LoadOptions options;
  options.say = [&](std::string_view line) { said = line; };
  EXPECT_EQ(load_dataset("auto", temporary.path(), options).name, "Fashion-MNIST");
  EXPECT_TRUE(said.ends_with(why)) << said;
}

}  // namespace
}  // namespace lamina
