#include "datasets/image_folder.h"

#include <algorithm>
#include <map>
#include <set>

#include "datasets/images.h"
#include "datasets/load.h"
#include "tests/datasets/data_testing.h"

namespace lamina {
namespace {

using namespace lamina::testing;

// An image of one colour.
void write_image(const fs::path& path, Index height, Index width, std::array<std::uint8_t, 3> colour) {
  Tensor<std::uint8_t> image(Shape{height, width, 3});
  for (Index i = 0; i < image.size(); ++i) image[i] = colour[static_cast<std::size_t>(i % 3)];
  fs::create_directories(path.parent_path());
  write_png(path, image);
}

// Class c's image i has the red value 16 c + i, so that each can be told in a batch.
void write_set(const fs::path& directory, const std::vector<std::pair<std::string, int>>& classes, bool grey = false) {
  for (std::size_t c = 0; c < classes.size(); ++c)
    for (int i = 0; i < classes[c].second; ++i) {
      const auto red = static_cast<std::uint8_t>(16 * c + static_cast<std::size_t>(i));
      const std::uint8_t green = grey ? red : 200, blue = grey ? red : 100;
      write_image(directory / classes[c].first / ("i" + std::to_string(10 + i) + ".png"), 5 + i, 40 - i,
                  {red, green, blue});
    }
}

// The red value of each image.
std::vector<int> reds(const Split& split) {
  std::vector<int> result;
  Tensor<double> image;
  for (Index i = 0; i < split.size(); ++i) {
    split.X.with_mean(nullptr).slice(i, 1, image);
    result.push_back(static_cast<int>(image[0]));
  }
  return result;
}

TEST(ImageFolder, ClassesAreFoldersInTheOrderOfTheirNames) {
  const TemporaryDirectory temporary;
  const fs::path here = temporary.path() / "animals";
  write_set(here, {{"cat", 10}, {"ant", 16}, {"bee", 12}});
  EXPECT_TRUE(is_image_folder(here));
  EXPECT_FALSE(is_image_folder(here / "cat"));
  const Dataset data = load_dataset(here.string());
  EXPECT_EQ(data.name, "animals");
  EXPECT_EQ(data.class_names, (std::vector<std::string>{"ant", "bee", "cat"}));
  EXPECT_EQ(data.example_shape(), (Shape{3, 32, 32}));
  EXPECT_EQ(data.val.size(), 2 + 1 + 1);
  EXPECT_EQ(data.test.size(), 2 + 1 + 1);
  EXPECT_EQ(data.train.size(), 12 + 10 + 8);

  // Every image is in one split, with its class: cat's reds are 0 to 9, ant's 16 to 31, bee's 32 to 43.
  std::multiset<int> seen;
  for (const Split* split : {&data.train, &data.val, &data.test}) {
    const std::vector<int> red = reds(*split);
    for (std::size_t i = 0; i < red.size(); ++i) {
      seen.insert(red[i]);
      EXPECT_EQ(split->y[i], red[i] < 16 ? 2 : red[i] < 32 ? 0 : 1);
    }
  }
  std::multiset<int> all;
  for (int i = 0; i < 10; ++i) all.insert(i);
  for (int i = 0; i < 16; ++i) all.insert(16 + i);
  for (int i = 0; i < 12; ++i) all.insert(32 + i);
  EXPECT_EQ(seen, all);
  // The first images of the training split are of several classes.
  EXPECT_GT(std::set<Label>(data.train.y.begin(), data.train.y.begin() + 8).size(), 1u);

  // The mean is that of the training images alone, and is subtracted.
  double sum = 0;
  for (const int red : reds(data.train)) sum += red;
  EXPECT_DOUBLE_EQ((*data.mean)[0], sum / 30);
  EXPECT_DOUBLE_EQ((*data.mean)[1024], 200);
  Tensor<double> image;
  data.val.X.slice(0, 1, image);
  EXPECT_DOUBLE_EQ(image[0], reds(data.val)[0] - sum / 30);
}

TEST(ImageFolder, TheSeedDecidesTheSplit) {
  const TemporaryDirectory temporary;
  write_set(temporary.path(), {{"a", 16}, {"b", 16}});
  const auto load = [&](std::uint32_t seed) { return load_image_folder(temporary.path(), {.split_seed = seed}); };
  const Dataset first = load(3), again = load(3), other = load(4);
  EXPECT_EQ(reds(first.train), reds(again.train));
  EXPECT_EQ(reds(first.val), reds(again.val));
  EXPECT_NE(reds(first.train), reds(other.train));
  const Dataset halves = load_image_folder(temporary.path(), {.val_fraction = 0.25, .test_fraction = 0.5});
  EXPECT_EQ(halves.val.size(), 8);
  EXPECT_EQ(halves.test.size(), 16);
}

TEST(ImageFolder, ImagesAreResizedAsForPrediction) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  Tensor<std::uint8_t> image(Shape{30, 50, 3});
  for (Index i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i * i % 251);
  fs::create_directories(here / "a");
  fs::create_directories(here / "b");
  for (const char* name : {"a/x.png", "b/x.PNG"}) write_png(here / name, image);
  const Tensor<std::uint8_t> wanted = fit_image(image, Shape{3, 12, 16});
  write_image(here / "b" / "y.png", 7, 7, {9, 8, 7});
  const Dataset data = load_image_folder(here, {.height = 12, .width = 16});
  EXPECT_EQ(data.example_shape(), (Shape{3, 12, 16}));
  Tensor<float> pixels;
  data.train.X.with_mean(nullptr).gather(std::vector<Index>{data.train.y[0] == 0 ? 0 : 1}, pixels);
  ASSERT_EQ(pixels.size(), wanted.size());
  for (Index i = 0; i < wanted.size(); ++i) ASSERT_EQ(pixels[i], wanted[i]) << i;
}

TEST(ImageFolder, GreyImagesHaveOneChannelWhereAllAreGrey) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  write_set(here, {{"a", 4}, {"b", 4}}, true);
  EXPECT_EQ(load_image_folder(here).example_shape(), (Shape{1, 32, 32}));
  EXPECT_EQ(reds(load_image_folder(here).train).size(), 4u);
  EXPECT_EQ(load_image_folder(here, {.channels = 3}).example_shape(), (Shape{3, 32, 32}));
  const std::vector<int> grey = reds(load_image_folder(here).train);
  EXPECT_EQ(grey, reds(load_image_folder(here, {.channels = 1}).train));
  write_image(here / "b" / "z.png", 9, 9, {10, 10, 11});
  EXPECT_EQ(load_image_folder(here).example_shape(), (Shape{3, 32, 32}));
}

