// Products of float32 on the processor's matrix unit: as exact as float32's own, for any size and scale, and float32's
// own bits where the unit cannot stand for them.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <vector>

#include "lamina/kernels/amx/amx.h"
#include "lamina/kernels/machine/target.h"
#include "lamina/kernels/products/gemm.h"
#include "lamina/threads.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::random_tensor;

class GemmAmx : public ::testing::Test {
 protected:
  GemmAmx() : before_(kernels::target_name()), has_unit_(kernels::available_targets().front() == "AMX") {
    if (has_unit_)
      kernels::set_target("AMX");
    else
      std::puts("nothing to compare: this processor has no matrix unit");
  }
  ~GemmAmx() override { kernels::set_target(before_); }

  bool has_unit() const { return has_unit_; }

 private:
  std::string before_;
  bool has_unit_;
};

struct Case {
  bool transpose_a = false, transpose_b = false;
  Index m, n, k;
};

Tensor<float> product(const Case& s, const Tensor<float>& a, const Tensor<float>& b, const float* bias = nullptr,
                      bool relu = false) {
  EXPECT_GE(s.m * s.n * s.k, 1 << 21) << "smaller products are not the unit's";
  Tensor<float> c = testing::poisoned<float>(Shape{s.m, s.n});
  kernels::gemm(s.transpose_a, s.transpose_b, s.m, s.n, s.k, a.data(), a.dim(1), b.data(), b.dim(1), c.data(), s.n,
                bias, relu);
  return c;
}

// Errors relative to the sum of the terms' sizes.
struct Errors {
  double worst = 0, squares = 0;
  Index count = 0;

  double rms() const { return std::sqrt(squares / static_cast<double>(count)); }
};

void compare(const Case& s, const Tensor<float>& a, const Tensor<float>& b, const Tensor<float>* bias, bool relu,
             const Tensor<float>& c, Errors& errors) {
  for (Index row = 0; row < s.m; ++row)
    for (Index column = 0; column < s.n; ++column) {
      double sum = bias ? static_cast<double>((*bias)[column]) : 0, norm = std::abs(sum);
      for (Index k = 0; k < s.k; ++k) {
        const double term = static_cast<double>(s.transpose_a ? a(k, row) : a(row, k)) *
                            static_cast<double>(s.transpose_b ? b(column, k) : b(k, column));
        sum += term;
        norm += std::abs(term);
      }
      if (relu) sum = std::max(sum, 0.0);
      const double error = std::abs(static_cast<double>(c(row, column)) - sum) / norm;
      errors.worst = std::isnan(error) ? error : std::max(errors.worst, error);
      errors.squares += error * error;
      ++errors.count;
    }
}

// Without any one of the six products that make one of float32, errors would be four times these and more.
TEST_F(GemmAmx, AsExactAsFloat32) {
  if (!has_unit()) return;
  RandomState random(31);
  Errors errors, of_float32;
  for (int i = 0; i < 24; ++i) {
    Case s{i % 2 == 1, i / 2 % 2 == 1, 170 + random.randint(60), 160 + random.randint(60), 80 + random.randint(40)};
    const auto a = random_tensor<float>(s.transpose_a ? Shape{s.k, s.m} : Shape{s.m, s.k}, random);
    const auto b = random_tensor<float>(s.transpose_b ? Shape{s.n, s.k} : Shape{s.k, s.n}, random);
    compare(s, a, b, nullptr, false, product(s, a, b), errors);
    kernels::set_target("AVX-512");
    compare(s, a, b, nullptr, false, product(s, a, b), of_float32);
    kernels::set_target("AMX");
  }
  EXPECT_LT(errors.worst, of_float32.worst);
  EXPECT_LT(errors.rms(), of_float32.rms());
}

// Part of a larger matrix, which is NaN elsewhere: who reads too much and reckons with it will know.
Tensor<float> surrounded(Index rows, Index columns, RandomState& random) {
  Tensor<float> all(Shape{rows + 1, columns + 3}, std::numeric_limits<float>::quiet_NaN());
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < columns; ++j) all(i, j) = static_cast<float>(random.randn());
  return all;
}

