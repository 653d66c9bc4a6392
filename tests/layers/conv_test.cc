#include "lamina/layers/conv.h"

#include "lamina/gradient_check.h"
#include "lamina/kernels/convolution/winograd.h"
#include "lamina/layers/conv_naive.h"
#include "lamina/layers/layout_naive.h"
#include "lamina/threads.h"
#include "notebooks/printed_values.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::absolute;
using testing::cast;
using testing::close;
using testing::expect_error;
using testing::linspace;
using testing::max_abs;
using testing::poisoned;
using testing::random_tensor;

Tensor<double> correct_out() {
  return testing::tensor<double>({2, 3, 2, 2}, printed_values("conv_forward.correct_out"));
}

TEST(Conv, NotebookForward) {
  const auto x = linspace<double>(-0.1, 0.5, {2, 3, 4, 4}), w = linspace<double>(-0.2, 0.3, {3, 3, 4, 4});
  const auto b = linspace<double>(-0.1, 0.2, {3});
  const ConvParam param{.stride = 2, .pad = 1};
  const double printed = printed_value("conv_forward.difference");
  EXPECT_NEAR(rel_error(naive::conv_forward(x, w, b, param), correct_out()), printed, 1e-13);
  testing::for_each_target(
      [&](int) { EXPECT_NEAR(rel_error(conv_forward(x, w, b, param).first, correct_out()), printed, 1e-13); });
}

// Of the naive layer, every input.
void check_gradients(const Shape& x_shape, const Shape& w_shape, const ConvParam& param, double bound,
                     bool bias = true) {
  RandomState random(231);
  const Tensor<double> x = random.randn(x_shape), w = random.randn(w_shape);
  const Tensor<double> b = bias ? random.randn({w_shape[0]}) : Tensor<double>();
  const Tensor<double> dout = random.randn(naive::conv_forward(x, w, b, param).shape());
  const auto g = naive::conv_backward(dout, x, w, param, bias);
  using V = const TensorView<double>&;
  EXPECT_LT(
      rel_error(g.dx, eval_numerical_gradient_array([&](V v) { return naive::conv_forward(v, w, b, param); }, x, dout)),
      bound);
  EXPECT_LT(
      rel_error(g.dw, eval_numerical_gradient_array([&](V v) { return naive::conv_forward(x, v, b, param); }, w, dout)),
      bound);
  EXPECT_EQ(g.db.empty(), !bias);
  if (!bias) return;
  EXPECT_LT(
      rel_error(g.db, eval_numerical_gradient_array([&](V v) { return naive::conv_forward(x, w, v, param); }, b, dout)),
      bound);
}

TEST(Conv, NumericalGradients) {
  check_gradients({4, 3, 5, 5}, {2, 3, 3, 3}, {.stride = 1, .pad = 1}, 2e-8);  // the notebook's: "around e-8 or less"
  check_gradients({2, 2, 6, 5}, {3, 2, 3, 2}, {.stride = 2, .pad = 0}, 1e-7);
  check_gradients({1, 2, 3, 4}, {2, 2, 5, 4}, {.stride = 3, .pad = 4}, 1e-7);
  check_gradients({2, 3, 7, 8}, {2, 3, 2, 3}, {.stride = {2, 1}, .pad = {1, 2}, .dilation = {3, 2}}, 1e-7);
  check_gradients({2, 6, 5, 4}, {9, 2, 3, 2}, {.pad = {0, 1}, .groups = 3}, 1e-7);
  check_gradients({2, 4, 5, 6}, {4, 1, 3, 3}, {.stride = {1, 3}, .pad = 2, .dilation = 2, .groups = 4}, 1e-7, false);
}

struct Case {
  Shape x, w;
  ConvParam param;
  bool bias = true;
};

std::string describe(const Case& c) {
  return "x " + c.x.to_string() + ", w " + c.w.to_string() + ", stride " + c.param.stride.to_string() + ", pad " +
         c.param.pad.to_string() + ", dilation " + c.param.dilation.to_string() + ", groups " +
         std::to_string(c.param.groups) + (c.bias ? "" : ", no bias");
}