TEST(ImageFolder, FewImagesAreEnough) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  write_set(here, {{"a", 1}, {"b", 2}, {"c", 3}});
  const Dataset data = load_image_folder(here);
  const auto count = [](const Split& split, Label label) { return std::count(split.y.begin(), split.y.end(), label); };
  EXPECT_EQ(count(data.train, 0), 1);
  EXPECT_EQ(count(data.train, 1), 1);
  EXPECT_EQ(count(data.val, 1), 1);
  for (const Split* split : {&data.train, &data.val, &data.test}) EXPECT_EQ(count(*split, 2), 1);
  const Dataset greedy = load_image_folder(here, {.val_fraction = 0.9, .test_fraction = 0.05});
  for (Label label = 0; label < 3; ++label) EXPECT_EQ(count(greedy.train, label), 1) << label;
}

TEST(ImageFolder, WhatIsSkippedIsCounted) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  write_set(here, {{"a", 3}, {"b", 3}});
  std::vector<std::string> said;
  const auto load = [&] {
    said.clear();
    return load_image_folder(here, {.say = [&](std::string_view line) { said.emplace_back(line); }});
  };
  EXPECT_EQ(load().train.size(), 2);
  EXPECT_TRUE(said.empty());
  write_bytes(here / "a" / ".hidden.png", "x");
  EXPECT_EQ(load().train.size(), 2);
  EXPECT_EQ(said,
            std::vector<std::string>{"skipped 1 entry that is hidden, or no PNG or JPEG file in a class's folder: " +
                                     (here / "a" / ".hidden.png").string()});
  write_bytes(here / ".git" / "x.png", "x");
  write_bytes(here / "b" / "notes.txt", "x");
  write_bytes(here / "b" / ".deeper" / "x.png", "x");
  write_bytes(here / "readme", "x");
  EXPECT_EQ(load().train.size(), 2);
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0].find("skipped 5 entries that are hidden"), 0u) << said[0];
}