// Sizes beside the tiles', several groups of rows and columns and blocks of k, sums in two halves, and operands whose
// rows and columns differ in scale by many powers of two.
TEST_F(GemmAmx, EqualsPlainSums) {
  if (!has_unit()) return;
  RandomState random(32);
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    Case s{random.randint(2) == 1, random.randint(2) == 1, 32 + random.randint(i % 4 ? 70 : 300),
           32 + random.randint(i % 6 ? 70 : 600), 64 + random.randint(i % 5 ? 150 : 2500)};
    s.k = std::max(s.k, (Index{1} << 21) / (s.m * s.n) + 1);
    SCOPED_TRACE(std::to_string(s.m) + " x " + std::to_string(s.n) + " x " + std::to_string(s.k));
    auto a = s.transpose_a ? surrounded(s.k, s.m, random) : surrounded(s.m, s.k, random);
    auto b = s.transpose_b ? surrounded(s.n, s.k, random) : surrounded(s.k, s.n, random);
    if (i % 3 == 0)
      for (Index row = 0; row < s.m; ++row)
        for (Index k = 0; k < s.k; ++k)
          (s.transpose_a ? a(k, row) : a(row, k)) *= std::ldexp(1.0F, static_cast<int>(-8 * (row % 5)));
    if (i % 3 == 1)
      for (Index column = 0; column < s.n; ++column)
        for (Index k = 0; k < s.k; ++k)
          (s.transpose_b ? b(column, k) : b(k, column)) *= std::ldexp(1.0F, static_cast<int>(20 - 7 * (column % 8)));
    if (i % 3 == 2)  // gradients of a net that has learned all that it was shown
      for (float& value : a) value *= 1e-20F;
    const auto bias = random_tensor<float>(Shape{s.n}, random);
    const bool with_bias = random.randint(2) == 1, relu = random.randint(2) == 1;
    Errors errors;
    compare(s, a, b, with_bias ? &bias : nullptr, relu, product(s, a, b, with_bias ? bias.data() : nullptr, relu),
            errors);
    EXPECT_LT(errors.worst, 2.5 * static_cast<double>(std::numeric_limits<float>::epsilon()));
    Tensor<float> c(Shape{s.m, s.n});
    EXPECT_TRUE(kernels::try_amx(
        {s.transpose_a, s.transpose_b, s.m, s.n, s.k, a.data(), a.dim(1), b.data(), b.dim(1), c.data(), s.n},
        kernels::AmxInput::float32))
        << "of what lies around the operands nothing counts";
  }
}

