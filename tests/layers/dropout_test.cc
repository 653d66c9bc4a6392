#include "lamina/layers/dropout.h"

#include "lamina/gradient_check.h"
#include "lamina/layers/dropout_naive.h"
#include "notebooks/printed_values.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::close;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;
using View = const TensorView<double>&;

double mean(View x) {
  long double sum = 0;
  for (const double value : x) sum += value;
  return static_cast<double>(sum / static_cast<long double>(x.size()));
}
double zero_fraction(View x) {
  return static_cast<double>(std::count(x.begin(), x.end(), 0.0)) / static_cast<double>(x.size());
}

TEST(Dropout, NotebookForward) {
  RandomState random(231);
  auto x = random.randn({500, 500});
  for (double& value : x) value += 10;
  EXPECT_NEAR(mean(x), printed_value("dropout_forward.input_mean"), 1e-11);
  for (std::size_t i = 0; const double p : {0.25, 0.4, 0.7}) {
    const double printed_mean = printed_values("dropout_forward.means")[i];
    const double printed_zeros = printed_values("dropout_forward.zeros")[i++];
    RandomState same = random;
    const auto out = dropout_forward(x, {.p = p}, random).first;
    const auto out_test = dropout_forward(x, {.p = p, .mode = Mode::test}, random).first;
    EXPECT_NEAR(mean(out), printed_mean, 1e-12 * printed_mean);
    EXPECT_EQ(zero_fraction(out), printed_zeros);
    EXPECT_TRUE(close(out_test, x, 0));
    EXPECT_TRUE(close(naive::dropout_forward<double>(x, {.p = p}, same).first, out, 0));
    EXPECT_EQ(same.state(), random.state());
  }
}

TEST(Dropout, NotebookGradient) {
  RandomState random(231);
  auto x = random.randn({10, 10});
  for (double& value : x) value += 10;
  const auto dout = random.randn({10, 10});
  const DropoutParam param{.p = 0.2, .seed = 123};
  const auto numerical = eval_numerical_gradient_array(
      [&](View v) { return naive::dropout_forward<double>(v, param, random).first; }, x, dout);
  const auto mask = naive::dropout_forward<double>(x, param, random).second;
  EXPECT_LT(rel_error(naive::dropout_backward<double>(dout, mask), numerical), 1e-9);  // "around e-10 or less"
  const auto cache = dropout_forward(x, param, random).second;
  EXPECT_LT(rel_error(dropout_backward<double>(dout, cache), numerical), 1e-9);
}

TEST(Dropout, KeepsWhatIsBelowPToTheLastBit) {
  testing::over_targets(12, [&](int i) {
    RandomState random(static_cast<std::uint32_t>(i));
    random.next_uint32();
    RandomState ahead = random;
    Tensor<double> draws(Shape{400}), x(Shape{400}, 1.0);
    ahead.rand(draws.flat());
    for (Index at : {0, 5, 310, 311, 312, 399}) {
      for (const bool above : {false, true}) {
        const double p = above ? std::nextafter(draws[at], 1.0) : draws[at];
        RandomState same = random;
        const auto out = dropout_forward(x, {.p = p}, same).first;
        for (Index j = 0; j < 400; ++j) ASSERT_EQ(out[j] != 0, draws[j] < p) << j << ", p = draw " << at;
        EXPECT_EQ(same.state(), ahead.state());
      }
    }
  });
}

template <class T>
class DropoutIn : public ::testing::Test {};
TYPED_TEST_SUITE(DropoutIn, testing::Scalars);

