#include "workbench/pages/visualize_grid.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "lamina/random.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

TEST(VisualizeGrid, AsNumPyLaysItOut) {
  std::ifstream file(LAMINA_SOURCE_DIR "/tests/golden/visualize_grid.json");
  const auto cases = nlohmann::json::parse(file);
  ASSERT_EQ(cases.size(), 4u);
  for (const auto& c : cases) {
    RandomState random(c["seed"].get<std::uint32_t>());
    const auto lengths = c["images"].get<std::vector<Index>>(), shape = c["shape"].get<std::vector<Index>>();
    const auto values = c["grid"].get<std::vector<double>>();
    const Tensor<double> expected(Shape{std::span<const Index>(shape)}, std::span<const double>(values));
    const Tensor<double> images = random.randn(Shape{std::span<const Index>(lengths)});
    const auto grid = visualize_grid(images, c["ubound"].get<double>(), c["padding"].get<Index>());
    EXPECT_TRUE(testing::close<double>(grid, expected, 4));
  }
}

TEST(VisualizeGrid, ImageOfOneValueIsBlack) {
  const Tensor<double> images({2, 2, 2, 1}, 7.0);
  EXPECT_EQ(testing::max_abs(visualize_grid(images)), 0);
}

TEST(VisualizeGrid, FiltersAreTheirChannelsLastGridInBytes) {
  RandomState random(3);
  const Tensor<double> w = random.randn({5, 3, 4, 2});
  Tensor<double> images({5, 4, 2, 3});
  for (Index f = 0; f < 5; ++f)
    for (Index c = 0; c < 3; ++c)
      for (Index i = 0; i < 4; ++i)
        for (Index j = 0; j < 2; ++j) images(f, i, j, c) = w(f, c, i, j);
  const Tensor<double> grid = visualize_grid(images);
  const Tensor<std::uint8_t> bytes = visualize_filters(w);
  ASSERT_EQ(bytes.shape(), grid.shape());
  for (Index i = 0; i < grid.size(); ++i) EXPECT_EQ(bytes[i], static_cast<std::uint8_t>(grid[i]));
}

TEST(VisualizeGrid, Errors) {
  testing::expect_error([] { visualize_grid(Tensor<double>({0, 2, 2, 3})); }, "[visualize_grid] expected images ...");
  testing::expect_error([] { visualize_grid(Tensor<double>({2, 2, 3})); }, "[visualize_grid] expected images ...");
  testing::expect_error(
      [] {
        visualize_grid(Tensor<double>({1, 2, 2, 3}), 255, -1);
      },
      "[visualize_grid] expected a padding of 0 or more, got -1");
}

}  // namespace
}  // namespace lamina
