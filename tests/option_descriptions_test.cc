// Options by their descriptions: texts and JSON both ways, ranges, and the words of errors.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "lamina/nearest.h"
#include "lamina/option_json.h"
#include "lamina/options.h"

namespace lamina {
namespace {

enum class Colour { red, green };

struct Paint {
  bool dry = false;
  Index coats = 2;
  std::uint32_t seed = 231;
  double gloss = 0.5;
  std::optional<Index> layers = {};
  std::optional<double> thinner = {};
  std::string name = "wall";
  std::filesystem::path where;
  std::vector<Index> sizes = {1, 2};
  ImageSize size;
  Colour colour = Colour::red;
};

void visit_options(Paint& paint, const VisitOption& visit) {
  constexpr std::string_view kColours[] = {"red", "green"};
  visit({.name = "dry", .help = ""}, &paint.dry);
  visit({.name = "coats", .help = "", .range = {1, 9}}, &paint.coats);
  visit({.name = "seed", .help = "", .range = {0, 4294967295.0}}, &paint.seed);
  visit({.name = "gloss", .help = "", .range = {.most = 1, .open_most = true}, .newer = true}, &paint.gloss);
  visit({.name = "layers", .help = "", .range = {.least = 1}}, &paint.layers);
  visit({.name = "thinner", .help = "", .range = {.most = 1, .open_least = true}}, &paint.thinner);
  visit({.name = "name", .help = ""}, &paint.name);
  visit({.name = "where", .help = ""}, &paint.where);
  visit({.name = "sizes", .help = "", .range = {1, 99}}, &paint.sizes);
  visit({.name = "size", .help = "", .range = {1, 4096}}, &paint.size);
  visit_choice(visit, {.name = "colour", .help = ""}, paint.colour, kColours);
}

VisitOptions all_of(Paint& paint) {
  return [&](const VisitOption& visit) { visit_options(paint, visit); };
}

// Sets one option; the error, or nothing.
std::string set(Paint& paint, std::string_view name, const std::string& text) {
  std::string error = "no option of that name";
  visit_options(paint, [&](const Option& option, const OptionValue& value) {
    if (option.name != name) return;
    try {
      read_text(option, value, text);
      error.clear();
    } catch (const std::invalid_argument& wrong) {
      error = wrong.what();
    }
  });
  return error;
}

std::string get(Paint& paint, std::string_view name) {
  std::string text;
  visit_options(paint, [&](const Option& option, const OptionValue& value) {
    if (option.name == name) text = text_of(value);
  });
  return text;
}

TEST(Options, TextsGoBothWays) {
  Paint paint;
  const std::pair<const char*, const char*> values[] = {{"dry", "true"},    {"coats", "9"},      {"seed", "4294967295"},
                                                        {"gloss", "0.125"}, {"layers", "3"},     {"thinner", "0.001"},
                                                        {"name", "a b"},    {"where", "/tmp/x"}, {"sizes", "9,1,5"},
                                                        {"size", "48x64"},  {"size", "48"},      {"colour", "green"}};
  for (const auto& [name, text] : values) {
    EXPECT_NE(get(paint, name), text) << name;
    EXPECT_EQ(set(paint, name, text), "") << name;
    EXPECT_EQ(get(paint, name), text) << name;
  }
  EXPECT_EQ(paint.colour, Colour::green);
  EXPECT_EQ(paint.size.width, 48);
  EXPECT_EQ(paint.layers, 3);
}

TEST(Options, WrongTextsSayWhatIsWantedAndChangeNothing) {
  Paint paint;
  const auto expect = [&](std::string_view name, const std::string& text, const std::string& wanted) {
    const std::string before = get(paint, name);
    EXPECT_EQ(set(paint, name, text), "expected " + wanted + ", got '" + text + "'");
    EXPECT_EQ(get(paint, name), before);
  };
  for (const char* text : {"", "x", "1.5", "0", "10", "+1", " 1", "99999999999999999999"})
    expect("coats", text, "a whole number of 1 to 9");
  for (const char* text : {"-1", "4294967296"}) expect("seed", text, "a whole number of 0 to 4294967295");
  for (const char* text : {"nan", "inf", "1", "-0.1", "1e999", "0x1"})
    expect("gloss", text, "a number from 0 to below 1");
  expect("layers", "0", "a whole number from 1 on");
  expect("thinner", "0", "a number above 0 and up to 1");
  for (const char* text : {"", "1,", ",1", "1,,2", "1,100", "1 2"})
    expect("sizes", text, "whole numbers of 1 to 99, comma-separated");
  for (const char* text : {"", "x", "1x", "0", "5000x1", "1x2x3"})
    expect("size", text, "a height and a width of 1 to 4096, such as 32 or 48x64");
  expect("colour", "blue", "one of red, green");
  expect("dry", "yes", "true or false");
  EXPECT_EQ(set(paint, "coats", std::string(131000, '9')),
            "expected a whole number of 1 to 9, got '" + std::string(60, '9') + "...'");
}

TEST(Options, JsonGoesBothWays) {
  Paint paint, back;
  nlohmann::json object = options_to_json(all_of(paint));
  EXPECT_FALSE(object.contains("layers"));  // which is not set
  for (const auto& [name, text] : {std::pair("layers", "7"), std::pair("size", "3x4"), std::pair("colour", "green")})
    set(paint, name, text);
  object = options_to_json(all_of(paint));
  options_from_json("test", object, all_of(back));
  EXPECT_EQ(options_to_json(all_of(back)), object);
  EXPECT_EQ(back.layers, 7);
  EXPECT_EQ(back.colour, Colour::green);

  object["sizes"] = 5;  // a list of one
  object["coats"] = {4};
  object["layers"] = nullptr;
  object.erase("gloss");  // newer than the file
  options_from_json("test", object, all_of(back));
  EXPECT_EQ(back.sizes, std::vector<Index>{5});
  EXPECT_EQ(back.coats, 4);
  EXPECT_FALSE(back.layers.has_value());

  const auto error = [&](const char* name, nlohmann::json value) {
    nlohmann::json changed = object;
    changed[name] = std::move(value);
    try {
      options_from_json("test", changed, all_of(back));
    } catch (const std::invalid_argument& wrong) {
      return std::string(wrong.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(error("coats", 1.5), "[test] expected coats to be made of whole numbers, got 1.5");
  EXPECT_EQ(error("coats", {1, 2}), "[test] expected coats to be one whole number, got [1,2]");
  EXPECT_EQ(error("seed", -1), "[test] expected seed to be of 0 to 4294967295, got -1");
  EXPECT_EQ(error("dry", 1), "[test] expected dry to be true or false, got 1");
  EXPECT_EQ(error("gloss", "x"), "[test] expected gloss to be a number, got \"x\"");
  EXPECT_EQ(error("size", {1}), "[test] expected size to be a height and a width, got [1]");
  EXPECT_EQ(error("colour", "blue"), "[test] expected colour to be one of red, green, got \"blue\"");
  object.erase("coats");
  EXPECT_EQ(error("dry", true), "[test] expected the option coats, got none of that name");
}

TEST(Options, RangesAreChecked) {
  const auto error = [](auto change) {
    Paint paint;
    change(paint);
    try {
      check_options("test", all_of(paint));
    } catch (const std::invalid_argument& wrong) {
      return std::string(wrong.what());
    }
    return std::string();
  };
  EXPECT_EQ(error([](Paint&) {}), "");
  EXPECT_EQ(error([](Paint& p) { p.coats = 0; }), "[test] expected coats of 1 or more, got 0");
  EXPECT_EQ(error([](Paint& p) { p.coats = 10; }), "[test] expected coats of at most 9, got 10");
  EXPECT_EQ(error([](Paint& p) { p.gloss = 1; }), "[test] expected gloss of 0 or more and below 1, got 1");
  EXPECT_EQ(error([](Paint& p) { p.thinner = 2; }), "[test] expected thinner above 0 and at most 1, got 2");
  EXPECT_EQ(error([](Paint& p) { p.layers = -3; }), "[test] expected layers of 1 or more, got -3");
  EXPECT_EQ(error([](Paint& p) { p.sizes = {1, 0}; }), "[test] expected sizes of 1 or more, got 0");
}

TEST(Nearest, FindsWhatWasMeant) {
  EXPECT_EQ(edit_distance("conv", "conv"), 0u);
  EXPECT_EQ(edit_distance("covn", "conv"), 1u);  // two neighbours that changed places
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  const std::vector<std::string> known = {"learning-rate", "lr-decay", "momentum", "weight-decay"};
  EXPECT_EQ(nearest("momentun", known, 2), std::vector<std::string>{"momentum"});
  EXPECT_EQ(nearest("decay", known, 2), (std::vector<std::string>{"lr-decay", "weight-decay"}));
  EXPECT_TRUE(nearest("zzzzzzz", known, 2).empty());
  const std::vector<std::string> flags = {"--batch-size", "--epochs", "--image-size", "--pool", "--step-epochs"};
  EXPECT_EQ(nearest("--epoch", flags, 2), std::vector<std::string>{"--epochs"});
  EXPECT_EQ(nearest("epoch", {"epochs", "step-epochs", "warmup-epochs"}, 3), std::vector<std::string>{"epochs"});
  EXPECT_EQ(nearest("--batch_size", flags, 2), std::vector<std::string>{"--batch-size"});
  EXPECT_EQ(nearest("--size", flags, 2), (std::vector<std::string>{"--batch-size", "--image-size"}));
  EXPECT_TRUE(nearest("foo", {"pool", "mode"}, 2).empty());
  EXPECT_TRUE(nearest("--", flags, 2).empty());
  EXPECT_EQ(nearest("EPOCHS", flags, 2), std::vector<std::string>{"--epochs"});
  EXPECT_EQ(nearest("cnn", {"fc", "convnet", "three-layer-convnet"}, 2), std::vector<std::string>{"convnet"});
  EXPECT_EQ(nearest("dataset", {"data", "set", "out"}, 2), std::vector<std::string>{"data"});
  EXPECT_TRUE(nearest("nnc", {"convnet"}, 2).empty());
  EXPECT_EQ(did_you_mean("size", flags), "; did you mean --batch-size or --image-size?");
  EXPECT_EQ(did_you_mean("zzzzzzz", flags), "");
}

}  // namespace
}  // namespace lamina