// The lines that a load says.
std::vector<std::string> lines_of(const fs::path& directory, ImageFolderOptions options = {}) {
  std::vector<std::string> said;
  options.say = [&](std::string_view line) { said.emplace_back(line); };
  load_image_folder(directory, options);
  return said;
}

TEST(ImageFolder, AGivenSplitIsUsed) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  write_set(here / "train", {{"a", 4}, {"b", 5}});
  write_set(here / "Valid", {{"a", 2}, {"b", 1}});
  write_set(here / "test", {{"b", 3}});
  const Dataset data = load_image_folder(here);
  EXPECT_EQ(data.class_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(data.train.size(), 9);
  EXPECT_EQ(reds(data.val), (std::vector<int>{0, 1, 16}));
  EXPECT_EQ(data.val.y, (std::vector<Label>{0, 0, 1}));
  EXPECT_EQ(reds(data.test), (std::vector<int>{0, 1, 2}));  // the only class of its set, so the first there
  EXPECT_EQ(data.test.y, (std::vector<Label>{1, 1, 1}));
  EXPECT_EQ(lines_of(here),
            (std::vector<std::string>{"the folder's own split is used, for training, validation and testing",
                                      "the folder's test images have none of a"}));
  EXPECT_EQ(lines_of(here, {.val_fraction = 0.2, .test_fraction = 0.2}).back(),
            "--val-fraction and --test-fraction have no effect, since the folder has a split of its own");
  EXPECT_EQ(lines_of(here, {.val_fraction = 0.2}).back(),
            "--val-fraction has no effect, since the folder has a split of its own");
  write_set(here / "test", {{"c", 1}});
  EXPECT_EQ(thrown([&] { load_image_folder(here); }),
            "[load_image_folder] " + (here / "test" / "c").string() +
                ": expected the classes that train has, a and b, found another one");
}

TEST(ImageFolder, WhatASplitDoesNotGiveIsHeldOut) {
  const TemporaryDirectory temporary;
  const fs::path &here = temporary.path(), two = here / "two", unlabelled = here / "unlabelled", val = here / "val";
  write_set(two / "train", {{"a", 10}, {"b", 10}});
  write_set(two / "test", {{"a", 3}, {"b", 3}});
  const Dataset data = load_image_folder(two);
  EXPECT_EQ(data.train.size(), 18);
  EXPECT_EQ(data.val.size(), 2);
  EXPECT_EQ(data.test.size(), 6);
  // A contest's images to be labelled are of no use here.
  write_set(unlabelled / "train", {{"a", 10}, {"b", 10}});
  write_set(unlabelled, {{"test", 3}});
  const Dataset rest = load_image_folder(unlabelled);
  EXPECT_EQ(rest.train.size(), 16);
  EXPECT_EQ(rest.val.size(), 2);
  EXPECT_EQ(rest.test.size(), 2);
  EXPECT_EQ(
      lines_of(unlabelled).back(),
      "skipped 1 entry that is hidden, or no PNG or JPEG file in a class's folder: " + (unlabelled / "test").string());
  write_set(val / "train", {{"a", 10}, {"b", 10}});
  write_set(val / "val", {{"a", 3}, {"b", 3}});
  EXPECT_EQ(load_image_folder(val).train.size(), 20);
  EXPECT_EQ(load_image_folder(val).test.size(), 0);
}

