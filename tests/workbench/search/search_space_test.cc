// Ranges, what is drawn from them, and who goes on from a rung.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>

#include "workbench/search/halving.h"
#include "workbench/search/range.h"

namespace lamina {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> drawn(const std::string& range, int count, std::uint32_t seed = 5) {
  RandomState random(seed);
  const Range from("flag", range);
  std::vector<std::string> values;
  for (int i = 0; i < count; ++i) values.push_back(from.draw(random));
  return values;
}

std::vector<double> numbers(const std::string& range, int count) {
  std::vector<double> values;
  for (const std::string& text : drawn(range, count)) values.push_back(std::stod(text));
  return values;
}

// Kolmogorov and Smirnov: the largest distance between the empirical distribution and `cdf`, times sqrt(n). Above 1.95
// for one in a thousand samples of a right one.
double distance(std::vector<double> values, const std::function<double(double)>& cdf) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double largest = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double p = cdf(values[i]), place = static_cast<double>(i);
    largest = std::max({largest, std::abs(p - place / n), std::abs(p - (place + 1) / n)});
  }
  return largest * std::sqrt(n);
}

// Pearson's chi-squared of counts against probabilities.
double chi_squared(const std::map<std::string, int>& counts, const std::map<std::string, double>& chances) {
  int total = 0;
  for (const auto& [value, count] : counts) {
    EXPECT_TRUE(chances.contains(value)) << value;
    total += count;
  }
  double sum = 0;
  for (const auto& [value, chance] : chances) {
    const auto found = counts.find(value);
    const double expected = chance * total, is = found == counts.end() ? 0 : found->second;
    sum += (is - expected) * (is - expected) / expected;
  }
  return sum;
}

std::map<std::string, int> counted(const std::string& range, int count) {
  std::map<std::string, int> counts;
  for (const std::string& value : drawn(range, count)) ++counts[value];
  return counts;
}

TEST(Range, UniformIsUniform) {
  const auto values = numbers("uniform:-2:6", 20000);
  EXPECT_LT(distance(values, [](double x) { return (x + 2) / 8; }), 1.95);
  EXPECT_GT(distance(values, [](double x) { return (x + 2) / 8.4; }), 1.95);  // and not of another range
  EXPECT_GE(*std::min_element(values.begin(), values.end()), -2);
  EXPECT_LE(*std::max_element(values.begin(), values.end()), 6);
}

TEST(Range, LogUniformHasUniformLogarithms) {
  const auto values = numbers("log-uniform:1e-5:1e-1", 20000);
  const auto cdf = [](double x) { return std::log10(x / 1e-5) / 4; };
  EXPECT_LT(distance(values, cdf), 1.95);
  EXPECT_GT(distance(numbers("uniform:1e-5:1e-1", 20000), cdf), 50);
}

TEST(Range, IntegerHasEachNumberAsOften) {
  const auto counts = counted("integer:3:11:2", 10000);
  EXPECT_EQ(counts.size(), 5U);
  EXPECT_LT(chi_squared(counts, {{"3", .2}, {"5", .2}, {"7", .2}, {"9", .2}, {"11", .2}}), 18.5);  // 4 degrees, 0.1%
  EXPECT_EQ(counted("integer:-1:1", 1000).size(), 3U);
  for (const std::string& value : drawn("integer:0:10:4", 100)) EXPECT_THAT(value, ::testing::AnyOf("0", "4", "8"));
}

TEST(Range, LogIntegerFollowsTheLogarithm) {
  std::map<std::string, double> chances;
  for (int n = 1; n <= 8; ++n) chances[std::to_string(n)] = std::log((n + .5) / (n - .5)) / std::log(8.5 / .5);
  EXPECT_LT(chi_squared(counted("log-integer:1:8", 20000), chances), 24.4);  // 7 degrees, 0.1%
}

TEST(Range, ChoiceTakesEachTextAsOften) {
  const auto counts = counted("choice:100,100|200|adam|200", 10000);
  EXPECT_LT(chi_squared(counts, {{"100,100", .25}, {"200", .5}, {"adam", .25}}), 13.9);  // 2 degrees, 0.1%
  const Range range("hidden", "choice:100,100|200|adam|200");
  EXPECT_THAT(range.names(), ElementsAre("100,100", "200", "adam"));
  EXPECT_EQ(range.place("adam"), 2);
}

TEST(Range, NumbersAreShortAndNeverOutside) {
  std::set<std::string> texts;
  for (const std::string& text : drawn("log-uniform:1e-4:1e-2", 1000)) {
    EXPECT_LE(text.size(), 10U) << text;
    texts.insert(text);
  }
  EXPECT_GT(texts.size(), 950U);
  for (const double value : numbers("uniform:0.123456789:0.1234567891", 1000)) {
    EXPECT_GE(value, 0.123456789);
    EXPECT_LE(value, 0.1234567891);
  }
  for (const double value : numbers("uniform:0.99999999:7", 1000)) EXPECT_GE(value, 0.99999999);
}

