#include "lamina/data/synthetic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace lamina {
namespace {

TEST(Synthetic, IsMadeByItsSeed) {
  const Dataset one = synthetic_dataset(5, 1000, 50), same = synthetic_dataset(5, 1000, 50),
                other = synthetic_dataset(6, 1000, 50);
  EXPECT_EQ(one.train.size(), 1000);
  EXPECT_EQ(one.val.size(), 1000);
  EXPECT_EQ(one.test.size(), 50);
  EXPECT_EQ(one.example_shape(), (Shape{3, 32, 32}));
  EXPECT_EQ(one.class_names.size(), 10u);
  Tensor<float> a, b, c;
  one.train.X.slice(0, 1000, a);
  same.train.X.slice(0, 1000, b);
  other.train.X.slice(0, 1000, c);
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin()));
  EXPECT_FALSE(std::equal(a.begin(), a.end(), c.begin()));
  EXPECT_EQ(one.train.y, same.train.y);
  EXPECT_NE(one.train.y, other.train.y);
  std::array<int, 10> counts{};
  for (const Label y : one.train.y) ++counts[static_cast<std::size_t>(y)];
  for (const int count : counts) EXPECT_NEAR(count, 100, 45);
}

TEST(Synthetic, MistakesAreNamed) {
  EXPECT_THROW(synthetic_dataset(0, 999, 10), std::invalid_argument);
  EXPECT_THROW(synthetic_dataset(0, 1000, 0), std::invalid_argument);
}

// Strength of the stripes in each class's direction, whatever their phase: max over widths of |sum pixel e^(i k x)|.
int loudest_direction(const float* image) {
  std::array<double, 10> power{};
  for (int direction = 0; direction < 10; ++direction)
    for (const double width : {4.3, 5.0, 6.0, 7.3, 9.0}) {
      const double angle = M_PI * direction / 10, k = 2 * M_PI / width;
      double real = 0, imaginary = 0;
      for (int y = 0; y < 32; ++y)
        for (int x = 0; x < 32; ++x) {
          const double grey = image[y * 32 + x] + image[1024 + y * 32 + x] + image[2048 + y * 32 + x];
          real += grey * std::cos(k * (x * std::cos(angle) + y * std::sin(angle)));
          imaginary += grey * std::sin(k * (x * std::cos(angle) + y * std::sin(angle)));
        }
      auto& most = power[static_cast<std::size_t>(direction)];
      most = std::max(most, real * real + imaginary * imaginary);
    }
  return static_cast<int>(std::max_element(power.begin(), power.end()) - power.begin());
}

// Not trivial: the class's mean image tells little. Learnable: the direction of the stripes tells nearly all.
TEST(Synthetic, CanBeLearnt) {
  const Dataset data = synthetic_dataset(1, 2000, 300);
  Tensor<float> train, test;
  data.train.X.slice(0, 2000, train);
  data.test.X.slice(0, 300, test);
  Tensor<double> means(Shape{10, 3072});
  std::array<double, 10> counts{};
  for (Index i = 0; i < 2000; ++i) {
    const Label y = data.train.y[static_cast<std::size_t>(i)];
    ++counts[static_cast<std::size_t>(y)];
    for (Index j = 0; j < 3072; ++j) means(y, j) += train[i * 3072 + j];
  }
  int by_mean = 0, by_direction = 0;
  for (Index i = 0; i < 300; ++i) {
    const Label y = data.test.y[static_cast<std::size_t>(i)];
    std::array<double, 10> distance{};
    for (Index c = 0; c < 10; ++c)
      for (Index j = 0; j < 3072; ++j) {
        const double d = test[i * 3072 + j] - means(c, j) / counts[static_cast<std::size_t>(c)];
        distance[static_cast<std::size_t>(c)] += d * d;
      }
    by_mean += std::min_element(distance.begin(), distance.end()) - distance.begin() == y;
    by_direction += loudest_direction(test.data() + i * 3072) == y;
  }
  RecordProperty("by_mean", by_mean);
  EXPECT_LT(by_mean, 150);
  EXPECT_GT(by_direction, 210);
  EXPECT_LT(by_direction, 300);
}

}  // namespace
}  // namespace lamina
