// Texts with mistakes: 10,000 random mutations of valid texts, each of which gives a net or one line.
#include <gtest/gtest.h>

#include "lamina/nets/block_text.h"
#include "lamina/nets/net.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

const char* const kPieces[] = {"|",
                               "(",
                               ")",
                               "( relu )",
                               "relu",
                               "conv",
                               "affine",
                               "residual",
                               "concat ( relu )",
                               "3x3",
                               "3x",
                               "x3",
                               "1x1000",
                               "stride",
                               "pad",
                               "init",
                               "scale",
                               "shortcut",
                               "0",
                               "-1",
                               "2",
                               "7",
                               "1e308",
                               "1e-400",
                               "nan",
                               "inf",
                               "9223372036854775807",
                               "frozen",
                               "rate",
                               "decay",
                               "no_bias",
                               "no_scale",
                               "flatten",
                               "layernorm",
                               "\t",
                               "99999999999999999999",
                               "0x10",
                               "\x01",
                               "\xff",
                               "'",
                               "repeat 99 (",
                               "dropout",
                               "max_pool 1000000000",
                               "repeat 5000"};

class Mutations {
  Index below(Index n) { return random_.randint(n); }
  template <class List>
  auto any(const List& list) {
    return list[static_cast<std::size_t>(below(static_cast<Index>(std::size(list))))];
  }

 public:
  explicit Mutations(std::uint32_t seed) : random_(seed) {
    for (const auto& c : testing::block_cases(8)) texts_.push_back(c.config.net);
  }

  // A valid text with one to three mistakes.
  std::string next() {
    std::string text = any(texts_);
    for (Index mistakes = 1 + below(3); mistakes > 0; --mistakes) mutate(text);
    return text;
  }

 private:
  void mutate(std::string& text) {
    const auto size = static_cast<Index>(text.size());
    const auto at = static_cast<std::size_t>(below(size + 1));
    const auto count = static_cast<std::size_t>(below(8));
    switch (below(6)) {
      case 0:  // characters vanish
        text.erase(at, count);
        break;
      case 1:  // a piece comes in
        text.insert(at, " " + std::string(any(kPieces)) + " ");
        break;
      case 2:  // a word becomes another
        if (const std::size_t word = text.find(' ', at); word != std::string::npos) {
          const std::size_t end = std::min(text.find(' ', word + 1), text.size());
          text.replace(word + 1, end - word - 1, any(kPieces));
        }
        break;
      case 3:  // one character becomes another
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 4:  // a part is doubled
        text.insert(at, text.substr(at, static_cast<std::size_t>(below(40))));
        break;
      default:  // the rest is another text's
        text = text.substr(0, at) + any(texts_).substr(std::min(at, std::size_t{20}));
    }
  }

  RandomState random_;
  std::vector<std::string> texts_;
};

// The one line that is said of the text; empty if it is a net's.
std::string line_about(const std::string& text) {
  try {
    const Blocks blocks = parse_net(text);
    const std::string written = to_text(blocks);
    EXPECT_EQ(to_text(parse_net(written)), written);
    parameter_layout({3, 8, 8}, blocks, {});
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return {};
}

TEST(MutatedTexts, GiveANetOrOneLine) {
  Mutations mutations(20);
  int nets = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string text = mutations.next(), line = line_about(text);
    ASSERT_FALSE(::testing::Test::HasFailure()) << text;
    nets += line.empty();
    if (line.empty()) continue;
    ASSERT_TRUE(line.starts_with("[net] ") || line.starts_with("[Net] ")) << line << "\n" << text;
    for (const char c : line) ASSERT_FALSE(static_cast<unsigned char>(c) < ' ') << line << "\n" << text;
    ASSERT_LT(line.size(), 600u) << line << "\n" << text;
  }
  EXPECT_GT(nets, 250);
  EXPECT_LT(nets, 5000);
}

TEST(MutatedTexts, DeepOrHugeOnesGiveOneLine) {
  const auto times = [](int n, const std::string& piece) {
    std::string text;
    for (int i = 0; i < n; ++i) text += piece;
    return text;
  };
  for (const std::string& text :
       {times(100'000, "residual ( "), times(100'000, "( "), times(100'000, ") "),
        times(99, "repeat 2 ( ") + "relu" + times(99, " )"), times(20'000, "relu | ") + "relu",
        times(101, "concat ( relu ) ( ") + "relu" + times(101, " )"), std::string("affine 9223372036854775807"),
        std::string("conv 9223372036854775807 3x3 | affine 2"),
        std::string("conv 1 3x3 pad 9223372036854775807 | affine 2"),
        std::string("conv 1 3x3 stride 9223372036854775807 | affine 9223372036854775807"),
        std::string("max_pool 9223372036854775807 | affine 2"),
        std::string("average_pool 2 pad 9223372036854775807 stride 9223372036854775807 | affine 2"),
        std::string("groupnorm 9223372036854775807 | affine 2"), std::string("conv 1 9223372036854775807x3 | affine 2"),
        times(9'000, "affine 999999 | ") + "affine 2"})
    EXPECT_NE(line_about(text), "") << text.substr(0, 100);
  // As deep as a net may be.
  EXPECT_EQ(line_about(times(100, "residual ( ") + "relu" + times(100, " )") + " | affine 2"), "");
}

}  // namespace
}  // namespace lamina
