// Roots and quotients of the update rules, which some instruction sets take by remainders: the nearest numbers, as
// the processor's own roots and quotients are.
#include <cmath>
#include <cstring>
#include <limits>

#include "lamina/kernels/update.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

// Each operation on floats by way of doubles, whose 53 bits are enough to round to the nearest float in the end.
float nearest(double x) { return static_cast<float>(x); }
float product(float a, float b) { return nearest(static_cast<double>(a) * static_cast<double>(b)); }
float quotient(float a, float b) { return nearest(static_cast<double>(a) / static_cast<double>(b)); }
float sum(float a, float b) { return nearest(static_cast<double>(a) + static_cast<double>(b)); }
float root(float x) { return nearest(std::sqrt(static_cast<double>(x))); }

std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return std::isnan(x) ? 0x7fc00000u : bits;
}

constexpr Index kPart = Index{1} << 16;

// All 2^23 numbers from 2^exponent on, a part at a time.
template <class Body>
void over_mantissas(int exponent, Body&& body) {
  Tensor<float> x(Shape{kPart});
  for (Index first = 0; first < (Index{1} << 23) && !::testing::Test::HasFailure(); first += kPart) {
    for (Index i = 0; i < kPart; ++i)
      x[i] = std::ldexp(static_cast<float>((Index{1} << 23) + first + i), exponent - 23);
    body(x);
  }
}

// A root apart from the nearest moves w: the steps' mantissas are near 2, where floats are densest.
TEST(UpdateKernels, RootsAreTheNearest) {
  for (const int exponent : {0, 1})
    over_mantissas(exponent, [](const Tensor<float>& x) {
      Tensor<float> dw(x.shape()), expected(x.shape());
      for (Index i = 0; i < kPart; ++i) {
        dw[i] = 1.99f * root(x[i]);
        expected[i] = -quotient(dw[i], root(x[i]));
      }
      testing::for_each_target([&](int) {
        Tensor<float> cache = x, w(x.shape());
        kernels::rmsprop_update(kPart, w.data(), dw.data(), cache.data(), 1.0f, 1.0f, 0.0f, 0.0f);
        for (Index i = 0; i < kPart; ++i) ASSERT_EQ(w[i], expected[i]) << x[i];
        // Few numbers: what stands behind the last whole vector.
        cache = x;
        w.fill(0);
        for (Index i = 0; i < kPart; i += 7)
          kernels::rmsprop_update(std::min<Index>(7, kPart - i), w.data() + i, dw.data() + i, cache.data() + i, 1.0f,
                                  1.0f, 0.0f, 0.0f);
        for (Index i = 0; i < kPart; ++i) ASSERT_EQ(w[i], expected[i]) << x[i];
      });
    });
}

// With v = 1 and corrections of Adam's first 200 steps w is -m / correction1.
TEST(UpdateKernels, QuotientsAreTheNearest) {
  Tensor<float> ones(Shape{kPart}), zeros(Shape{kPart});
  ones.fill(1);
  int step = 0;
  over_mantissas(0, [&](const Tensor<float>& x) {
    for (const double beta : {0.9, 0.999}) {
      const float correction = nearest(1 - std::pow(beta, 1 + step % 200));
      testing::for_each_target([&](int) {
        Tensor<float> m = x, v = ones, w = zeros;
        const kernels::AdamStep<float> s{1, 1, 0, correction, 1, 0, 1, 0};
        kernels::adam_update(kPart, w.data(), zeros.data(), m.data(), v.data(), s);
        for (Index i = 0; i < kPart; ++i) ASSERT_EQ(w[i], -quotient(x[i], correction)) << x[i] << ", " << correction;
      });
    }
    step += 7;
  });
}

// What x of 2^23 to 2^24 - 1 is nearest to `divisor`, an odd number in that range, times half a float: the quotients
// hardest to round. 2^25 x = divisor middle - off or 2^24 x, with an odd middle of 25 bits.
std::vector<std::int64_t> hardest(std::int64_t divisor, std::int64_t off) {
  const auto odd = static_cast<std::uint64_t>(divisor);
  std::uint64_t inverse = odd;  // modulo 2^64, by Newton's steps
  for (int i = 0; i < 6; ++i) inverse *= 2 - odd * inverse;
  std::vector<std::int64_t> result;
  for (const int shift : {24, 25}) {
    const std::int64_t modulus = std::int64_t{1} << shift;
    const auto first = static_cast<std::int64_t>(inverse * static_cast<std::uint64_t>(off));
    for (std::int64_t middle = first & (modulus - 1); middle < 1 << 25; middle += modulus) {
      const std::int64_t x = (divisor * middle - off) >> shift;
      if (middle >= 1 << 24 && x >= 1 << 23 && x < 1 << 24) result.push_back(x);
    }
  }
  return result;
}