// The fast layer against the naive one in double, in both layouts, outputs poisoned. The bound of each result is the
// largest sum of absolute terms times epsilon.
template <class T>
void check_against_naive(const Case& c, RandomState& random) {
  SCOPED_TRACE(describe(c));
  const auto x = random_tensor<T>(c.x, random), w = random_tensor<T>(c.w, random);
  const auto b = c.bias ? random_tensor<T>({c.w[0]}, random) : Tensor<T>();
  const auto xd = cast<double>(x), wd = cast<double>(w), bd = cast<double>(b);
  const auto out = naive::conv_forward(xd, wd, bd, c.param);
  const auto dout = random_tensor<T>(out.shape(), random);
  const auto doutd = cast<double>(dout);
  const auto g = naive::conv_backward(doutd, xd, wd, c.param, c.bias);
  const auto out_terms = naive::conv_forward(absolute(xd), absolute(wd), absolute(bd), c.param);
  const auto g_terms = naive::conv_backward(absolute(doutd), absolute(xd), absolute(wd), c.param);
  const kernels::ConvShape s{c.x[0], c.x[2],         c.x[3],      c.x[1],         c.w[0],         c.w[2],
                             c.w[3], c.param.stride, c.param.pad, out.shape()[2], out.shape()[3], c.param.dilation};
  // Groups other than depthwise may be convolved by Winograd's algorithm, several at a time.
  const bool winograd = c.param.groups == 1 ? kernels::winograd_suits(s) : c.w[1] > 1 || c.w[0] > c.x[1];
  const double k = std::is_same_v<T, float> && winograd ? 20 : 4;
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    const bool nhwc = layout == Layout::nhwc;
    SCOPED_TRACE(nhwc ? "nhwc" : "nchw");
    ConvParam param = c.param;
    param.layout = layout;
    const auto in = nhwc ? naive::to_nhwc(x) : x, din = nhwc ? naive::to_nhwc(dout) : dout;
    auto got = poisoned<T>(out.shape()), dx = poisoned<T>(x.shape()), dw = poisoned<T>(w.shape());
    auto db = poisoned<T>(b.shape());
    ConvCache<T> cache;
    conv_forward<T>(in, w, b, param, got, cache);
    EXPECT_TRUE(close<T>(nhwc ? naive::to_nchw(got) : got, out, k, max_abs(out_terms)));
    conv_backward<T>(din, cache, &dx, dw, db);
    EXPECT_TRUE(close<T>(nhwc ? naive::to_nchw(dx) : dx, g.dx, k, max_abs(g_terms.dx)));
    EXPECT_TRUE(close<T>(dw, g.dw, k, max_abs(g_terms.dw)));
    EXPECT_TRUE(close<T>(db, g.db, k, max_abs(g_terms.db)));
    auto dw_alone = poisoned<T>(w.shape()), db_alone = poisoned<T>(b.shape());
    conv_backward<T>(din, cache, nullptr, dw_alone, db_alone);
    EXPECT_TRUE(close<T>(dw_alone, dw, 0));
    EXPECT_TRUE(close<T>(db_alone, db, 0));
  }
}

Case random_case(RandomState& random) {
  for (;;) {
    const Index N = 1 + random.randint(4), C = testing::random_length(random, 40),
                F = testing::random_length(random, 70);
    const Index H = testing::random_length(random, 20), W = testing::random_length(random, 20);
    Index HH = 1 + random.randint(7), WW = 1 + random.randint(7), pad = random.randint(4);
    switch (random.randint(8)) {
      case 0:
        HH = WW = 1;
        break;
      case 1:
        pad = std::max(H, W) + random.randint(3);
        break;
      case 2:
        pad = random.randint(3);
        HH = H + 2 * pad;
        WW = W + 2 * pad;
        break;
      case 3:
        HH = 1;
        break;
      default:;
    }
    const Index stride = random.randint(2) ? 1 : 1 + random.randint(5);
    if (HH > H + 2 * pad || WW > W + 2 * pad) continue;
    const Index OH = 1 + (H + 2 * pad - HH) / stride, OW = 1 + (W + 2 * pad - WW) / stride;
    if (N * OH * OW * F * C * HH * WW > 200000) continue;
    return {{N, C, H, W}, {F, C, HH, WW}, {.stride = stride, .pad = pad}};
  }
}

