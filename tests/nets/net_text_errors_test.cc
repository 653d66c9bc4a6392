// What is said of texts of nets as students get them wrong.
#include <gtest/gtest.h>

#include <regex>

#include "lamina/nets/block_text.h"
#include "lamina/nets/net.h"

namespace lamina {
namespace {

// For images (3, 32, 32). (...) stands for the list of all options or blocks.
constexpr std::pair<const char*, const char*> kWrongTexts[] = {
    {"covn 32 3x3 | affine 10", "[net] expected a block, got 'covn' at 0; did you mean conv?"},
    {"conv 32 | affine 10",
     "[net] expected a filter size such as 3x3 after conv, got none at 8; its form is 'conv FILTERS KxL'"},
    {"conv 3x3 32 | affine 10", "[net] expected filters to be a whole number of 1 or more, got '3x3' at 5"},
    {"conv 32, 3x3 | affine 10", "[net] expected filters to be a whole number of 1 or more, got '32,' at 5"},
    {"conv(32, 3) | affine 10", "[net] expected filters to be a whole number of 1 or more, got '(' at 4"},
    {"conv 32 3 x 3 | affine 10", "[net] expected a filter size such as 3x3, got '3' at 8"},
    {"conv 32 3*3 | affine 10", "[net] expected a filter size such as 3x3, got '3*3' at 8"},
    {"conv -3 3x3 | affine 10", "[net] expected filters to be a whole number of 1 or more, got '-3' at 5"},
    {"conv 3.5 3x3 | affine 10", "[net] expected filters to be a whole number of 1 or more, got '3.5' at 5"},
    {"conv 32 3x3 stride=2 | affine 10",
     "[net] expected '|' or an option (...) after conv, got 'stride=2' at 12; did "
     "you mean stride?"},
    {"conv 32 3x3 strde 2 | affine 10",
     "[net] expected '|' or an option (...) after conv, got 'strde' at 12; did you "
     "mean stride?"},
    {"conv 32 3x3 stride | affine 10", "[net] expected a value after 'stride', got none at 19"},
    {"conv 32 3x3 stride 2 stride 1 | affine 10", "[net] expected stride once after conv, got it again at 21"},
    {"conv 32 3x3 padding 1 | affine 10", "[net] expected '|' or an option (...) after conv, got 'padding' at 12"},
    {"conv 32 3x3 batchnorm | relu | affine 10", "[net] expected '|' between conv and batchnorm, got none at 12"},
    {"conv 32 3x3 -> relu -> affine 10", "[net] expected '|' or an option (...) after conv, got '->' at 12"},
    {"conv 32 3x3 ; relu ; affine 10", "[net] expected '|' or an option (...) after conv, got ';' at 12"},
    {"Conv 32 3x3 | ReLU | affine 10", "[net] expected a block, got 'Conv' at 0; did you mean conv?"},
    {"conv 32 3x3 | relu | linear 10", "[net] expected a block, got 'linear' at 21; did you mean affine?"},
    {"conv 32 3x3 | relu | dense 10", "[net] expected a block, got 'dense' at 21; did you mean affine?"},
    {"conv 32 3x3 | maxpool 2 | affine 10", "[net] expected a block, got 'maxpool' at 14; did you mean max_pool?"},
    {"conv 32 3x3 | max_pool | affine 10",
     "[net] expected size after max_pool, got none at 23; its form is 'max_pool SIZE'"},
    {"conv 32 3x3 | max_pool 2x2 | affine 10",
     "[net] expected size to be a whole number of 1 or more, got '2x2' at 23"},
    {"conv 32 3x3 | max_pool 64 | affine 10",
     "[Net] expected images (C, H, W) of at least 64 x 64 before 'max_pool 64', got examples of shape (32, 32, 32) "
     "(the block at 14)"},
    {"conv 32 40x40 pad 0 | affine 10",
     "[Net] expected images of at least 40 x 40, padding included, before 'conv 32 40x40 pad 0', got 32 x 32 (the "
     "block at 0)"},
    {"affine 10 | conv 32 3x3",
     "[Net] expected images (C, H, W) before 'conv 32 3x3', got examples of shape (10,) (the block at 12)"},
    {"conv 32 3x3 | relu",
     "[Net] expected a last block that gives scores (C), such as affine, got one that gives (32, 32, 32)"},
    {"residual ( conv 8 3x3 | relu ) | affine 10",
     "[Net] expected both sides of a residual block to give one shape, got (8, 32, 32) from its blocks and (3, 32, 32) "
     "from its shortcut (the block at 0)"},
    {"residual conv 8 3x3 | affine 10", "[net] expected '(' after residual, got 'conv' at 9"},
    {"residual ( conv 3 3x3 | affine 10", "[net] expected a ')' for the '(' at 9, got the end of the text at 33"},
    {"residual ( conv 3 3x3 ) ) | affine 10", "[net] expected a block, got a ')' without its '(' at 24"},
    {"residual ( conv 3 3x3 ) shortcut relu | affine 10", "[net] expected '(' after shortcut, got 'relu' at 33"},
    {"residual ( ) | affine 10", "[net] expected a block, got nothing at 9"},
    {"repeat ( relu ) | affine 10", "[net] expected times to be a whole number of 1 or more, got '(' at 7"},
    {"repeat 3 relu | affine 10", "[net] expected '(' after repeat, got 'relu' at 9"},
    {"repeat 0 ( relu ) | affine 10", "[net] expected times to be a whole number of 1 or more, got '0' at 7"},
    {"concat ( relu ) ( max_pool 2 ) | affine 10",
     "[Net] expected images of one height and width, or vectors, from all lists of a concat block, got (3, 32, 32) and "
     "(3, 16, 16) (the block at 0)"},
    {"concat ( relu ) | affine 10", "[net] expected two or more lists in parentheses after concat, got 1 at 16"},
    {"dropout | affine 10", "[net] expected keep after dropout, got none at 8; its form is 'dropout KEEP'"},
    {"dropout 0 | affine 10", "[net] expected keep to be a number above 0 and at most 1, got '0' at 8"},
    {"dropout 50 | affine 10", "[net] expected keep to be a number above 0 and at most 1, got '50' at 8"},
    {"dropout 0.5 seed -1 | affine 10", "[net] expected seed to be a whole number of 0 or more, got '-1' at 17"},
    {"conv 32 3x3 | groupnorm 5 | affine 10",
     "[Net] expected images (C, H, W) with a multiple of 5 channels before 'groupnorm 5', got examples of shape (32, "
     "32, 32) (the block at 14)"},
    {"affine 10 | groupnorm 2",
     "[Net] expected images (C, H, W) with a multiple of 2 channels before 'groupnorm 2', got examples of shape (10,) "
     "(the block at 12)"},
    {"batchnorm 0.9 | affine 10",
     "[net] expected '|' or an option (...) after batchnorm, got '0.9' "
     "at 10"},
    {"affine 10 init glorot", "[net] expected init he, xavier, zeros or scale X, got 'glorot' at 15"},
    {"affine 10 init scale", "[net] expected a number after 'init scale', got none at 20"},
    {"relu 0.1 | affine 10", "[net] expected '|' after relu, got '0.1' at 5"},
    {"| affine 10", "[net] expected a block, got '|' at 0"},
    {"affine 10 |", "[net] expected a block, got nothing at 11"},
    {"conv 32 3x3 | | affine 10", "[net] expected a block, got '|' at 14"},
    {"softmax 10",
     "[net] expected a block (...), got "
     "'softmax' at 0"},
    {"affine 10 | softmax",
     "[net] expected a block (...), got "
     "'softmax' at 12"},
    {"average_pool 3 pad 2 | affine 10",
     "[Net] expected a pad of at most 1 in 'average_pool 3', got 2 (the block at 0)"},
    {"affine 10 rate -1", "[net] expected rate to be a number of 0 or more, got '-1' at 15"},
    {"leaky_relu x | affine 10", "[net] expected '|' after leaky_relu, got 'x' at 11"},
    {"flatten 10", "[net] expected '|' after flatten, got '10' at 8"},
    {"repeat 200 ( repeat 200 ( relu ) ) | affine 10",
     "[net] expected at most 10000 blocks with all repetitions, got more"},
};

TEST(WrongTexts, AreToldInOneLineWithThePlace) {
  for (const auto& [text, line] : kWrongTexts) {
    std::string said = "nothing";
    try {
      parameter_layout({3, 32, 32}, parse_net(text), {});
    } catch (const std::invalid_argument& error) {
      said = std::regex_replace(error.what(), std::regex("(expected a block|an option) \\([^)]*\\)"), "$1 (...)");
    }
    EXPECT_EQ(said, line) << text;
  }
}

}  // namespace
}  // namespace lamina