TYPED_TEST(DropoutIn, FastEqualsNaive) {
  using T = TypeParam;
  RandomState random(6), fast(7), slow(7);
  testing::over_targets(210, [&](int i) {
    const Index N = testing::random_length(random, 60), D = testing::random_length(random, 60);
    const Shape shape = i % 3 == 0 ? Shape{N, 1, D, 2} : Shape{N, D};
    const auto x = random_tensor<T>(shape, random), dout = random_tensor<T>(shape, random);
    DropoutParam param{.p = i % 5 == 0 ? 1 : 0.05 + 0.9 * random.rand(), .mode = i % 7 == 0 ? Mode::test : Mode::train};
    if (i % 2 == 0) param.seed = static_cast<std::uint32_t>(random.randint(1000));
    if (i % 3 == 0) {
      EXPECT_EQ(fast.next_uint32(), slow.next_uint32());  // odd: a draw lies over a refill
    }
    auto out = poisoned<T>(shape), dx = poisoned<T>(shape);
    DropoutCache<T> cache;
    dropout_forward(x, param, fast, out, cache);
    const auto [expected, mask] = naive::dropout_forward<T>(x, param, slow);
    EXPECT_TRUE(close(out, expected, 0));
    EXPECT_EQ(fast.state(), slow.state());
    dropout_backward(dout, cache, dx);
    EXPECT_TRUE(close(dx, naive::dropout_backward<T>(dout, mask), 0));

    Tensor<T> same = x, gradient = dout;  // in place
    const RandomState::State before = fast.state();
    if (!param.seed) fast.seed(9), slow.seed(9);
    dropout_forward(same, param, fast, same, cache);
    EXPECT_TRUE(close(same, naive::dropout_forward<T>(x, param, slow).first, 0));
    dropout_backward(gradient, cache, gradient);
    EXPECT_EQ(gradient.shape(), shape);
    if (param.seed && param.mode == Mode::train) {
      EXPECT_EQ(fast.state(), before);  // the seed starts the stream anew
    }
  });
}

TYPED_TEST(DropoutIn, NaNStays) {
  using T = TypeParam;
  RandomState random(1);
  const auto out = dropout_forward(poisoned<T>({40}), {.p = 0.5}, random).first;
  for (const T value : out) EXPECT_TRUE(std::isnan(value));
}

// As in NumPy, infinity and NaN times the mask's 0 are NaN, and -1 times 0 is -0.
TYPED_TEST(DropoutIn, InfinityBecomesNaNWhereDropped) {
  using T = TypeParam;
  testing::for_each_target([](int) {
    RandomState random(1);
    const Shape shape{333};
    for (const T number : {std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(),
                           std::numeric_limits<T>::quiet_NaN(), T(-1)}) {
      const Tensor<T> x(shape, number);
      const auto [out, cache] = dropout_forward(x, {.p = 0.5}, random);
      const Tensor<T> dx = dropout_backward(x, cache);
      for (const Tensor<T>& result : {out, dx})
        for (Index i = 0; i < 333; ++i) {
          const T expected = number * cache.mask[i];
          EXPECT_EQ(std::isnan(result[i]), std::isnan(expected));
          if (std::isnan(expected)) continue;
          EXPECT_EQ(result[i], expected);
          EXPECT_EQ(std::signbit(result[i]), std::signbit(expected));
        }
    }
  });
}

TEST(Dropout, Errors) {
  RandomState random;
  const Tensor<double> x({2, 3});
  for (const Mode mode : {Mode::train, Mode::test}) {
    expect_error([&] { dropout_forward(x, {.p = 0, .mode = mode}, random); },
                 "[dropout_forward] expected p, the probability of keeping, above 0 and at most 1, got 0");
    expect_error([&] { dropout_forward(x, {.p = 1.5, .mode = mode}, random); },
                 "[dropout_forward] expected p, the probability of keeping, above 0 and at most 1, got 1.5");
    expect_error([&] { dropout_forward(x, {.p = std::nan(""), .mode = mode}, random); },
                 "[dropout_forward] expected p, the probability of keeping, above 0 and at most 1, got nan");
  }
  const auto cache = dropout_forward(x, {.p = 0.5}, random).second;
  expect_error(
      [&] {
        dropout_backward<double>(Tensor<double>({3, 2}), cache);
      },
      "[dropout_backward] expected dout of shape (2, 3) to match out, got (3, 2)");
}

}  // namespace
}  // namespace lamina
