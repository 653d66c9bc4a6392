#include "lamina/data/dataset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
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

TEST(Split, FirstTakesTargetsAndWeightsToo) {
  const auto numbers = [](const Shape& shape) {
    auto tensor = std::make_shared<Tensor<double>>(shape);
    std::iota(tensor->begin(), tensor->end(), 0.0);
    return tensor;
  };
  Split split{Examples(Tensor<double>(Shape{3, 2}))};
  split.targets = numbers({3, 2});
  split.weights = numbers({3});
  const Split two = split.first(2);
  EXPECT_EQ(two.size(), 2);
  EXPECT_TRUE(two.y.empty());
  EXPECT_EQ(two.targets->shape(), (Shape{2, 2}));
  EXPECT_EQ((*two.targets)(1, 1), 3);
  EXPECT_EQ(two.weights->shape(), Shape{2});
  EXPECT_EQ(split.first(9).targets->shape(), (Shape{3, 2}));
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

// Values that float cannot hold, and their numbers as floats.
template <class From>
Tensor<From> numbers_of(const Shape& shape) {
  Tensor<From> x(shape);
  for (Index i = 0; i < x.size(); ++i) x[i] = static_cast<From>(i) / static_cast<From>(3);
  return x;
}
template <>
Tensor<std::uint8_t> numbers_of(const Shape& shape) {
  Tensor<std::uint8_t> x(shape);
  for (Index i = 0; i < x.size(); ++i) x[i] = static_cast<std::uint8_t>(7 * i);
  return x;
}

// A view of memory of others gives what examples that own theirs give, without a copy where the types are the same.
template <class From, class To>
void views_and_owners() {
  const Tensor<From> x = numbers_of<From>({9, 2, 3, 2});
  const Examples view = Examples::view(x), owner(std::make_shared<const Tensor<From>>(x));
  EXPECT_EQ(view.size(), 9);
  EXPECT_EQ(view.example_shape(), (Shape{2, 3, 2}));
  const std::vector<Index> rows = {8, 0, 0, 5};
  const std::vector<kernels::Move> moves = {{true, 0, 0}, {false, 1, -1}, {}, {true, -2, 1}};
  Tensor<To> got, expected, memory;
  view.gather(rows, got);
  owner.gather(rows, expected);
  EXPECT_TRUE(std::ranges::equal(got.flat(), expected.flat()));
  for (Index i = 0; i < 12; ++i) EXPECT_EQ(got[i], static_cast<To>(x[8 * 12 + i]));
  view.gather(rows, moves, got);
  owner.gather(rows, moves, expected);
  EXPECT_TRUE(std::ranges::equal(got.flat(), expected.flat()));
  const TensorView<To> range = view.range(3, 4, memory);
  owner.slice(3, 4, expected);
  EXPECT_EQ(range.shape(), (Shape{4, 2, 3, 2}));
  EXPECT_TRUE(std::ranges::equal(range.flat(), expected.flat()));
  EXPECT_EQ(static_cast<const void*>(range.data()) == static_cast<const void*>(x.data() + 36),
            (std::is_same_v<From, To>));
}

TEST(Examples, ViewsOfMemoryOfOthers) {
  views_and_owners<std::uint8_t, float>();
  views_and_owners<std::uint8_t, double>();
  views_and_owners<float, float>();
  views_and_owners<float, double>();
  views_and_owners<double, float>();
  views_and_owners<double, double>();
}

// With kept floats the batches are the same, and what was kept is not read again.
template <class From>
void keeps_floats(double times) {
  SCOPED_TRACE(times);
  Tensor<From> x = numbers_of<From>({20, 5});
  const Examples plain(std::make_shared<const Tensor<From>>(x)), kept = Examples::view(x).keeping_floats(times);
  RandomState random(3);
  std::vector<Index> rows(7);
  Tensor<float> got, expected, memory;
  for (int batch = 0; batch < 12; ++batch) {
    random.choice(20, rows);
    kept.gather(rows, got);
    plain.gather(rows, expected);
    ASSERT_EQ(got.shape(), expected.shape());
    ASSERT_TRUE(std::ranges::equal(got.flat(), expected.flat())) << batch;
  }
  plain.slice(2, 11, expected);
  EXPECT_TRUE(std::ranges::equal(kept.range(2, 11, memory).flat(), expected.flat()));
  Tensor<double> wide, wide_expected;
  kept.gather(rows, wide);
  plain.gather(rows, wide_expected);
  EXPECT_TRUE(std::ranges::equal(wide.flat(), wide_expected.flat()));
  x.fill(0);
  plain.slice(2, 11, expected);
  EXPECT_TRUE(std::ranges::equal(kept.range(2, 11, memory).flat(), expected.flat()));
  kept.gather(rows, got);
  plain.gather(rows, expected);
  EXPECT_TRUE(std::ranges::equal(got.flat(), expected.flat()));
}

TEST(Examples, FloatsAreKept) {
  for (const double times : {1.0, 1.5, 4.0}) {
    keeps_floats<double>(times);
    keeps_floats<std::uint8_t>(times);
  }
}

TEST(Examples, MistakesAreNamed) {
  const Examples examples(Tensor<float>(Shape{4, 2}));
  Tensor<float> out;
  const std::vector<Index> outside = {0, 4};
  EXPECT_EQ(thrown([&] { examples.gather(outside, out); }), "[Examples::gather] expected rows of 0 to 3, got 4");
  EXPECT_EQ(thrown([&] { examples.slice(3, 2, out); }),
            "[Examples::slice] expected a range within 0 to 4, got 2 from 3 on");
  EXPECT_EQ(thrown([&] { examples.range(-1, 2, out); }),
            "[Examples::range] expected a range within 0 to 4, got 2 from -1 on");
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