// With groups, depthwise more often than not, and settings that differ along height and width.
Case random_general_case(RandomState& random) {
  for (;;) {
    const bool depthwise = random.randint(3) > 0;
    const Index groups = depthwise ? testing::random_length(random, 70) : 1 + random.randint(4);
    const Index C = groups * (depthwise ? 1 : 1 + random.randint(9));
    const Index F = depthwise && random.randint(4) ? C : groups * (1 + random.randint(20));
    const Index H = testing::random_length(random, 20), W = testing::random_length(random, 20);
    const Index HH = 1 + random.randint(random.randint(3) ? 3 : 7), WW = 1 + random.randint(random.randint(3) ? 3 : 7);
    ConvParam param{.stride = {1 + random.randint(3), 1 + random.randint(3)},
                    .pad = {random.randint(5), random.randint(5)},
                    .groups = groups};
    if (random.randint(2)) param.dilation = {1 + random.randint(4), 1 + random.randint(4)};
    if (random.randint(3) == 0) param.stride = 1, param.pad = HH / 2;
    const Index rows = H + 2 * param.pad.h - (HH - 1) * param.dilation.h;
    const Index columns = W + 2 * param.pad.w - (WW - 1) * param.dilation.w;
    const Index N = 1 + random.randint(4);
    if (rows < 1 || columns < 1) continue;
    if (N * ((rows - 1) / param.stride.h + 1) * ((columns - 1) / param.stride.w + 1) * F * C / groups * HH * WW >
        200000)
      continue;
    return {{N, C, H, W}, {F, C / groups, HH, WW}, param, random.randint(2) == 0};
  }
}

template <class T>
class ConvTyped : public ::testing::Test {};
TYPED_TEST_SUITE(ConvTyped, testing::Scalars);

TYPED_TEST(ConvTyped, RandomShapes) {
  RandomState random(1);
  testing::over_targets(240, [&](int) { check_against_naive<TypeParam>(random_case(random), random); });
}

TYPED_TEST(ConvTyped, GroupsAndDilationsAndUnequalSides) {
  RandomState random(4);
  testing::over_targets(600, [&](int) { check_against_naive<TypeParam>(random_general_case(random), random); });
}

// Every remainder of every vector's width, in channels and in filters.
TYPED_TEST(ConvTyped, EveryRemainder) {
  RandomState random(2);
  testing::for_each_target([&](int t) {
    for (Index c = 1; c <= 33 && !this->HasFailure(); ++c) {
      const Index f = 1 + (c * 7 + t) % 33, k = c % 2 ? 3 : 1;
      check_against_naive<TypeParam>({{1, c, 4, 5}, {f, c, k, k}, {.stride = 1, .pad = k / 2}}, random);
      check_against_naive<TypeParam>({{2, f, 3, 2}, {c, f, 2, 1}, {.stride = 1, .pad = 0}}, random);
    }
  });
}

// As nets have them: several chunks of work.
TYPED_TEST(ConvTyped, LargeShapes) {
  RandomState random(3);
  check_against_naive<TypeParam>({{3, 3, 32, 32}, {16, 3, 7, 7}, {.stride = 2, .pad = 3}}, random);
  check_against_naive<TypeParam>({{2, 16, 16, 16}, {32, 16, 3, 3}, {.stride = 1, .pad = 1}}, random);
  check_against_naive<TypeParam>({{1, 1, 1, 1}, {1, 1, 1, 1}, {.stride = 1, .pad = 0}}, random);
  check_against_naive<TypeParam>({{1, 2, 3, 3}, {3, 2, 2, 2}, {.stride = std::numeric_limits<Index>::max(), .pad = 50}},
                                 random);
  check_against_naive<TypeParam>({{1, 2, 3, 3}, {3, 2, 2, 2}, {.stride = 2000, .pad = 2000}}, random);
  check_against_naive<TypeParam>({{9, 32, 16, 16}, {32, 1, 3, 3}, {.pad = 1, .groups = 32}}, random);
  check_against_naive<TypeParam>({{2, 48, 16, 16}, {96, 16, 3, 3}, {.pad = 1, .groups = 3}}, random);
  check_against_naive<TypeParam>({{2, 16, 16, 16}, {32, 16, 3, 3}, {.pad = 4, .dilation = 4}}, random);
  check_against_naive<TypeParam>({{1, 2, 3, 3}, {3, 2, 1, 1}, {.dilation = std::numeric_limits<Index>::max()}, false},
                                 random);
}