TEST(UpdateKernels, QuotientsHardToRoundAreTheNearest) {
  Index tried = 0;
  for (std::int64_t divisor = (1 << 23) + 1; divisor < 1 << 24; divisor += 2 * 733) {
    std::vector<float> x;
    for (const int off : {-3, -1, 1, 3})
      for (const std::int64_t hard : hardest(divisor, off)) x.push_back(std::ldexp(static_cast<float>(hard), -23));
    tried += static_cast<Index>(x.size());
    x.resize((x.size() + 15) / 16 * 16, 1.5f);  // whole vectors
    const auto n = static_cast<Index>(x.size());
    const float correction = std::ldexp(static_cast<float>(divisor), -24);
    testing::for_each_target([&](int) {
      std::vector<float> m = x, v(x.size(), 1), w(x.size()), dw = w;
      kernels::adam_update(n, w.data(), dw.data(), m.data(), v.data(), {1, 1, 0, correction, 1, 0, 1, 0});
      for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(w[i], -quotient(x[i], correction)) << x[i];
    });
  }
  EXPECT_GT(tried, 10000);
}

// Steps of adam and rmsprop from m, v and w against the formulas, with corrections of 0.271 and 0.003 and dw = -0,
// which leaves m.
void expect_the_formulas(const Tensor<float>& m, const Tensor<float>& v, const Tensor<float>& w) {
  const kernels::AdamStep<float> s{0.5f, 1, 0, 0.271f, 1, 0, 0.003f, 1e-8f};
  testing::for_each_target([&](int) {
    Tensor<float> dw(w.shape()), first = m, second = v, cache = v, by_adam = w, by_rmsprop = w;
    dw.fill(-0.0f);
    kernels::adam_update(w.size(), by_adam.data(), dw.data(), first.data(), second.data(), s);
    dw.fill(0.75f);
    kernels::rmsprop_update(w.size(), by_rmsprop.data(), dw.data(), cache.data(), 0.5f, 1.0f, 0.0f, 1e-8f);
    for (Index i = 0; i < w.size(); ++i) {
      const float mean = quotient(m[i], s.correction1), square = quotient(v[i], s.correction2);
      const float step = quotient(product(s.rate, mean), sum(root(square), s.epsilon));
      ASSERT_EQ(bits_of(by_adam[i]), bits_of(sum(w[i], -step))) << m[i] << ", " << v[i];
      const float other = quotient(0.375f, sum(root(v[i]), s.epsilon));
      ASSERT_EQ(bits_of(by_rmsprop[i]), bits_of(sum(w[i], -other))) << v[i];
    }
  });
}

// Zeros, the smallest and largest numbers, infinities and NaN among others, in places of a vector and behind it.
TEST(UpdateKernels, ExtremesAreAsElsewhere) {
  using Limits = std::numeric_limits<float>;
  const float inf = Limits::infinity();
  const std::vector<float> extremes = {0.0f,      -0.0f,    Limits::denorm_min(),
                                       -3e-44f,   1e-38f,   -1e-34f,
                                       0x1p-100f, 7e-31f,   0x1p100f,
                                       2e30f,     -1.2e30f, Limits::max(),
                                       inf,       -inf,     Limits::quiet_NaN(),
                                       -1.0f,     0.25f};
  constexpr Index n = 37;
  for (const float first : extremes)
    for (const float second : extremes)
      for (Index at = 0; at < n; at += 5) {
        Tensor<float> m(Shape{n}), v(Shape{n}), w(Shape{n});
        for (Index i = 0; i < n; ++i) {
          m[i] = 0.01f * static_cast<float>(i - 11);
          v[i] = 0.003f * static_cast<float>(i);
        }
        m[at] = first;
        v[at] = second;
        w[at] = -0.0f;
        expect_the_formulas(m, v, w);
      }
}

// A vector's numbers are of one size, so that those whose remainders are exact are not passed over for others' sake.
TEST(UpdateKernels, NumbersOfEverySize) {
  RandomState random(11);
  for (int exponent = -149; exponent < 128; ++exponent) {
    Tensor<float> m(Shape{256}), v(Shape{256}), w(Shape{256});
    for (Index i = 0; i < w.size(); ++i) {
      m[i] = std::ldexp(nearest(1 + random.rand()), exponent);
      v[i] = std::ldexp(nearest(1 + random.rand()), 2 * ((i / 64 - 2) * 30) + (exponent & 1));
    }
    expect_the_formulas(m, v, w);
    expect_the_formulas(w, m, w);
  }
}

}  // namespace
}  // namespace lamina
