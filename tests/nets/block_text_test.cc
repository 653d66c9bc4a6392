// The text of a net: to blocks and back, and what is said of texts that are none.
#include "lamina/nets/block_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lamina/nets/blocks/blocks.h"
#include "tests/nets/net_testing.h"

namespace lamina {
namespace {

std::string error_of(const std::string& text) {
  try {
    parse_net(text);
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "no error";
}

TEST(BlockText, GoesToBlocksAndBack) {
  for (const auto& c : testing::block_cases(8)) EXPECT_EQ(to_text(parse_net(c.config.net)), c.config.net);
  // Options at their defaults are left out, and blanks do not count.
  EXPECT_EQ(to_text(parse_net(" conv  3 5x5\tstride 1|residual(relu)|\n leaky_relu|affine 2 init he ")),
            "conv 3 5x5 stride 1 | residual ( relu ) | leaky_relu | affine 2");
  EXPECT_EQ(to_text(parse_net("conv 3 5x5 init scale 1e-3 stride 2 pad 0")),
            "conv 3 5x5 stride 2 pad 0 init scale 0.001");
  EXPECT_EQ(to_text(parse_net("conv 4 3x5 no_bias groups 2 pad 1 stride 2x1 dilation 2x2")),
            "conv 4 3x5 stride 2x1 pad 1 dilation 2 groups 2 no_bias");
  EXPECT_EQ(to_text(parse_net("dropout 0.25 seed 7 | leaky_relu 0")), "dropout 0.25 seed 7 | leaky_relu 0");
}

TEST(BlockText, IsThatOfAListInCpp) {
  const Blocks blocks = {
      Conv{.filters = 8, .size = 3, .stride = 2},
      Residual{.blocks = {Conv{.filters = 8}, BatchNorm{}}, .shortcut = Blocks{Conv{.filters = 8, .size = 1}}},
      Repeat{.times = 2, .blocks = {Relu{}, Dropout{.keep = 0.5}}},
      Concat{.branches = {{Relu{}}, {Sigmoid{}}}},
      GroupNorm{.groups = 2},
      MaxPool{.size = 2},
      Affine{.outputs = 10, .init = Initial::scaled(0.1)},
  };
  EXPECT_EQ(to_text(blocks),
            "conv 8 3x3 stride 2 | residual ( conv 8 3x3 | batchnorm ) shortcut ( conv 8 1x1 ) | "
            "repeat 2 ( relu | dropout 0.5 ) | concat ( relu ) ( sigmoid ) | groupnorm 2 | max_pool 2 | "
            "affine 10 init scale 0.1");
}

TEST(BlockText, ErrorsNameThePlace) {
  const auto expect = [](const std::string& text, const std::string& error) {
    EXPECT_EQ(error_of(text), error) << text;
  };
  expect("conv 32 3x3 | covn 32", "[net] expected a block, got 'covn' at 14; did you mean conv?");
  expect("conv 32 3x3 | btachnorm", "[net] expected a block, got 'btachnorm' at 14; did you mean batchnorm?");
  expect("pool 2",
         "[net] expected a block, got 'pool' at 0; did you mean average_pool or global_average_pool or max_pool?");
  EXPECT_THAT(error_of("foo"), ::testing::HasSubstr("[net] expected a block (affine, conv, "));
  EXPECT_THAT(error_of("transformer"), ::testing::HasSubstr("[net] expected a block (affine, conv, "));
  EXPECT_THAT(error_of("transformer"), ::testing::HasSubstr("got 'transformer' at 0"));
  expect("", "[net] expected a block, got nothing at 0");
  expect("relu | ", "[net] expected a block, got nothing at 7");
  expect("relu || relu", "[net] expected a block, got '|' at 6");
  expect("relu | repeat 2 ( relu | )", "[net] expected a block, got nothing at 16");
  expect("relu )", "[net] expected a block, got a ')' without its '(' at 5");
  expect("residual ( relu", "[net] expected a ')' for the '(' at 9, got the end of the text at 15");
  expect("affine", "[net] expected outputs after affine, got none at 6; its form is 'affine OUTPUTS'");
  expect("affine ten", "[net] expected outputs to be a whole number of 1 or more, got 'ten' at 7");
  expect("affine 0", "[net] expected outputs to be a whole number of 1 or more, got '0' at 7");
  expect("affine 99999999999999999999",
         "[net] expected outputs of at most 4294967295, got '99999999999999999999' at 7");
  expect("relu | affine 4294967296", "[net] expected outputs of at most 4294967295, got '4294967296' at 14");
  EXPECT_EQ(error_of("dropout 0.5 seed 4294967295"), "no error");
  expect("affine 10 no_scale",
         "[net] expected '|' or an option (no_bias, init, rate, decay, frozen) after affine, got 'no_scale' at 10");
  expect("batchnorm no_bias",
         "[net] expected '|' or an option (momentum, eps, no_scale, init, rate, decay, frozen) after batchnorm, got "
         "'no_bias' at 10");
  expect("batchnorm init he", "[net] expected init zeros, got 'he' at 15");
  expect("batchnorm init zeros no_scale",
         "[net] expected '|' or an option (momentum, eps, no_scale) after batchnorm, got 'init' at 10");
  expect("affine 10 init", "[net] expected a value after 'init', got none at 14");
  expect("affine 10 init normal", "[net] expected init he, xavier, zeros or scale X, got 'normal' at 15");
  expect("affine 10 init scale", "[net] expected a number after 'init scale', got none at 20");
  expect("affine 10 init scale nan", "[net] expected init scale to be a number of 0 or more, got 'nan' at 21");
  expect("conv 4 3", "[net] expected a filter size such as 3x3, got '3' at 7");
  expect("conv 4 3x0", "[net] expected a filter size such as 3x3, got '3x0' at 7");
  expect("conv 4 3x3 pad 1x", "[net] expected pad to be two whole numbers of 0 or more such as 2x1, got '1x' at 15");
  expect("conv 4 3x3 dilation 0x2",
         "[net] expected dilation to be two whole numbers of 1 or more such as 2x1, got '0x2' at 20");
  expect("conv 4 3x3 stride 0", "[net] expected stride to be a whole number of 1 or more, got '0' at 18");
  expect("dropout 1.5", "[net] expected keep to be a number above 0 and at most 1, got '1.5' at 8");
  expect("gelu tanh tanh", "[net] expected tanh once after gelu, got it again at 10");
  expect("gelu erf", "[net] expected '|' or an option (tanh) after gelu, got 'erf' at 5");
  expect("residual relu", "[net] expected '(' after residual, got 'relu' at 9");
  expect("residual ( relu ) shortcut", "[net] expected a value after 'shortcut', got none at 26");
  expect("concat ( relu )", "[net] expected two or more lists in parentheses after concat, got 1 at 15");
  expect("relu ( relu )", "[net] expected '|' after relu, got '(' at 5");
  EXPECT_EQ(error_of("repeat 9999 ( relu )"), "no error");
  expect("repeat 10000 ( relu )", "[net] expected at most 10000 blocks with all repetitions, got more");
  EXPECT_THAT(error_of("repeat 100 ( residual ( repeat 4294967295 ( relu ) ) )"),
              ::testing::HasSubstr("at most 10000 blocks"));
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "residual ( ";
  EXPECT_THAT(error_of(deep), ::testing::HasSubstr("at most 100 '('"));
}

TEST(BlockText, OptionsOfListsInCppAreChecked) {
  const auto error = [](auto make) -> std::string {
    try {
      make();
    } catch (const std::invalid_argument& found) {
      return found.what();
    }
    return "no error";
  };
  EXPECT_EQ(error([] { return Blocks{Affine{}}; }), "[affine] expected outputs of 1 or more, got 0");
  EXPECT_EQ(error([] { return Blocks{Dropout{.keep = 0}}; }), "[dropout] expected keep above 0 and at most 1, got 0");
  EXPECT_EQ(error([] { return Blocks{Conv{.filters = 1, .stride = 0}}; }),
            "[conv] expected stride of 1 or more, got 0");
  EXPECT_EQ(error([] {
              return Blocks{Conv{.filters = 1, .size = {3, 0}}};
            }),
            "[conv] expected the sides of a filter of 1 or more, got 3x0");
  EXPECT_EQ(error([] { return Blocks{Concat{.branches = {{Relu{}}}}}; }),
            "[concat] expected two or more lists of blocks, got 1");
}

TEST(BlockText, GrammarHasALineForEachBlock) {
  const std::vector<std::string> lines = block_grammar();
  EXPECT_THAT(lines, ::testing::Contains("conv FILTERS KxL [stride N|NxM] [pad N|NxM] [dilation N|NxM] [groups N] "
                                         "[no_bias] [init he|xavier|zeros|scale X] [rate X] [decay X] [frozen]"));
  EXPECT_THAT(lines, ::testing::Contains("affine OUTPUTS [no_bias] [init he|xavier|zeros|scale X] [rate X] [decay X] "
                                         "[frozen]"));
  EXPECT_THAT(lines, ::testing::Contains("layernorm [eps X] [init zeros] [rate X] [decay X] [frozen]"));
  EXPECT_THAT(lines, ::testing::Contains("average_pool SIZE [stride N] [pad N] [exclude_pad]"));
  EXPECT_THAT(lines, ::testing::Contains("gelu [tanh]"));
  EXPECT_THAT(lines, ::testing::Contains("residual ( ... ) [shortcut ( ... )]"));
  EXPECT_EQ(lines.size(), 20u);
}

}  // namespace
}  // namespace lamina