TEST(Range, AWrongOneIsOneLine) {
  const auto error = [](const std::string& text) -> std::string {
    try {
      const Range range("reg", text);
    } catch (const std::invalid_argument& wrong) {
      return wrong.what();
    }
    return "none";
  };
  const std::string start = "[search] --search reg: expected ";
  EXPECT_EQ(error("uniform:2:1"), start + "MIN below MAX, got 'uniform:2:1'");
  EXPECT_EQ(error("uniform:1:1"), start + "MIN below MAX, got 'uniform:1:1'");
  EXPECT_EQ(error("log-uniform:0:1"), start + "MIN above 0, where logarithms are, got 'log-uniform:0:1'");
  EXPECT_EQ(error("log-uniform:-1:1"), start + "MIN above 0, where logarithms are, got 'log-uniform:-1:1'");
  EXPECT_EQ(error("log-integer:0:9"), start + "MIN of 1 or more, where logarithms are, got 'log-integer:0:9'");
  for (const char* text :
       {"uniform:1", "uniform:a:b", "uniform:1:2:3", "uniform:0:inf", "log-uniform:1:nan", "uniform:"})
    EXPECT_EQ(error(text), start + "two finite numbers, MIN:MAX, got '" + text + "'");
  for (const char* text : {"integer:1.5:3", "integer:1", "integer:1:2:3:4"})
    EXPECT_EQ(error(text), start + "whole numbers, MIN:MAX or MIN:MAX:STEP, got '" + text + "'");
  for (const char* text : {"integer:-9223372036854775808:5", "integer:-9223372036854775808:9223372036854775807"})
    EXPECT_EQ(error(text), start + "whole numbers, MIN:MAX or MIN:MAX:STEP, got '" + text + "'");
  EXPECT_EQ(error("integer:1:5:0"), start + "a STEP of 1 to MAX - MIN, got 'integer:1:5:0'");
  EXPECT_EQ(error("log-integer:1:9:2"), start + "two whole numbers, MIN:MAX, got 'log-integer:1:9:2'");
  EXPECT_EQ(error("integer:7:5"), start + "MIN below MAX, got 'integer:7:5'");
  EXPECT_EQ(error("choice:a"), start + "two or more values, separated by |, got 'choice:a'");
  EXPECT_EQ(error("choice:a||b"), start + "a value on each side of |, got 'choice:a||b'");
  EXPECT_EQ(error("uniform:-1.7e308:1.7e308"),
            start + "a MIN and a MAX whose difference is finite, got 'uniform:-1.7e308:1.7e308'");
  for (const char* text : {"normal:0:1", "1e-4", "", "uniform"})
    EXPECT_THAT(error(text), ::testing::StartsWith(start + "uniform:MIN:MAX, log-uniform:MIN:MAX, ")) << text;
}

TEST(DrawTrials, AreNumPysDrawsAndDoNotDependOnTheirNumber) {
  const std::vector<Range> ranges = {Range("dropout", "uniform:0.5:1"), Range("model", "choice:fc|convnet")};
  // r = np.random.RandomState(231); each: r.randint(0, 2**32), 0.5 + 0.5 * r.rand()
  const std::vector<Draw> first = draw_trials({ranges[0]}, 3, 231);
  EXPECT_EQ(first[0].seed, 3356491351U);
  EXPECT_EQ(first[1].seed, 1021729225U);
  EXPECT_EQ(first[2].seed, 1354395138U);
  EXPECT_THAT(first[0].values, ElementsAre("0.80279"));
  EXPECT_THAT(first[2].values, ElementsAre("0.7442"));
  const auto few = draw_trials(ranges, 5, 9), many = draw_trials(ranges, 50, 9);
  std::set<std::uint32_t> seeds;
  for (std::size_t i = 0; i < many.size(); ++i) {
    seeds.insert(many[i].seed);
    if (i >= few.size()) continue;
    EXPECT_EQ(few[i].seed, many[i].seed);
    EXPECT_EQ(few[i].values, many[i].values);
  }
  EXPECT_EQ(seeds.size(), 50U);
}

std::vector<std::pair<Index, Index>> rungs(Index trials, Index epochs, Index factor, Index first) {
  std::vector<std::pair<Index, Index>> found;
  for (const Rung& rung : halving_rungs(trials, epochs, factor, first)) found.emplace_back(rung.epochs, rung.members);
  return found;
}

TEST(Halving, Rungs) {
  using P = std::pair<Index, Index>;
  EXPECT_THAT(rungs(20, 10, 3, 1), ElementsAre(P(1, 20), P(3, 7), P(10, 3)));
  EXPECT_THAT(rungs(27, 9, 3, 1), ElementsAre(P(1, 27), P(3, 9), P(9, 3)));
  EXPECT_THAT(rungs(16, 8, 2, 2), ElementsAre(P(2, 16), P(4, 8), P(8, 4)));
  EXPECT_THAT(rungs(5, 100, 1, 1), ElementsAre(P(100, 5)));
  EXPECT_THAT(rungs(5, 2, 3, 1), ElementsAre(P(2, 5)));
  EXPECT_THAT(rungs(2, 27, 3, 1), ElementsAre(P(1, 2), P(3, 1), P(9, 1), P(27, 1)));
  EXPECT_THROW(halving_rungs(0, 1, 1, 1), std::invalid_argument);
  EXPECT_THROW(halving_rungs(1, 1, 0, 1), std::invalid_argument);
}

TEST(Halving, TheBestGoOn) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(best_of({.1, .5, .3, .4}, 2), ElementsAre(1, 3));
  EXPECT_THAT(best_of({.5, .2, .5, .5}, 2), ElementsAre(0, 2));  // of equal ones the earlier
  EXPECT_THAT(best_of({nan, .1, nan, .2}, 3), ElementsAre(1, 3));
  EXPECT_THAT(best_of({nan, nan}, 1), ElementsAre());
  EXPECT_THAT(best_of({.1, .2}, 0), ElementsAre());
}

}  // namespace
}  // namespace lamina
