#include "lamina/data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "lamina/random.h"

namespace lamina {
namespace {

LabelledImages random_images(Index count, std::uint32_t seed) {
  RandomState rng(seed);
  LabelledImages made{Tensor<std::uint8_t>(Shape{count, 3, 2, 5}), {}};
  for (auto& b : made.images) b = static_cast<std::uint8_t>(rng.randint(256));
  for (Index i = 0; i < count; ++i) made.labels.push_back(static_cast<Label>(i % 3));
  return made;
}

std::string thrown(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "nothing thrown";
}

TEST(Dataset, SplitsAsTheCourseDoes) {
  const LabelledImages train = random_images(3217, 1), test = random_images(1500, 2);
  const Dataset data = split_dataset("made up", {"a", "b", "c"}, train, test);
  EXPECT_EQ(data.train.size(), 2217);
  EXPECT_EQ(data.val.size(), 1000);
  EXPECT_EQ(data.test.size(), 1000);
  EXPECT_EQ(data.example_shape(), (Shape{3, 2, 5}));
  EXPECT_EQ(data.train.y, std::vector<Label>(train.labels.begin(), train.labels.begin() + 2217));
  EXPECT_EQ(data.val.y, std::vector<Label>(train.labels.begin() + 2217, train.labels.end()));
  EXPECT_EQ(data.test.y, std::vector<Label>(test.labels.begin(), test.labels.begin() + 1000));

  for (Index j = 0; j < 30; ++j) {
    double sum = 0;  // exact: whole numbers below 2^53
    for (Index i = 0; i < 2217; ++i) sum += train.images[i * 30 + j];
    ASSERT_EQ((*data.mean)[j], sum / 2217.0);
  }
  const auto check = [&](const Split& split, const Tensor<std::uint8_t>& images, Index from) {
    Tensor<float> got;
    split.X.slice(0, split.size(), got);
    ASSERT_EQ(got.shape(), (Shape{split.size(), 3, 2, 5}));
    for (Index i = 0; i < got.size(); ++i)
      ASSERT_EQ(got[i], static_cast<float>(double(images[from * 30 + i]) - (*data.mean)[i % 30]));
  };
  check(data.train, train.images, 0);
  check(data.val, train.images, 2217);
  check(data.test, test.images, 0);
}

TEST(Dataset, FirstKeepsTheMeanOfAll) {
  const Dataset data = split_dataset("made up", {"a", "b", "c"}, random_images(2000, 1), random_images(10, 2));
  EXPECT_EQ(data.test.size(), 10);
  const Split small = data.train.first(50);
  EXPECT_EQ(small.size(), 50);
  EXPECT_EQ(small.y.size(), 50u);
  Tensor<double> some, all;
  small.X.slice(0, 50, some);
  data.train.X.slice(0, 50, all);
  EXPECT_TRUE(std::equal(some.begin(), some.end(), all.begin()));
  EXPECT_EQ(data.train.first(1 << 20).size(), 1000);
}

TEST(Examples, GatherTakesRowsInTheirOrder) {
  Tensor<double> numbers(Shape{4, 2});
  for (Index i = 0; i < 8; ++i) numbers[i] = static_cast<double>(i);
  const Examples examples(numbers);
  Tensor<float> out;
  const std::vector<Index> rows = {3, 0, 3};
  examples.gather(rows, out);
  EXPECT_EQ(out.shape(), (Shape{3, 2}));
  EXPECT_EQ(std::vector<float>(out.begin(), out.end()), (std::vector<float>{6, 7, 0, 1, 6, 7}));
  examples.gather({}, out);
  EXPECT_EQ(out.shape(), (Shape{0, 2}));
}

TEST(Examples, MistakesAreNamed) {
  const Examples examples(Tensor<float>(Shape{4, 2}));
  Tensor<float> out;
  const std::vector<Index> outside = {0, 4};
  EXPECT_EQ(thrown([&] { examples.gather(outside, out); }), "[Examples::gather] expected rows of 0 to 3, got 4");
  EXPECT_EQ(thrown([&] { examples.slice(3, 2, out); }),
            "[Examples::slice] expected a range within 0 to 4, got 2 from 3 on");
  EXPECT_EQ(thrown([&] { examples.first(-1); }), "[Examples::first] expected a number of 0 or more, got -1");
  EXPECT_EQ(thrown([] { Examples(Tensor<float>(Shape{4})); }),
            "[Examples] expected examples of shape (N, ...) with two or more axes, got (4,)");
  EXPECT_EQ(thrown([] { Examples(std::shared_ptr<const Tensor<double>>()); }),
            "[Examples] expected a tensor of examples, got null");
  const auto bytes = std::make_shared<const Tensor<std::uint8_t>>(Shape{4, 2});
  const auto mean = std::make_shared<const Tensor<double>>(Shape{3});
  EXPECT_EQ(thrown([&] { Examples(bytes, mean); }),
            "[Examples] expected mean of shape (2,) to match one example, got (3,)");
}

TEST(Dataset, OfASmallSetTheLastTenthIsForValidation) {
  for (const auto& [total, val] : {std::pair<Index, Index>{1999, 199}, {25, 2}, {10, 1}, {2, 1}, {2000, 1000}}) {
    const LabelledImages train = random_images(total, 1);
    const Dataset data = split_dataset("small", {"a", "b", "c"}, train, random_images(7, 2));
    ASSERT_EQ(data.train.size(), total - val);
    ASSERT_EQ(data.val.size(), val);
    EXPECT_EQ(data.test.size(), 7);
    EXPECT_TRUE(std::equal(data.train.y.begin(), data.train.y.end(), train.labels.begin()));
    EXPECT_TRUE(std::equal(data.val.y.begin(), data.val.y.end(), train.labels.end() - val));
    const Tensor<double> mean = mean_image(train.images.rows(0, total - val));
    EXPECT_TRUE(std::equal(mean.begin(), mean.end(), data.mean->begin()));
  }
}

TEST(Dataset, MistakesAreNamed) {
  const auto split = [](LabelledImages train, LabelledImages test) {
    return thrown([&] { split_dataset("X", {"a", "b", "c"}, train, test); });
  };
  EXPECT_EQ(split(random_images(1, 1), random_images(10, 1)),
            "[split_dataset] expected 2 or more training images in X, got 1");
  EXPECT_EQ(split(random_images(2000, 1), random_images(0, 1)),
            "[split_dataset] expected one or more test images in X, got none");
  LabelledImages wrong = random_images(10, 1);
  wrong.labels[3] = 3;
  EXPECT_EQ(split(random_images(2000, 1), wrong), "[split_dataset] expected test labels of 0 to 2 in X, got 3");
  wrong.labels.pop_back();
  EXPECT_EQ(split(random_images(2000, 1), wrong),
            "[split_dataset] expected one label for each of the 10 test images of X, got 9");
  wrong = {Tensor<std::uint8_t>(Shape{1, 3, 5, 2}), {0}};
  EXPECT_EQ(
      split(random_images(2000, 1), wrong),
      "[split_dataset] expected test images of shape (1, 3, 2, 5) to match the training images, got (1, 3, 5, 2)");
}

}  // namespace
}  // namespace lamina