TEST(ImageFolder, ClassesAndSplitsAreFoundInTheOnlyFolder) {
  const TemporaryDirectory temporary;
  const fs::path &here = temporary.path(), animals = here / "archive" / "animals";
  write_set(animals, {{"a", 4}, {"b", 4}});
  write_bytes(here / "readme.txt", "x");
  EXPECT_TRUE(is_image_folder(here));
  EXPECT_EQ(load_image_folder(here).train.size(), 4);
  EXPECT_EQ(lines_of(here), std::vector<std::string>{"the images are taken from " + animals.string()});
  fs::remove_all(animals);
  write_set(animals / "train", {{"a", 4}, {"b", 4}});
  EXPECT_EQ(load_image_folder(here).train.size(), 4);
  write_set(animals / "val", {{"a", 3}, {"b", 3}});
  EXPECT_EQ(load_image_folder(here).train.size(), 8);
  EXPECT_EQ(load_image_folder(here).val.size(), 6);
  EXPECT_EQ(lines_of(here).size(), 2u);
}

TEST(ImageFolder, ASplitWithoutClassesIsRefused) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  for (const char* name : {"train/cat.0.png", "train/cat.1.png", "train/dog.0.png", "test/1.png"})
    write_image(here / name, 8, 8, {1, 2, 3});
  const auto said = [&] { return thrown([&] { load_image_folder(here); }); };
  const std::string refused = "[load_image_folder] " + here.string() +
                              ": expected one folder of images a class, found the folders test and train of a split "
                              "without classes: sort the images of train into a folder for each class, such as train/";
  EXPECT_EQ(said(), refused + "cat; the files' names suggest the classes cat and dog");
  write_image(here / "train" / "0001.png", 8, 8, {1, 2, 3});
  EXPECT_EQ(said(), refused + "cat");
  // Beside other classes the names are merely odd.
  write_set(here, {{"bus", 3}});
  ASSERT_EQ(lines_of(here).size(), 1u);
  EXPECT_TRUE(lines_of(here)[0].starts_with("trained as classes: test and train, though")) << lines_of(here)[0];
}

TEST(ImageFolder, ClassesOneFolderDeeperAreNoticed) {
  const TemporaryDirectory temporary;
  const fs::path folds = temporary.path() / "folds", no_train = temporary.path() / "no_train";
  for (const char* fold : {"x", "y"}) write_set(folds / fold, {{"a", 3}, {"b", 3}});
  EXPECT_EQ(lines_of(folds),
            std::vector<std::string>{
                "trained as classes: x and y, though each of them has the same folders, a and b; if those are the "
                "classes, give one of the outer folders, or call them train and test (and val)"});
  for (const char* part : {"test", "val"}) write_set(no_train / part, {{"a", 3}, {"b", 3}});
  EXPECT_EQ(thrown([&] { load_image_folder(no_train); }),
            "[load_image_folder] " + no_train.string() +
                ": expected a folder train in a split, found only test and val, each with the folders a and b");
  // Folders in classes that differ, or are few, are nothing to remark upon.
  write_set(folds / "y", {{"c", 3}});
  EXPECT_TRUE(lines_of(folds).empty());
}

TEST(ImageFolder, AClassThatAPartLacksIsNamed) {
  const TemporaryDirectory temporary;
  write_set(temporary.path() / "train", {{"a", 3}, {"b", 3}, {"c", 3}});
  write_set(temporary.path() / "test", {{"b", 3}});
  EXPECT_EQ(lines_of(temporary.path()),
            (std::vector<std::string>{"the folder's own split is used, for training and testing",
                                      "the folder's test images have none of a and c"}));
}

