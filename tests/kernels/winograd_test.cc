// Convolution by fewer multiplications against the direct one in double, on hostile sizes, for every instruction set.
#include "lamina/kernels/convolution/winograd.h"

#include <algorithm>
#include <cstdio>

#include "lamina/kernels/machine/target.h"
#include "lamina/threads.h"
#include "tests/kernels/conv_testing.h"

namespace lamina {
namespace {

using kernels::ConvShape;
using testing::cast;
using testing::random_tensor;

struct Operands {
  Operands(const ConvShape& s, RandomState& random)
      : x(random_tensor<float>(Shape{s.N, s.H, s.W, s.C}, random)),
        w(random_tensor<float>(Shape{s.F, s.C, s.HH, s.WW}, random)),
        b(random_tensor<float>(Shape{s.F}, random)),
        dout(random_tensor<float>(Shape{s.N, s.OH, s.OW, s.F}, random)) {}
  Tensor<float> x, w, b, dout;
};

struct Results {
  explicit Results(const Operands& o)
      : out(testing::poisoned<float>(o.dout.shape())),
        dx(testing::poisoned<float>(o.x.shape())),
        dw(testing::poisoned<float>(o.w.shape())) {}
  Tensor<float> out, dx, dw;
};

Results by_winograd(const ConvShape& s, const Operands& o, bool relu = false) {
  Results r(o);
  kernels::winograd_forward(s, o.x.data(), o.w.data(), o.b.data(), relu, r.out.data());
  kernels::winograd_backward_data(s, o.dout.data(), o.w.data(), r.dx.data());
  kernels::winograd_backward_filter(s, o.x.data(), o.dout.data(), r.dw.data());
  return r;
}

Results by_winograd_bf16(const ConvShape& s, const Operands& o, bool relu = false) {
  Results r(o);
  kernels::winograd_forward_bf16(s, o.x.data(), o.w.data(), o.b.data(), relu, r.out.data());
  kernels::winograd_backward_data_bf16(s, o.dout.data(), o.w.data(), r.dx.data());
  kernels::winograd_backward_filter_bf16(s, o.x.data(), o.dout.data(), r.dw.data());
  return r;
}

double distance(const Tensor<float>& a, const Tensor<double>& b) {
  Tensor<double> difference = cast<double, float>(a);
  for (Index i = 0; i < b.size(); ++i) difference[i] -= b[i];
  return testing::norm<double>(difference);
}

struct Errors {
  double out, dx, dw;
};

// Of `got`, and of the direct sums in float, against the direct sums in double.
std::pair<Errors, Errors> errors(const ConvShape& s, const Operands& o, const Results& got) {
  const Tensor<double> x = cast<double, float>(o.x), w = cast<double, float>(o.w), b = cast<double, float>(o.b);
  const Tensor<double> dout = cast<double, float>(o.dout);
  Tensor<double> out(dout.shape()), dx(x.shape()), dw(w.shape());
  kernels::conv_forward_direct(s, x.data(), w.data(), b.data(), false, out.data());
  kernels::conv_backward_data_direct(s, dout.data(), w.data(), dx.data());
  kernels::conv_backward_filter_direct(s, x.data(), dout.data(), dw.data());
  Results direct(o);
  kernels::conv_forward_direct(s, o.x.data(), o.w.data(), o.b.data(), false, direct.out.data());
  kernels::conv_backward_data_direct(s, o.dout.data(), o.w.data(), direct.dx.data());
  kernels::conv_backward_filter_direct(s, o.x.data(), o.dout.data(), direct.dw.data());
  return {{distance(got.out, out), distance(got.dx, dx), distance(got.dw, dw)},
          {distance(direct.out, out), distance(direct.dx, dx), distance(direct.dw, dw)}};
}

// Float's rounding of each of a result's terms, which are about as large as one: 2e-7 times the root of their number.
double rounding(double results, double terms) { return 2e-7 * std::sqrt(results * terms); }

TEST(Winograd, EqualsDirectConvolution) {
  RandomState random(15);
  testing::over_targets(400, [&](int i) {
    const ConvShape s = testing::random_conv_shape(random, i);
    SCOPED_TRACE(testing::describe(s));
    const Operands o(s, random);
    const Errors e = errors(s, o, by_winograd(s, o)).first;
    const auto size = [](const Tensor<float>& t) { return static_cast<double>(t.size()); };
    const double taps = static_cast<double>(s.HH * s.WW), places = static_cast<double>(s.N * s.OH * s.OW);
    EXPECT_LE(e.out, 60 * rounding(size(o.dout), taps * static_cast<double>(s.C) + 1));
    EXPECT_LE(e.dx, 60 * rounding(size(o.x), taps * static_cast<double>(s.F)));
    EXPECT_LE(e.dw, 60 * rounding(size(o.w), places));
    Results with_relu = by_winograd(s, o, true), plain = by_winograd(s, o);
    for (float& value : plain.out) value = std::max(value, 0.0f);
    EXPECT_TRUE(testing::close(with_relu.out, plain.out, 0));
  });
}

// The transforms multiply values by up to some thousands, so they overflow long before direct sums do: at 2e38, but not
// at 2^100, where every step has the same bits but for the exponent.
TEST(Winograd, LargeValuesDoNotOverflow) {
  const float large = std::ldexp(1.0f, 100);
  RandomState random(18);
  testing::over_targets(40, [&](int i) {
    const ConvShape s = testing::random_conv_shape(random, i);
    SCOPED_TRACE(testing::describe(s));
    Operands o(s, random);
    Results plain = by_winograd(s, o);
    for (Tensor<float>* each : {&o.x, &o.b})
      for (float& value : *each) value *= large;
    const Results of_inputs = by_winograd(s, o);
    for (float& value : o.x) value /= large;
    for (float& value : o.dout) value *= large;
    const Results of_gradients = by_winograd(s, o);
    for (Tensor<float>* each : {&plain.out, &plain.dx, &plain.dw})
      for (float& value : *each) value *= large;
    EXPECT_TRUE(testing::close(of_inputs.out, plain.out, 0));
    EXPECT_TRUE(testing::close(of_inputs.dw, plain.dw, 0));
    EXPECT_TRUE(testing::close(of_gradients.dx, plain.dx, 0));
    EXPECT_TRUE(testing::close(of_gradients.dw, plain.dw, 0));
  });
}

// The notebooks' and the benchmarks' layers: the error stays far below a hundred times that of direct sums in float.
TEST(Winograd, ErrorOfNetsLayers) {
  RandomState random(16);
  for (ConvShape s :
       {ConvShape{4, 32, 32, 16, 32, 7, 7, 1, 3, 32, 32}, ConvShape{4, 32, 32, 32, 64, 3, 3, 1, 1, 32, 32},
        ConvShape{8, 16, 16, 16, 32, 7, 7, 2, 3, 8, 8}, ConvShape{8, 16, 16, 64, 128, 7, 7, 2, 3, 8, 8},
        ConvShape{8, 16, 16, 32, 32, 5, 5, 2, 2, 8, 8}}) {
    EXPECT_TRUE(kernels::winograd_suits(s)) << testing::describe(s);
    const Operands o(s, random);
    const auto [got, direct] = errors(s, o, by_winograd(s, o));
    EXPECT_LT(got.out, 15 * direct.out) << testing::describe(s);
    EXPECT_LT(got.dx, 15 * direct.dx) << testing::describe(s);
    EXPECT_LT(got.dw, 15 * direct.dw) << testing::describe(s);
  }
  EXPECT_FALSE(kernels::winograd_suits({32, 32, 32, 3, 16, 7, 7, 1, 3, 32, 32}));
  EXPECT_FALSE(kernels::winograd_suits({32, 8, 8, 32, 64, 3, 3, 2, 1, 4, 4}));
}

// Values at the points rounded to bfloat16: the error that their 8 bits leave, no more and no less.
TEST(Winograd, RoundedToBfloat16) {
  RandomState random(19);
  testing::over_targets(400, [&](int i) {
    const ConvShape s = testing::random_conv_shape(random, i);
    SCOPED_TRACE(testing::describe(s));
    const Operands o(s, random);
    const Errors e = errors(s, o, by_winograd_bf16(s, o)).first;
    const auto size = [](const Tensor<float>& t) { return static_cast<double>(t.size()); };
    const double taps = static_cast<double>(s.HH * s.WW), places = static_cast<double>(s.N * s.OH * s.OW);
    constexpr double kOfFloats = 3e5;  // 2 to the power of 16, and some more for few results
    EXPECT_LE(e.out, kOfFloats * rounding(size(o.dout), taps * static_cast<double>(s.C) + 1));
    EXPECT_LE(e.dx, kOfFloats * rounding(size(o.x), taps * static_cast<double>(s.F)));
    EXPECT_LE(e.dw, kOfFloats * rounding(size(o.w), places));
    Results with_relu = by_winograd_bf16(s, o, true), plain = by_winograd_bf16(s, o);
    for (float& value : plain.out) value = std::max(value, 0.0f);
    EXPECT_TRUE(testing::close(with_relu.out, plain.out, 0));
  });
}

TEST(Winograd, Bfloat16ErrorOfNetsLayers) {
  RandomState random(20);
  for (ConvShape s :
       {ConvShape{4, 32, 32, 16, 32, 7, 7, 1, 3, 32, 32}, ConvShape{5, 32, 32, 32, 64, 3, 3, 1, 1, 32, 32},
        ConvShape{8, 16, 16, 64, 128, 7, 7, 2, 3, 8, 8}}) {
    const Operands o(s, random);
    testing::for_each_target([&](int) {
      const Results got = by_winograd_bf16(s, o);
      const Errors e = errors(s, o, got).first;
      const double most = s.HH == 3 ? 0.02 : 0.04;
      for (const auto& [error, of] : {std::pair(e.out, &got.out), std::pair(e.dx, &got.dx), std::pair(e.dw, &got.dw)}) {
        const double norm = testing::norm<double>(cast<double, float>(*of));
        EXPECT_LT(error, most * norm) << testing::describe(s);
        EXPECT_GT(error, 1e-3 * norm) << testing::describe(s);
      }
    });
  }
}

// The processor's products of pairs against rounded floats: the same values at the points, added in another order.
TEST(Winograd, PairsEqualRoundedFloats) {
  const std::string before = kernels::target_name();
  const std::vector<std::string> names = kernels::available_targets();
  if (std::find(names.begin(), names.end(), "AVX-512-BF16") == names.end()) {
    std::puts("nothing to compare: this processor does not multiply pairs of bfloat16");
    return;
  }
  RandomState random(21);
  for (int i = 0; i < 200 && !HasFailure(); ++i) {
    const ConvShape s = testing::random_conv_shape(random, i);
    SCOPED_TRACE(testing::describe(s));
    const Operands o(s, random);
    kernels::set_target("AVX-512");
    const Results expected = by_winograd_bf16(s, o);
    kernels::set_target("AVX-512-BF16");
    const Results got = by_winograd_bf16(s, o);
    const auto near = [](const Tensor<float>& a, const Tensor<float>& b, Index terms) {
      EXPECT_LE(distance(a, cast<double, float>(b)),
                60 * rounding(static_cast<double>(a.size()), static_cast<double>(terms)));
    };
    near(got.out, expected.out, s.HH * s.WW * s.C + 1);
    near(got.dx, expected.dx, s.HH * s.WW * s.F);
    near(got.dw, expected.dw, s.N * s.OH * s.OW);
  }
  kernels::set_target(before);
}

TEST(Winograd, SameBitsForAnyNumberOfThreads) {
  RandomState random(17);
  const int before = num_threads();
  testing::over_targets(40, [&](int i) {
    ConvShape s = testing::random_conv_shape(random, i * 10);
    s.N = i % 2 ? 2 : 40;
    const Operands o(s, random);
    set_num_threads(1);
    const Results expected[] = {by_winograd(s, o), by_winograd_bf16(s, o)};
    for (int threads : {2, 3}) {
      set_num_threads(threads);
      const Results all[] = {by_winograd(s, o), by_winograd_bf16(s, o)};
      for (int k = 0; k < 2; ++k) {
        EXPECT_TRUE(testing::close(all[k].out, expected[k].out, 0));
        EXPECT_TRUE(testing::close(all[k].dx, expected[k].dx, 0));
        EXPECT_TRUE(testing::close(all[k].dw, expected[k].dw, 0));
      }
    }
  });
  set_num_threads(before);
}

// What an image gives does not depend on the images beside it.
TEST(Winograd, AnImageAloneGivesTheSame) {
  RandomState random(18);
  const ConvShape s{9, 16, 16, 20, 24, 7, 7, 2, 3, 8, 8};
  const Operands o(s, random);
  const Results all = by_winograd(s, o);
  ConvShape one = s;
  one.N = 1;
  for (Index n = 0; n < s.N; ++n) {
    Tensor<float> out(Shape{8, 8, 24}), dx(Shape{16, 16, 20});
    kernels::winograd_forward(one, o.x.data() + n * dx.size(), o.w.data(), o.b.data(), false, out.data());
    kernels::winograd_backward_data(one, o.dout.data() + n * out.size(), o.w.data(), dx.data());
    for (Index i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], all.out[n * out.size() + i]);
    for (Index i = 0; i < dx.size(); ++i) ASSERT_EQ(dx[i], all.dx[n * dx.size() + i]);
  }
}

}  // namespace
}  // namespace lamina
