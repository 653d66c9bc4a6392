// Mini-batches against plain loops, bit for bit, for every instruction set and any number of threads.
#include "lamina/kernels/gather.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "lamina/kernels/machine/target.h"
#include "lamina/random.h"
#include "lamina/threads.h"

namespace lamina::kernels {
namespace {

struct Table {
  Table(Index count, Index example, std::uint32_t seed)
      : rng(seed), bytes(Shape{count, example}), mean(Shape{example}) {
    for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.randint(256));
    for (auto& m : mean) m = rng.uniform(0, 255);
    bytes[0] = 255;
    mean[0] = 1.0 / 3;
  }
  RandomState rng;
  Tensor<std::uint8_t> bytes;
  Tensor<double> mean;
};

template <class T>
void expect_same_bits(const Tensor<T>& got, const Tensor<T>& expected) {
  ASSERT_EQ(got.size(), expected.size());
  if (std::memcmp(got.data(), expected.data(), static_cast<std::size_t>(got.size()) * sizeof(T)) == 0) return;
  for (Index i = 0; i < got.size(); ++i)
    ASSERT_EQ(std::memcmp(&got[i], &expected[i], sizeof(T)), 0) << i << ": " << got[i] << " for " << expected[i];
}

template <class T>
void check_bytes(Index example, Index count, bool subtract, bool chosen) {
  Table table(20, example, static_cast<std::uint32_t>(example));
  const std::vector<Index> rows = table.rng.choice(20, count);
  if (!chosen) count = std::min<Index>(count, 20);
  Tensor<T> got(Shape{count, example}, std::numeric_limits<T>::quiet_NaN()), expected(Shape{count, example});
  for (Index i = 0; i < count; ++i)
    for (Index j = 0; j < example; ++j) {
      const double byte = table.bytes(chosen ? rows[static_cast<std::size_t>(i)] : i, j);
      expected(i, j) = static_cast<T>(subtract ? byte - table.mean[j] : byte);
    }
  gather_bytes(count, example, table.bytes.data(), chosen ? rows.data() : nullptr,
               subtract ? table.mean.data() : nullptr, got.data());
  expect_same_bits(got, expected);
}

class Gather : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { set_target(GetParam()); }
  void TearDown() override {
    set_target(available_targets().front());
    set_num_threads(0);
  }
};

TEST_P(Gather, BytesAreThePlainLoop) {
  for (Index example = 1; example <= 67; ++example)
    for (const bool subtract : {false, true})
      for (const bool chosen : {false, true}) {
        check_bytes<float>(example, 7, subtract, chosen);
        check_bytes<double>(example, 7, subtract, chosen);
      }
}

TEST_P(Gather, LargeOnesOnAnyNumberOfThreads) {
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    check_bytes<float>(3072, 100, true, true);
    check_bytes<double>(3073, 100, true, true);
    check_bytes<float>(200001, 3, true, false);
  }
}

// The place in a row of n pixels to which one comes that turns around at both ends.
Index walk(Index steps, Index n) {
  Index at = 0, direction = steps < 0 ? -1 : 1;
  for (Index i = 0; i < std::abs(steps) && n > 1; ++i) {
    if (at + direction < 0 || at + direction >= n) direction = -direction;
    at += direction;
  }
  return at;
}