TEST(ImageFolder, ClassesMayLieDeep) {
  const TemporaryDirectory temporary;
  write_set(temporary.path() / "1/2/3/4/5/6", {{"a", 3}, {"b", 3}});
  EXPECT_EQ(load_image_folder(temporary.path()).class_names, (std::vector<std::string>{"a", "b"}));
}

TEST(ImageFolder, AllBrokenImagesAreNamedOrSkipped) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  write_set(here, {{"a", 16}, {"b", 16}});
  for (int i = 0; i < 6; ++i)
    for (const char* kind : {"a", "b"}) write_bytes(here / kind / ("i" + std::to_string(10 + i) + ".png"), "");
  const std::string line = thrown([&] { load_image_folder(here); });
  EXPECT_TRUE(
      line.starts_with("[read_image] " + here.string() +
                       ": expected images that can be read (--skip-broken leaves out those that cannot), found 12 "
                       "files: a/i10.png, a/i11.png, "))
      << line;
  EXPECT_TRUE(line.ends_with(", b/i13.png and 2 others (expected a PNG or JPEG image, got an empty file)")) << line;
  for (const char* kind : {"a", "b"}) write_bytes(here / kind / "i12.png", "GIF89a");
  const std::string two = thrown([&] { load_image_folder(here); });
  EXPECT_TRUE(two.ends_with("b/i15.png (expected a PNG or JPEG image, got an empty file) and 2 others")) << two;
  for (const char* kind : {"a", "b"}) write_bytes(here / kind / "i12.png", "");

  std::vector<std::string> said;
  const Dataset rest =
      load_image_folder(here, {.skip_broken = true, .say = [&](std::string_view text) { said.emplace_back(text); }});
  ASSERT_EQ(said.size(), 1u);
  EXPECT_TRUE(said[0].starts_with("skipped what cannot be read in " + here.string() + ": 12 files: a/i10.png, "))
      << said[0];
  EXPECT_EQ(rest.train.size() + rest.val.size() + rest.test.size(), 20);
  // They are as if they were not there.
  for (int i = 0; i < 6; ++i)
    for (const char* kind : {"a", "b"}) fs::remove(here / kind / ("i" + std::to_string(10 + i) + ".png"));
  const Dataset without = load_image_folder(here);
  const auto expect_same = [](const Split& left, const Split& right) {
    EXPECT_EQ(reds(left), reds(right));
    EXPECT_EQ(left.y, right.y);
  };
  expect_same(rest.train, without.train);
  expect_same(rest.val, without.val);
  expect_same(rest.test, without.test);
  EXPECT_EQ(std::vector<double>(rest.mean->begin(), rest.mean->end()),
            std::vector<double>(without.mean->begin(), without.mean->end()));
}

// Whichever images are broken, three that can be read are one for each split.
TEST(ImageFolder, BrokenImagesDoNotEmptyAClassesSplits) {
  const TemporaryDirectory temporary;
  for (int first = 0; first < 6; ++first) {
    const fs::path here = temporary.path() / std::to_string(first);
    write_set(here, {{"a", 6}, {"b", 16}});
    for (int i = first; i < first + 3; ++i) write_bytes(here / "a" / ("i" + std::to_string(10 + i % 6) + ".png"), "");
    const Dataset data = load_image_folder(here, {.skip_broken = true});
    for (const Split* split : {&data.train, &data.val, &data.test})
      EXPECT_EQ(std::count(split->y.begin(), split->y.end(), 0), 1) << first;
  }
}