TYPED_TEST(ConvTyped, SameBitsForAnyNumberOfThreads) {
  RandomState random(5);
  const int before = num_threads();
  testing::over_targets(40, [&](int i) {
    Case c = random_general_case(random);
    if (i % 2) c.x = {40, c.x[1], c.x[2], c.x[3]};
    SCOPED_TRACE(describe(c));
    const auto x = random_tensor<TypeParam>(c.x, random), w = random_tensor<TypeParam>(c.w, random);
    Tensor<TypeParam> expected_out, dout;
    ConvGradients<TypeParam> expected;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const auto [out, cache] = conv_forward<TypeParam>(x, w, {}, c.param);
      if (threads == 1) dout = random_tensor<TypeParam>(out.shape(), random);
      const auto g = conv_backward<TypeParam>(dout, cache);
      if (threads == 1) expected_out = out, expected = g;
      EXPECT_TRUE(close<TypeParam>(out, expected_out, 0));
      EXPECT_TRUE(close<TypeParam>(g.dx, expected.dx, 0));
      EXPECT_TRUE(close<TypeParam>(g.dw, expected.dw, 0));
    }
  });
  set_num_threads(before);
}

TYPED_TEST(ConvTyped, NoImages) {
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    const Shape shape = layout == Layout::nchw ? Shape{0, 3, 8, 8} : Shape{0, 8, 8, 3};
    const Tensor<TypeParam> x(shape), w({4, 3, 3, 3}, TypeParam(1)), b({4}, TypeParam(1));
    const auto [out, cache] = conv_forward(x, w, b, {.stride = 1, .pad = 1, .layout = layout});
    EXPECT_EQ(out.shape(), (layout == Layout::nchw ? Shape{0, 4, 8, 8} : Shape{0, 8, 8, 4}));
    const auto g = conv_backward(out, cache);
    EXPECT_EQ(g.dx.shape(), shape);
    EXPECT_EQ(max_abs(g.dw), 0);
    EXPECT_EQ(max_abs(g.db), 0);
  }
}