// Out of the image comes 0 or its reflection; a mirrored image is moved after it was mirrored; a hole is cut at the
// end.
template <class T>
void check_moved(Index C, Index H, Index W, std::int32_t most, Index count = 9) {
  const Index example = C * H * W;
  Table table(20, example, static_cast<std::uint32_t>(example));
  const std::vector<Index> rows = table.rng.choice(20, count);
  std::vector<Move> moves(static_cast<std::size_t>(count));
  for (Move& move : moves)
    move = {table.rng.rand() < 0.5,
            static_cast<std::int32_t>(table.rng.randint(-most, most + 1)),
            static_cast<std::int32_t>(table.rng.randint(-most, most + 1)),
            table.rng.rand() < 0.5,
            static_cast<std::int32_t>(table.rng.randint(-3, H)),
            static_cast<std::int32_t>(table.rng.randint(-3, W)),
            static_cast<std::int32_t>(std::max<Index>(0, table.rng.randint(-3, 6)))};
  moves[0] = {.mirror = true};
  moves[1] = {};
  std::vector<Move> recolouring = moves;
  for (std::size_t i = 2; i < moves.size(); i += 2) {
    recolouring[i].brightness = 2 * table.rng.rand();
    recolouring[i].contrast = i % 4 == 0 ? 1 : 2 * table.rng.rand();
  }
  for (const bool subtract : {false, true}) {
    Tensor<T> got(Shape{count, C, H, W}, std::numeric_limits<T>::quiet_NaN()), expected(Shape{count, C, H, W});
    Tensor<T> recoloured(Shape{count, C, H, W});
    Tensor<double> numbers(Shape{20, C, H, W});
    Tensor<T> numbers_got(Shape{count, C, H, W}, std::numeric_limits<T>::quiet_NaN()), numbers_expected(got.shape());
    for (Index i = 0; i < 20 * example; ++i) numbers[i] = table.bytes[i];
    for (Index i = 0; i < count; ++i) {
      const Move& colours = recolouring[static_cast<std::size_t>(i)];
      double mean = 0;
      for (Index j = 0; j < example; ++j)
        mean += std::min(255.0, colours.brightness * numbers[rows[static_cast<std::size_t>(i)] * example + j]) /
                static_cast<double>(example);
      for (Index c = 0; c < C; ++c)
        for (Index y = 0; y < H; ++y)
          for (Index x = 0; x < W; ++x) {
            const Move move = moves[static_cast<std::size_t>(i)];
            const Index row = rows[static_cast<std::size_t>(i)];
            Index from_y = y + move.dy, from_x = x + move.dx;
            if (move.reflect) from_y = walk(from_y, H), from_x = walk(from_x, W);
            if (from_y < 0 || from_y >= H || from_x < 0 || from_x >= W) continue;
            const Index below = y - move.hole_y, right = x - move.hole_x;
            if (below >= 0 && below < move.hole && right >= 0 && right < move.hole) continue;
            const double byte = numbers(row, c, from_y, move.mirror ? W - 1 - from_x : from_x);
            const double bright = std::min(255.0, colours.brightness * byte);
            const double value =
                colours.recolours() ? std::clamp(mean + colours.contrast * (bright - mean), 0.0, 255.0) : byte;
            recoloured(i, c, y, x) = static_cast<T>(subtract ? value - table.mean[(c * H + y) * W + x] : value);
            expected(i, c, y, x) = static_cast<T>(subtract ? byte - table.mean[(c * H + y) * W + x] : byte);
            numbers_expected(i, c, y, x) = static_cast<T>(byte);
          }
    }
    gather_moved_bytes(count, C, H, W, table.bytes.data(), rows.data(), moves.data(),
                       subtract ? table.mean.data() : nullptr, got.data());
    expect_same_bits(got, expected);
    // The sum of an image's pixels is rounded in another order here.
    gather_moved_bytes(count, C, H, W, table.bytes.data(), rows.data(), recolouring.data(),
                       subtract ? table.mean.data() : nullptr, got.data());
    for (Index j = 0; j < got.size(); ++j)
      ASSERT_NEAR(got[j], recoloured[j], 255 * 40 * std::numeric_limits<T>::epsilon()) << j;
    gather_moved_numbers(count, C, H, W, numbers.data(), rows.data(), moves.data(), numbers_got.data());
    expect_same_bits(numbers_got, numbers_expected);
  }
}

TEST_P(Gather, MovedImagesAreThePlainLoop) {
  for (const auto& [H, W] : {std::pair(1, 1), {1, 7}, {5, 3}, {4, 17}, {32, 32}, {9, 33}})
    for (const std::int32_t most : {0, 1, 4, 40}) {
      check_moved<float>(3, H, W, most);
      check_moved<double>(1, H, W, most);
    }
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    check_moved<float>(3, 32, 32, 4, 100);
    check_moved<double>(3, 31, 33, 4, 50);
  }
}

TEST_P(Gather, SumsAreExact) {
  for (const Index example : {1, 15, 16, 64, 67})
    for (const Index count : {1, 256, 257, 258, 1000}) {
      Tensor<std::uint8_t> bytes(Shape{count, example}, 255);
      bytes(0, example - 1) = 7;
      std::vector<std::uint64_t> sums(static_cast<std::size_t>(example), 99);
      sum_bytes(count, example, bytes.data(), sums.data());
      for (Index j = 0; j < example; ++j)
        ASSERT_EQ(sums[static_cast<std::size_t>(j)],
                  static_cast<std::uint64_t>(255 * count - (j == example - 1 ? 248 : 0)))
            << example << ' ' << count << ' ' << j;
    }
}