TEST(ImageFolder, AClassOfBrokenImagesIsAnErrorLikeOneOfNone) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  write_set(here, {{"a", 16}, {"b", 3}});
  for (int i = 0; i < 3; ++i) write_bytes(here / "b" / ("i" + std::to_string(10 + i) + ".png"), "");
  EXPECT_EQ(thrown([&] { load_image_folder(here, {.skip_broken = true}); }),
            "[load_image_folder] " + (here / "b").string() +
                ": expected images that can be read in each class's folder, found none");
  const fs::path own = here / "own";
  for (const char* part : {"train", "val", "test"}) write_set(own / part, {{"a", 4}, {"b", 4}});
  for (int i = 0; i < 4; ++i) write_bytes(own / "val" / "a" / ("i" + std::to_string(10 + i) + ".png"), "");
  EXPECT_TRUE(thrown([&] {
                load_image_folder(own, {.skip_broken = true});
              }).starts_with("[load_image_folder] " + (own / "val" / "a").string() + ": expected images"));
}

TEST(ImageFolder, SuffixesAndFoldersOfJpegAreRead) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  write_set(here, {{"a", 3}, {"b", 3}});
  for (const char* name : {"x.jfif", "x.JPE", "x.jpeg", "x.jpg", "more/x.png", "more/still/x.png"})
    for (const char* kind : {"a", "b"}) write_image(here / kind / name, 8, 8, {1, 2, 3});
  const Dataset data = load_image_folder(here);
  EXPECT_EQ(data.train.size() + data.val.size() + data.test.size(), 18);
  EXPECT_TRUE(lines_of(here).empty());
  // A link to a folder above is not followed, as that would have no end.
  fs::create_directory_symlink(here, here / "a" / "more" / "circle");
  EXPECT_EQ(load_image_folder(here).train.size(), data.train.size());
  EXPECT_EQ(lines_of(here).size(), 1u);
}

TEST(ImageFolder, WhatAMacAndOtherFormatsLeaveIsNamed) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  write_set(here, {{"a", 3}, {"b", 3}});
  write_bytes(here / "__MACOSX" / "a" / "._i10.png", "x");
  EXPECT_EQ(lines_of(here),
            std::vector<std::string>{"skipped what a Mac added to its archive: " + (here / "__MACOSX").string()});
  fs::remove_all(here / "__MACOSX");
  for (const char* name : {"a/x.webp", "a/y.webp", "b/x.gif"}) write_bytes(here / name, "x");
  EXPECT_EQ(lines_of(here),
            std::vector<std::string>{"skipped 3 GIF and WebP images, to be converted to PNG or JPEG before they can be "
                                     "used: " +
                                     (here / "a" / "x.webp").string() + " and others"});
  write_bytes(here / "c" / "x.bmp", "x");
  EXPECT_EQ(thrown([&] { load_image_folder(here); }),
            "[load_image_folder] " + (here / "c").string() +
                ": expected PNG or JPEG images in each class's folder, found only BMP images: convert them to PNG or "
                "JPEG");
}

TEST(ImageFolder, FaultsAreNamed) {
  const TemporaryDirectory temporary;
  const fs::path& here = temporary.path();
  const auto said = [&] { return thrown([&] { load_image_folder(here); }); };
  write_set(here, {{"a", 3}});
  EXPECT_EQ(said(), "[load_image_folder] " + here.string() + ": expected two or more folders, one a class, found 1");
  fs::create_directories(here / "b");
  EXPECT_EQ(said(), "[load_image_folder] " + (here / "b").string() +
                        ": expected PNG or JPEG images in each class's folder, found none");
  write_set(here, {{"a", 20}, {"b", 20}});
  const fs::path broken = here / "b" / "i15.png";
  const std::string whole = read_bytes(broken);
  write_bytes(broken, whole.substr(0, whole.size() / 2));
  write_bytes(here / "b" / "i16.png", "");
  const std::string line = said();
  EXPECT_NE(line.find("found 2 files: b/i15.png ("), std::string::npos) << line;
  EXPECT_NE(line.find("), b/i16.png ("), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line, said()) << "the same line each time";
  EXPECT_THROW(load_image_folder(here, {.height = 0}), std::invalid_argument);
  EXPECT_THROW(load_image_folder(here, {.val_fraction = 0.6, .test_fraction = 0.5}), std::invalid_argument);
}

}  // namespace
}  // namespace lamina
