// Products of operands rounded to bfloat16, for every instruction set: each against plain sums in double of the
// rounded operands, so that the instructions and what stands in for them agree to a sum's rounding errors.
#include "lamina/kernels/products/bf16.h"

#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/products/gemm.h"
#include "lamina/threads.h"
#include "tests/kernels/conv_testing.h"

namespace lamina {
namespace {

using kernels::ConvShape;
using testing::ConvSums;
using testing::random_tensor;

Tensor<float> rounded(const Tensor<float>& x) {
  Tensor<float> y(x.shape());
  for (Index i = 0; i < x.size(); ++i) y[i] = kernels::round_to_bf16(x[i]);
  return y;
}

TEST(Bf16, RoundsToNearestEven) {
  const auto with_bits = [](std::uint32_t bits) { return std::bit_cast<float>(bits); };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Tensor<float> x({1000});
  RandomState random(3);
  for (float& value : x) value = with_bits(static_cast<std::uint32_t>(random.randint(std::int64_t{1} << 32)));
  const std::vector<std::pair<float, float>> known = {{1.0f, 1.0f},
                                                      {with_bits(0x3f808000), with_bits(0x3f800000)},  // tie, down
                                                      {with_bits(0x3f818000), with_bits(0x3f820000)},  // tie, up
                                                      {with_bits(0x3f808001), with_bits(0x3f810000)},
                                                      {with_bits(0xbf817fff), with_bits(0xbf810000)},
                                                      {with_bits(0x7f7fffff), kInfinity},
                                                      {-kInfinity, -kInfinity},
                                                      {-0.0f, -0.0f}};
  for (std::size_t i = 0; i < known.size(); ++i) x[static_cast<Index>(i)] = known[i].first;
  const Index nans[] = {20, 21, 22};
  const std::uint32_t nan_bits[] = {0x7f800001, 0xff80ffff, 0x7fffffff};
  for (int i = 0; i < 3; ++i) x[nans[i]] = with_bits(nan_bits[i]);

  testing::for_each_target([&](int) {
    Tensor<float> got = testing::poisoned<float>(x.shape());
    kernels::round_to_bf16(x.size(), x.data(), got.data());
    for (Index i = 0; i < x.size(); ++i) {
      const auto bits = std::bit_cast<std::uint32_t>(got[i]);
      EXPECT_EQ(bits & 0xffff, 0u);
      EXPECT_EQ(bits, std::bit_cast<std::uint32_t>(kernels::round_to_bf16(x[i]))) << x[i];
      EXPECT_EQ(std::isnan(got[i]), std::isnan(x[i]));
      if (!std::isfinite(got[i])) continue;
      // No bfloat16 is nearer: half a step of the 8 bits that remain.
      const double step = std::ldexp(1.0, std::max(std::ilogb(got[i] == 0 ? 1e-40f : got[i]), -126) - 7);
      EXPECT_LE(std::abs(static_cast<double>(got[i]) - static_cast<double>(x[i])), step / 2);
    }
    for (std::size_t i = 0; i < known.size(); ++i)
      EXPECT_EQ(std::bit_cast<std::uint32_t>(got[static_cast<Index>(i)]),
                std::bit_cast<std::uint32_t>(known[i].second));
  });
}

TEST(Bf16, ConvolutionsEqualPlainSums) {
  RandomState random(5);
  testing::over_targets(500, [&](int i) {
    const ConvShape s = testing::random_conv_shape(random, i, true);
    if (kernels::winograd_suits_bf16(s)) return;  // winograd_test
    SCOPED_TRACE(testing::describe(s));
    const Tensor<float> x = random_tensor<float>(Shape{s.N, s.H, s.W, s.C}, random);
    const Tensor<float> w = random_tensor<float>(Shape{s.F, s.C, s.HH, s.WW}, random);
    const Tensor<float> b = random_tensor<float>(Shape{s.F}, random);
    const Tensor<float> dout = random_tensor<float>(Shape{s.N, s.OH, s.OW, s.F}, random);
    const ConvSums expected(s, rounded(x), rounded(w), b, rounded(dout));
    Tensor<float> got = testing::poisoned<float>(dout.shape());
    kernels::conv_forward_bf16(s, x.data(), w.data(), b.data(), false, got.data());
    expected.out.expect(got, "out");
    Tensor<float> with_relu = testing::poisoned<float>(dout.shape());
    kernels::conv_forward_bf16(s, x.data(), w.data(), b.data(), true, with_relu.data());
    for (float& value : got) value = std::max(value, 0.0f);
    EXPECT_TRUE(testing::close(with_relu, got, 0));

    Tensor<float> dx = testing::poisoned<float>(x.shape()), dw = testing::poisoned<float>(w.shape());
    Tensor<float> db = testing::poisoned<float>(b.shape());
    kernels::conv_backward_data_bf16(s, dout.data(), w.data(), dx.data());
    expected.dx.expect(dx, "dx");
    kernels::conv_backward_filter_bf16(s, x.data(), dout.data(), dw.data(), db.data());
    expected.dw.expect(dw, "dw");
    ConvSums(s, x, w, b, dout).db.expect(db, "db");  // not rounded
  });
}

TEST(Bf16, ConvolutionsSameBitsForAnyNumberOfThreads) {
  RandomState random(6);
  const int before = num_threads();
  testing::over_targets(40, [&](int i) {
    ConvShape s = testing::random_conv_shape(random, i * 10 + i % 3, true);
    s.N = i % 2 ? 2 : 40;  // few images: chunks of rows; many: several groups in the filter's gradient
    const Tensor<float> x = random_tensor<float>(Shape{s.N, s.H, s.W, s.C}, random);
    const Tensor<float> w = random_tensor<float>(Shape{s.F, s.C, s.HH, s.WW}, random);
    const Tensor<float> b = random_tensor<float>(Shape{s.F}, random);
    const Tensor<float> dout = random_tensor<float>(Shape{s.N, s.OH, s.OW, s.F}, random);
    std::vector<Tensor<float>> expected;
    for (int threads : {1, 2, 3}) {
      set_num_threads(threads);
      std::vector<Tensor<float>> got = {Tensor<float>(dout.shape()), Tensor<float>(x.shape()),
                                        Tensor<float>(w.shape())};
      kernels::conv_forward_bf16(s, x.data(), w.data(), b.data(), false, got[0].data());
      kernels::conv_backward_data_bf16(s, dout.data(), w.data(), got[1].data());
      kernels::conv_backward_filter_bf16(s, x.data(), dout.data(), got[2].data(), nullptr);
      if (threads == 1) expected = got;
      for (std::size_t k = 0; k < got.size(); ++k) EXPECT_TRUE(testing::close(got[k], expected[k], 0)) << threads;
    }
  });
  set_num_threads(before);
}

struct Product {
  bool transpose_a, transpose_b, with_bias, relu;
  Index m, n, k, lda, ldb, ldc;
};

Product random_product(RandomState& random, bool large) {
  Product s{};
  s.transpose_a = random.randint(2);
  s.transpose_b = random.randint(2);
  s.with_bias = random.randint(2);
  s.relu = random.randint(2);
  s.m = large ? 100 + random.randint(200) : testing::random_length(random, 70);
  s.n = large ? 60 + random.randint(90) : testing::random_length(random, 70);
  s.k = large ? (random.randint(2) ? 512 : 500 + random.randint(300)) : testing::random_length(random, 90);
  s.lda = (s.transpose_a ? s.m : s.k) + random.randint(3);
  s.ldb = (s.transpose_b ? s.k : s.n) + random.randint(3);
  s.ldc = s.n + random.randint(3);
  return s;
}

TEST(Bf16, MatrixProductsEqualPlainSums) {
  RandomState random(7);
  testing::over_targets(500, [&](int i) {
    const Product s = random_product(random, i % 40 < 5);
    const auto stored_a = random_tensor<float>(Shape{s.transpose_a ? s.k : s.m, s.lda}, random);
    const auto stored_b = random_tensor<float>(Shape{s.transpose_b ? s.n : s.k, s.ldb}, random);
    const Tensor<float> a = rounded(stored_a), b = rounded(stored_b);
    const Tensor<float> bias = random_tensor<float>(Shape{s.n}, random);
    Tensor<float> c = testing::poisoned<float>(Shape{s.m, s.ldc});
    kernels::gemm_bf16(s.transpose_a, s.transpose_b, s.m, s.n, s.k, stored_a.data(), s.lda, stored_b.data(), s.ldb,
                       c.data(), s.ldc, s.with_bias ? bias.data() : nullptr, s.relu);
    for (Index row = 0; row < s.m; ++row)
      for (Index column = 0; column < s.ldc; ++column) {
        if (column >= s.n) {
          ASSERT_TRUE(std::isnan(c(row, column))) << "written behind column " << s.n;
          continue;
        }
        double sum = s.with_bias ? static_cast<double>(bias[column]) : 0, norm = std::abs(sum);
        for (Index k = 0; k < s.k; ++k) {
          const double term = static_cast<double>(s.transpose_a ? a(k, row) : a(row, k)) *
                              static_cast<double>(s.transpose_b ? b(column, k) : b(k, column));
          sum += term;
          norm += std::abs(term);
        }
        if (s.relu) sum = std::max(sum, 0.0);
        ASSERT_NEAR(static_cast<double>(c(row, column)), sum, 4 * norm * std::numeric_limits<float>::epsilon())
            << s.m << " x " << s.n << " x " << s.k << " at " << row << ", " << column;
      }
  });
}

TEST(Bf16, NothingToSumLeavesTheBias) {
  const Tensor<float> bias = testing::tensor<float>(Shape{3}, {1, -2, 3});
  testing::for_each_target([&](int) {
    Tensor<float> c = testing::poisoned<float>(Shape{2, 3});
    kernels::gemm_bf16(false, false, 2, 3, 0, nullptr, 0, nullptr, 3, c.data(), 3, bias.data(), true);
    EXPECT_TRUE(testing::close(c, testing::tensor<float>(Shape{2, 3}, {1, 0, 3, 1, 0, 3}), 0));
  });
}

TEST(Bf16, MatrixProductsSameBitsForAnyNumberOfThreads) {
  RandomState random(8);
  const int before = num_threads();
  testing::over_targets(30, [&](int) {
    const Product s = random_product(random, true);
    const auto a = random_tensor<float>(Shape{s.transpose_a ? s.k : s.m, s.lda}, random);
    const auto b = random_tensor<float>(Shape{s.transpose_b ? s.n : s.k, s.ldb}, random);
    Tensor<float> expected;
    for (int threads : {1, 2, 3, 5}) {
      set_num_threads(threads);
      Tensor<float> c(Shape{s.m, s.ldc});
      kernels::gemm_bf16(s.transpose_a, s.transpose_b, s.m, s.n, s.k, a.data(), s.lda, b.data(), s.ldb, c.data(),
                         s.ldc);
      if (threads == 1) expected = c;
      EXPECT_TRUE(testing::close(c, expected, 0)) << threads << " threads";
    }
  });
  set_num_threads(before);
}

// What is not finite reaches the sums that it belongs to, and no others.
TEST(Bf16, NotANumberStaysInItsPlace) {
  testing::for_each_target([](int) {
    const ConvShape s{1, 4, 9, 3, 5, 1, 3, 1, 0, 4, 7};  // rows of 9 values: the last pair has one
    Tensor<float> x(Shape{1, 4, 9, 3}), w(Shape{5, 3, 1, 3}), b(Shape{5}), out(Shape{1, 4, 7, 5});
    x.fill(1);
    w.fill(0);
    const Index row = 2, column = 4;
    x[(row * 9 + column) * 3] = std::numeric_limits<float>::quiet_NaN();
    kernels::conv_forward_bf16(s, x.data(), w.data(), b.data(), true, out.data());
    for (Index i = 0; i < out.size(); ++i) {
      const Index h = i / 35, j = i / 5 % 7;
      EXPECT_EQ(std::isnan(out[i]), h == row && j <= column && column < j + 3) << i;
    }
  });
}

}  // namespace
}  // namespace lamina