INSTANTIATE_TEST_SUITE_P(Targets, Gather, testing::ValuesIn(available_targets()), [](const auto& target) {
  std::string name = target.param;
  std::erase(name, '-');
  return name;
});

// Chosen rows, and neighbouring ones from a number in the middle on.
template <class From, class To>
void check_numbers(Index example) {
  RandomState rng(static_cast<std::uint32_t>(example));
  Tensor<From> numbers(Shape{9, example});
  for (From& x : numbers) x = static_cast<From>(1e3 * rng.randn());
  numbers[0] = std::numeric_limits<From>::quiet_NaN();
  std::vector<Index> rows = {8, 0, 8, 3};
  while (rows.size() < 23) rows.push_back(rng.randint(9));
  Tensor<To> chosen(Shape{23, example}), slice(Shape{2, example}), expected(Shape{23, example});
  gather_numbers(23, example, numbers.data(), rows.data(), chosen.data());
  for (Index i = 0; i < 23; ++i)
    for (Index j = 0; j < example; ++j) expected(i, j) = static_cast<To>(numbers(rows[static_cast<std::size_t>(i)], j));
  expect_same_bits(chosen, expected);
  gather_numbers(2, example, numbers.data() + 3 * example, static_cast<const Index*>(nullptr), slice.data());
  expected = Tensor<To>(Shape{2, example});
  for (Index i = 0; i < expected.size(); ++i) expected[i] = static_cast<To>(numbers[3 * example + i]);
  expect_same_bits(slice, expected);
}

// Rows that are made and kept, that were kept, and neither, in one call; `shift`: where the kept ones lie in memory.
void check_kept(Index example, Index shift) {
  RandomState rng(static_cast<std::uint32_t>(example));
  Tensor<double> numbers(Shape{9, example});
  for (double& x : numbers) x = 1e3 * rng.randn();
  Tensor<float> memory(Shape{9 * example + shift}, -1), out(Shape{7, example}), expected(Shape{7, example});
  float* kept = memory.data() + shift;
  const std::vector<Index> rows = {8, 0, 8, 3, 5, 0, 1};
  std::vector<Keep> how = {Keep::make, Keep::make, Keep::none,     Keep::from_kept,
                           Keep::make, Keep::none, Keep::from_kept};
  for (const Index row : {3, 1})
    for (Index j = 0; j < example; ++j) kept[row * example + j] = static_cast<float>(row + j);
  for (Index i = 0; i < 7; ++i) {
    const Index row = rows[static_cast<std::size_t>(i)];
    for (Index j = 0; j < example; ++j)
      expected(i, j) = row == 3 || row == 1 ? static_cast<float>(row + j) : static_cast<float>(numbers(row, j));
  }
  gather_and_keep(7, example, numbers.data(), rows.data(), how.data(), kept, out.data());
  expect_same_bits(out, expected);
  for (Index i = 0; i < shift; ++i) ASSERT_EQ(memory[i], -1);
  for (Index row = 0; row < 9; ++row)
    for (Index j = 0; j < example; ++j) {
      const bool made = row == 8 || row == 0 || row == 5, before = row == 3 || row == 1;
      ASSERT_EQ(kept[row * example + j], made     ? static_cast<float>(numbers(row, j))
                                         : before ? static_cast<float>(row + j)
                                                  : -1)
          << example << ' ' << row << ' ' << j;
    }
}

TEST_P(Gather, RowsAreKept) {
  for (const Index example : {1, 5, 32, 63, 64, 200, 2047, 2048, 2049, 3072})
    for (const Index shift : {0, 1, 16}) check_kept(example, shift);
  for (const int threads : {1, 3}) {
    set_num_threads(threads);
    check_kept(20001, 0);
    check_kept(20000, 8);
  }
}

TEST_P(Gather, NumbersAreCopiedAndConverted) {
  for (const Index example : {1, 5, 32, 63, 64, 200, 2047, 2048, 2049, 3072, 20001}) {
    check_numbers<float, float>(example);
    check_numbers<float, double>(example);
    check_numbers<double, float>(example);
    check_numbers<double, double>(example);
  }
}

}  // namespace
}  // namespace lamina::kernels