TEST_F(GemmAmx, Float32sOwnBitsWhereItCannotStandForThem) {
  if (!has_unit()) return;
  RandomState random(33);
  const Case s{false, false, 130, 140, 300};
  const auto a = random_tensor<float>(Shape{s.m, s.k}, random), b = random_tensor<float>(Shape{s.k, s.n}, random);
  const auto expect_own_bits = [&](const Tensor<float>& x, const Tensor<float>& y, const char* what) {
    const Tensor<float> got = product(s, x, y);
    kernels::set_target("AVX-512");
    const Tensor<float> own = product(s, x, y);
    kernels::set_target("AMX");
    for (Index i = 0; i < got.size(); ++i)
      ASSERT_TRUE(got[i] == own[i] || (std::isnan(got[i]) && std::isnan(own[i]))) << what << " at " << i;
  };
  const auto with = [](Tensor<float> x, Index at, float value) {
    x[at] = value;
    return x;
  };
  const auto times = [](Tensor<float> x, float scale) {
    for (float& value : x) value *= scale;
    return x;
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  expect_own_bits(with(a, 777, kInfinity), b, "an infinity in A");
  expect_own_bits(a, with(b, 30000, -kInfinity), "an infinity in B");
  expect_own_bits(with(a, 38999, std::numeric_limits<float>::quiet_NaN()), b, "NaN");
  expect_own_bits(a, with(b, 5, std::numeric_limits<float>::max()), "the largest number");
  expect_own_bits(times(a, 1e-28F), b, "small numbers in A");
  expect_own_bits(times(a, 1e-16F), times(b, 1e-17F), "small products");
  expect_own_bits(times(a, 1e30F), times(b, 1e10F), "sums that overflow");
  expect_own_bits(a, times(b, 1e-36F), "numbers whose parts would vanish in B");

  const Tensor<float> zeros(Shape{s.m, s.k});
  for (const float value : product(s, zeros, b)) ASSERT_EQ(value, 0);
}

// What a net meets from its first step to the last is not computed twice.
TEST_F(GemmAmx, LeavesNoProductOfUsualSizeToFloat32) {
  if (!has_unit()) return;
  RandomState random(35);
  const Case s{false, false, 64, 128, 256};
  const auto a = random_tensor<float>(Shape{s.m, s.k}, random), b = random_tensor<float>(Shape{s.k, s.n}, random);
  Tensor<float> c(Shape{s.m, s.n});
  for (int power_a = -100; power_a <= 120; power_a += 10)
    for (int power_b = -100; power_b <= 120; power_b += 10) {
      Tensor<float> x = a, y = b;
      for (float& value : x) value = std::ldexp(value, power_a);
      for (float& value : y) value = std::ldexp(value, power_b);
      // The largest numbers of a and b lie between 1 and 8: 3 powers either way are left open.
      const int least = std::min(power_a, power_b), most = std::max(power_a, power_b), sum = power_a + power_b;
      const bool on_unit = kernels::try_amx({false, false, s.m, s.n, s.k, x.data(), s.k, y.data(), s.n, c.data(), s.n},
                                            kernels::AmxInput::float32);
      const std::string powers = std::to_string(power_a) + ", " + std::to_string(power_b);
      if (least >= -90 && sum >= -100 && most <= 120 && sum <= 110) {
        EXPECT_TRUE(on_unit) << powers;
      }
      if (least < -93 || sum < -106 || sum >= 127) {
        EXPECT_FALSE(on_unit) << powers;
      }
    }
}

TEST_F(GemmAmx, SameBitsForAnyNumberOfThreads) {
  if (!has_unit()) return;
  RandomState random(34);
  const int before = num_threads();
  for (const auto& [m, n, k] :
       {std::array<Index, 3>{100, 100, 3072}, {3072, 70, 100}, {3072, 100, 200}, {33, 700, 2100}, {300, 70, 128}})
    for (int transposed = 0; transposed < 4; ++transposed) {
      const Case s{transposed % 2 == 1, transposed / 2 == 1, m, n, k};
      const auto a = random_tensor<float>(s.transpose_a ? Shape{k, m} : Shape{m, k}, random);
      const auto b = random_tensor<float>(s.transpose_b ? Shape{n, k} : Shape{k, n}, random);
      set_num_threads(1);
      const Tensor<float> expected = product(s, a, b);
      for (int threads : {2, 3, 5, 8}) {
        set_num_threads(threads);
        EXPECT_TRUE(testing::close(product(s, a, b), expected, 0)) << threads << " threads";
      }
    }
  // Small numbers in one thread's rows alone.
  const Case s{false, false, 300, 96, 256};
  auto a = random_tensor<float>(Shape{s.m, s.k}, random);
  const auto b = random_tensor<float>(Shape{s.k, s.n}, random);
  for (Index i = 0; i < 64 * s.k; ++i) a[i] *= 1e-30F;
  set_num_threads(1);
  const Tensor<float> expected = product(s, a, b);
  for (int threads : {2, 4, 6, 16}) {
    set_num_threads(threads);
    EXPECT_TRUE(testing::close(product(s, a, b), expected, 0)) << threads << " threads";
  }
  set_num_threads(before);
}

// Few columns or rows behind pairs of whole tiles are made in tiles of their own, those of one thread's share too.
TEST_F(GemmAmx, FewRowsAndColumns) {
  if (!has_unit()) return;
  RandomState random(35);
  const int before = num_threads();
  int i = 0;
  for (const Index few : {1, 3, 5, 6, 7, 8, 9})
    for (const Index k : {64, 100, 128, 200, 700, 2100}) {
      // Pairs of tiles, columns in two groups, as many of each as there can be.
      const Index m = (i % 3 == 2   ? 0
                       : i % 3 == 1 ? 160
                                    : 96) +
                      64 + few,
                  n = (i % 5 == 4 ? 512 : 64) + 14 * (i % 2) + few % 6;
      const Case s{i / 4 % 2 == 1, i / 2 % 2 == 1, m, n, std::max(k, (Index{1} << 21) / (m * n) + 1)};
      SCOPED_TRACE(std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(s.k));
      const auto a = random_tensor<float>(s.transpose_a ? Shape{s.k, m} : Shape{m, s.k}, random);
      const auto b = random_tensor<float>(s.transpose_b ? Shape{n, s.k} : Shape{s.k, n}, random);
      const auto bias = random_tensor<float>(Shape{n}, random);
      const bool relu = i % 4 == 0;
      set_num_threads(1);
      const Tensor<float> c = product(s, a, b, bias.data(), relu);
      Errors errors;
      compare(s, a, b, &bias, relu, c, errors);
      EXPECT_LT(errors.worst, 2.5 * static_cast<double>(std::numeric_limits<float>::epsilon()));
      for (const int threads : {2, 3, 7}) {
        set_num_threads(threads);
        EXPECT_TRUE(testing::close(product(s, a, b, bias.data(), relu), c, 0)) << threads << " threads";
      }
      ++i;
    }
  set_num_threads(before);
}

// Without the unit, or where a product is too small for it, others must compute it.
TEST_F(GemmAmx, LeavesSmallProductsAndOtherInstructionSetsAlone) {
  const Tensor<float> a(Shape{200, 200}, 1), b(Shape{200, 200}, 1);
  Tensor<float> c(Shape{200, 200}, 7);
  const auto tried = [&](Index m, Index n, Index k) {
    bool done = false;
    for (const auto input : {kernels::AmxInput::float32, kernels::AmxInput::bf16})
      done |= kernels::try_amx({false, false, m, n, k, a.data(), 200, b.data(), 200, c.data(), 200}, input);
    return done;
  };
  EXPECT_EQ(tried(200, 200, 200), has_unit());
  EXPECT_EQ(c[0], has_unit() ? 200 : 7);
  EXPECT_FALSE(tried(100, 100, 100));
  EXPECT_FALSE(tried(31, 200, 200));
  kernels::set_target(kernels::available_targets().back());
  EXPECT_FALSE(tried(200, 200, 200));
}

bool always() { return true; }

TEST_F(GemmAmx, StopsWithinALargeProduct) {
  if (!has_unit()) return;
  const Case s{false, false, 2500, 2500, 2500};  // several times as long as it takes to look again
  const Tensor<float> a(Shape{s.m, s.k}, 1), b(Shape{s.k, s.n}, 1);
  const int before = num_threads();
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    const Stoppable stoppable(always);
    EXPECT_THROW(product(s, a, b), Stopped) << threads << " threads";
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace lamina
