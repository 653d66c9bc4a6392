// The random streams against NumPy's own draws, bit for bit. tests/golden/random_numpy.py made them by the same calls.
#include "lamina/random.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "notebooks/printed_values.h"

namespace lamina {
namespace {

// NumPy's numbers, one after the other; each check names the place of the first that differs.
class Golden {
 public:
  Golden() {
    std::ifstream file(LAMINA_SOURCE_DIR "/tests/golden/random_numpy.bin", std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    words_.resize(bytes.size() / 8);
    std::memcpy(words_.data(), bytes.data(), words_.size() * 8);
  }
  ::testing::AssertionResult takes(std::span<const double> got) {
    for (std::size_t i = 0; i < got.size(); ++i)
      if (const double expected = std::bit_cast<double>(next());
          std::bit_cast<std::uint64_t>(expected) != std::bit_cast<std::uint64_t>(got[i]))
        return ::testing::AssertionFailure() << std::hexfloat << "NumPy drew " << expected << ", ours is " << got[i]
                                             << " at place " << i << ", word " << at_ - 1;
    return ::testing::AssertionSuccess();
  }
  ::testing::AssertionResult takes(std::span<const std::int64_t> got) {
    for (std::size_t i = 0; i < got.size(); ++i)
      if (const auto expected = static_cast<std::int64_t>(next()); expected != got[i])
        return ::testing::AssertionFailure()
               << "NumPy drew " << expected << ", ours is " << got[i] << " at place " << i << ", word " << at_ - 1;
    return ::testing::AssertionSuccess();
  }
  ::testing::AssertionResult takes(double got) { return takes(std::span<const double>(&got, 1)); }
  ::testing::AssertionResult takes(std::int64_t got) { return takes(std::span<const std::int64_t>(&got, 1)); }
  ::testing::AssertionResult takes(const RandomState::State& state) {
    std::vector<std::int64_t> whole;
    for (const std::size_t i : {0, 1, 396, 397, 622, 623}) whole.push_back(state.key[i]);
    whole.push_back(state.position);
    whole.push_back(state.has_gauss);
    if (auto result = takes(std::span<const std::int64_t>(whole)); !result) return result << " in the state";
    return takes(state.gauss) << " in the state";
  }
  bool at_end() const { return at_ == words_.size(); }

 private:
  std::uint64_t next() { return at_ < words_.size() ? words_[at_++] : 0xfff8dead00000000u; }

  std::vector<std::uint64_t> words_;
  std::size_t at_ = 0;
};

template <class Draw>
auto many(std::size_t n, Draw&& draw) {
  std::vector<decltype(draw())> drawn(n);
  for (auto& x : drawn) x = draw();
  return drawn;
}

TEST(RandomState, DrawsWhatNumPyDraws) {
  Golden golden;
  RandomState rng(231);
  ASSERT_TRUE(golden.takes(rng.rand(Shape{1000}).flat())) << "rand";
  ASSERT_TRUE(golden.takes(rng.randn(Shape{7, 11, 13}).flat())) << "randn";
  ASSERT_TRUE(golden.takes(rng.state()));
  ASSERT_TRUE(golden.takes(many(1000, [&] { return rng.normal(-3.5, 0.25); }))) << "normal";
  ASSERT_TRUE(golden.takes(many(1000, [&] { return rng.uniform(4, 8.5); }))) << "uniform";
  constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min(), kOne = 1;
  const std::pair<std::int64_t, std::int64_t> limits[] = {{0, 10},
                                                          {-5, 6},
                                                          {0, kOne << 31},
                                                          {0, kOne << 32},
                                                          {-7, kOne << 32},
                                                          {-(kOne << 62), kOne << 62},
                                                          {kMin, std::numeric_limits<std::int64_t>::max()},
                                                          {0, 64}};
  for (const auto& [low, high] : limits) {
    std::vector<std::int64_t> drawn(1000);
    rng.randint(low, high, drawn);
    ASSERT_TRUE(golden.takes(drawn)) << "randint " << low << " to " << high;
  }
  ASSERT_TRUE(golden.takes(rng.choice(49000, 1000))) << "choice";
  ASSERT_TRUE(golden.takes(rng.permutation(1000))) << "permutation";
  std::vector<std::int64_t> row(1000);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<std::int64_t>(3 * i);
  rng.shuffle(std::span<std::int64_t>(row));
  ASSERT_TRUE(golden.takes(row)) << "shuffle";
  ASSERT_TRUE(golden.takes(rng.state()));

  for (const std::uint32_t seed : {0u, 1u, 123u, 1u << 31, 0xffffffffu}) {
    rng.seed(seed);
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(golden.takes(rng.randn())) << seed << ' ' << i;
      ASSERT_TRUE(golden.takes(rng.rand())) << seed << ' ' << i;
      ASSERT_TRUE(golden.takes(rng.randint(100, 201))) << seed << ' ' << i;
      ASSERT_TRUE(golden.takes(rng.randint(-4, -3))) << seed << ' ' << i;
      ASSERT_TRUE(golden.takes(rng.uniform(-1, 1))) << seed << ' ' << i;
      ASSERT_TRUE(golden.takes(rng.randn(Shape{2, 3}).flat())) << seed << ' ' << i;
      ASSERT_TRUE(golden.takes(rng.randint(kOne << 40))) << seed << ' ' << i;
      ASSERT_TRUE(golden.takes(rng.choice(7, 3))) << seed << ' ' << i;
      ASSERT_TRUE(golden.takes(rng.permutation(i % 5))) << seed << ' ' << i;
      ASSERT_TRUE(golden.takes(rng.normal(1, 2))) << seed << ' ' << i;
    }
    ASSERT_TRUE(golden.takes(rng.state())) << seed;
  }
  EXPECT_TRUE(golden.at_end());
}

// The notebook "FullyConnectedNets" draws from one stream; its cell 12 prints the last three of these.
TEST(RandomState, TheFirstNotebooksStreamUpToCell12) {
  RandomState rng;
  const auto weights = [&](Index rows, Index columns) { rng.randn(Shape{rows, columns}); };
  rng.seed(231);  // cell 6
  for (const Shape& shape : {Shape{10, 2, 3}, Shape{6, 5}, Shape{5}, Shape{10, 5}}) rng.randn(shape);
  rng.randn(Shape{10, 10});  // cell 8: x and dout
  rng.randn(Shape{10, 10});
  rng.seed(231);  // cell 9
  for (const Shape& shape : {Shape{2, 3, 4}, Shape{12, 10}, Shape{10}, Shape{2, 10}}) rng.randn(shape);
  rng.seed(231);  // cell 10
  rng.randn(Shape{50, 10});
  std::vector<std::int64_t> y(50);
  rng.randint(0, 10, y);
  rng.seed(231);  // cell 11: N, D, H, C = 3, 5, 50, 7
  rng.randn(Shape{3, 5});
  y.resize(3);
  rng.randint(0, 7, y);
  weights(5, 50);
  weights(50, 7);
  // cell 12
  EXPECT_EQ(rng.randint(100, 201), 188);
  EXPECT_EQ(rng.uniform(4, 8) * 0.1, printed_value("two_layer_solver.reg"));
  const double rate = rng.uniform(1, 9);
  const RandomState::State before = rng.state();
  const double ten = 10;
  EXPECT_EQ(rate * std::pow(ten, static_cast<double>(rng.randint(-4, -3))),
            printed_value("two_layer_solver.learning_rate"));
  EXPECT_EQ(rng.state(), before);
}

TEST(RandomState, AStateContinuesItsStream) {
  RandomState rng(7);
  rng.randn(Shape{3});
  rng.randint(0, 1000);
  const RandomState::State kept = rng.state();
  EXPECT_TRUE(kept.has_gauss);
  const auto draw = [](RandomState& from) {
    std::vector<double> drawn = {from.randn(), from.rand(), from.normal(2, 3), from.uniform(0, 9)};
    for (const std::int64_t x : from.permutation(700)) drawn.push_back(static_cast<double>(x));
    return drawn;
  };
  const std::vector<double> expected = draw(rng);
  RandomState other(8);
  other.set_state(kept);
  EXPECT_EQ(draw(other), expected);
  other.seed(7);
  EXPECT_FALSE(other.state().has_gauss);
  EXPECT_EQ(other.state(), RandomState(7).state());
}

TEST(RandomState, ManyAtOnceAreTheSameAsOneByOne) {
  RandomState one(5), many_at_once(5);
  std::vector<double> drawn(1301);
  many_at_once.rand(drawn);
  for (const double x : drawn) ASSERT_EQ(one.rand(), x);
  many_at_once.randn(drawn);
  for (const double x : drawn) ASSERT_EQ(one.randn(), x);
  EXPECT_EQ(one.randn(), many_at_once.randn());
  EXPECT_EQ(one.state(), many_at_once.state());
}

TEST(RandomState, NothingIsDrawnForOneValue) {
  RandomState rng(3);
  const RandomState::State before = rng.state();
  EXPECT_EQ(rng.randint(5, 6), 5);
  EXPECT_EQ(rng.choice(1, 4), (std::vector<std::int64_t>{0, 0, 0, 0}));
  EXPECT_EQ(rng.permutation(1), std::vector<std::int64_t>{0});
  EXPECT_TRUE(rng.permutation(0).empty());
  EXPECT_EQ(rng.state(), before);
}

TEST(RandomState, MistakesAreNamed) {
  RandomState rng;
  const auto thrown = [](auto&& f) -> std::string {
    try {
      f();
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "nothing thrown";
  };
  EXPECT_EQ(thrown([&] { rng.randint(3, 3); }), "[RandomState::randint] expected low < high, got 3 and 3");
  EXPECT_EQ(thrown([&] { rng.choice(0, 1); }), "[RandomState::choice] expected a population of 1 or more, got 0");
  EXPECT_EQ(thrown([&] { rng.choice(1, -1); }), "[RandomState::choice] expected a size of 0 or more, got -1");
  EXPECT_EQ(thrown([&] { rng.permutation(-1); }), "[RandomState::permutation] expected 0 or more, got -1");
  EXPECT_NE(thrown([&] { rng.uniform(-1e308, 1e308); }), "nothing thrown");
  RandomState::State state = rng.state();
  state.position = 625;
  EXPECT_EQ(thrown([&] { rng.set_state(state); }), "[RandomState::set_state] expected a position of 0 to 624, got 625");
}

}  // namespace
}  // namespace lamina