TEST(Conv, Errors) {
  using D = Tensor<double>;
  const auto forward = [](const Shape& x, const Shape& w, const Shape& b, ConvParam param) {
    return [=] { conv_forward(D(x), D(w), D(b), param); };
  };
  const std::string at = "[conv_forward] ";
  expect_error(forward({2, 3, 8}, {4, 3, 3, 3}, {4}, {}), at + "expected x of shape (N, C, H, W), got (2, 3, 8)");
  expect_error(forward({2, 3, 8}, {4, 3, 3, 3}, {4}, {.layout = Layout::nhwc}),
               at + "expected x of shape (N, H, W, C), got (2, 3, 8)");
  expect_error(forward({2, 3, 0, 8}, {4, 3, 3, 3}, {4}, {}),
               at + "expected images of at least one pixel and channel, got x (2, 3, 0, 8)");
  expect_error(forward({32, 3, 32, 32}, {16, 1, 7, 7}, {16}, {}),
               at + "expected w of shape (F, 3, HH, WW) to match x (32, 3, 32, 32), got (16, 1, 7, 7)");
  expect_error(forward({2, 8, 8, 3}, {4, 8, 3, 3}, {4}, {.layout = Layout::nhwc}),
               at + "expected w of shape (F, 3, HH, WW) to match x (2, 8, 8, 3), got (4, 8, 3, 3)");
  expect_error(forward({2, 3, 8, 8}, {4, 3, 0, 3}, {4}, {}),
               at + "expected at least one filter of at least one pixel, got w (4, 3, 0, 3)");
  expect_error(forward({2, 3, 8, 8}, {4, 3, 3, 3}, {3}, {}), at + "expected b of shape (4,) to match w, got (3,)");
  expect_error(forward({2, 3, 8, 8}, {4, 3, 3, 3}, {4}, {.stride = 0}), at + "expected a stride of at least 1, got 0");
  expect_error(forward({2, 3, 8, 8}, {4, 3, 3, 3}, {4}, {.stride = 1, .pad = -1}),
               at + "expected a pad of 0 to 1048576, got -1");
  expect_error(forward({2, 3, 8, 8}, {4, 3, 3, 3}, {4}, {.stride = 1, .pad = std::numeric_limits<Index>::max()}),
               at + "expected a pad of 0 to 1048576, got 9223372036854775807");
  expect_error(forward({2, 3, 8, 6}, {4, 3, 11, 3}, {4}, {.stride = 1, .pad = 1}),
               at + "expected a filter no larger than the padded image of 10 x 8, got 11 x 3");
  expect_error(forward({2, 3, 8, 6}, {4, 3, 3, 3}, {4}, {.dilation = {2, 3}}),
               at + "expected a filter no larger than the padded image of 8 x 6, got 3 x 3 with dilation 2x3");
  expect_error(forward({2, 3, 8, 6}, {4, 3, 3, 3}, {4}, {.dilation = std::numeric_limits<Index>::max()}),
               at + "expected a filter no larger than the padded image of 8 x 6, got 3 x 3 with dilation "
                    "9223372036854775807");
  expect_error(forward({2, 3, 8, 8}, {4, 3, 3, 3}, {4}, {.stride = {2, 0}}),
               at + "expected a stride of at least 1, got 2x0");
  expect_error(forward({2, 3, 8, 8}, {4, 3, 3, 3}, {4}, {.dilation = 0}),
               at + "expected a dilation of at least 1, got 0");
  expect_error(forward({2, 4, 8, 8}, {4, 4, 3, 3}, {4}, {.groups = 0}), at + "expected at least one group, got 0");
  expect_error(forward({2, 4, 8, 8}, {4, 4, 3, 3}, {4}, {.groups = 3}),
               at + "expected groups to divide the 4 channels of x (2, 4, 8, 8), got 3 groups");
  expect_error(forward({2, 4, 8, 8}, {5, 2, 3, 3}, {5}, {.groups = 2}),
               at + "expected groups to divide the 5 filters of w (5, 2, 3, 3), got 2 groups");
  expect_error(forward({2, 4, 8, 8}, {4, 4, 3, 3}, {4}, {.groups = 2}),
               at + "expected w of shape (F, 2, HH, WW) to match 2 groups of x (2, 4, 8, 8), got (4, 4, 3, 3)");
  expect_error(forward({2, 3, 8, 8}, {4, 3, 3, 3}, {0}, {}), at + "expected b of shape (4,) to match w, got (0,)");

  const D x({2, 3, 8, 8}), w({4, 3, 3, 3}), b({4});
  const auto result = conv_forward(x, w, b, {.stride = 1, .pad = 1});
  D dx, dw(w.shape()), db(b.shape());
  expect_error(
      [&] {
        conv_backward<double>(D({2, 4, 8, 7}), result.second, &dx, dw, db);
      },
      "[conv_backward] expected dout of shape (2, 4, 8, 8) to match out, got (2, 4, 8, 7)");
  expect_error(
      [&] {
        conv_backward<double>(result.first, result.second, &dx, D({4, 3, 3}), db);
      },
      "[conv_backward] expected dw of shape (4, 3, 3, 3) to match w, got (4, 3, 3)");
  expect_error([&] { conv_backward<double>(result.first, result.second, &dx, dw, D({3})); },
               "[conv_backward] expected db of shape (4,) to match b, got (3,)");
  const auto without_b = conv_forward(x, w, D(), {.stride = 1, .pad = 1});
  expect_error([&] { conv_backward<double>(without_b.first, without_b.second, &dx, dw, db); },
               "[conv_backward] expected db of shape () to match b, got (4,)");
  expect_error([&] { conv_backward(result.first, ConvCache<double>()); }, "[conv_backward] expected x of shape ...");
}

}  // namespace
}  // namespace lamina
