// The elementwise layers: each test runs over all of them, in both precisions.
#include "tests/layers/activations.h"

#include "lamina/gradient_check.h"
#include "lamina/threads.h"
#include "notebooks/printed_values.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::cast;
using testing::close;
using testing::close_each;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;

template <class Layer_, class T>
struct In {
  using Layer = Layer_;
  using Scalar = T;
};
template <class... Layers>
using InBoth = ::testing::Types<In<Layers, float>..., In<Layers, double>...>;

template <class Case>
class Activation : public ::testing::Test {
 protected:
  using Tested = typename Case::Layer;
  using Scalar = typename Case::Scalar;
  // What the specification is computed in.
  using Wider = std::conditional_t<sizeof(Scalar) == 4, double, long double>;
  using Reference = std::conditional_t<Tested::kExact, Scalar, Wider>;
  using Limits = std::numeric_limits<Scalar>;

  // Shapes of any rank. Some values are zero, minus zero, subnormal, huge, infinite or NaN; some tensors reach far into
  // the tails.
  Tensor<Scalar> any(int i) {
    const Index n = i % 40 == 39 ? 20000 + draws.randint(20000) : testing::random_length(draws, 300);
    const Shape shape = n % 12 == 0 ? Shape{n / 12, 2, 3, 2} : Shape{n};
    const double spreads[] = {1, 6, sizeof(Scalar) == 4 ? 40 : 100};
    Tensor<Scalar> x = random_tensor<Scalar>(shape, draws, spreads[i % 3]);
    const Scalar huge = static_cast<Scalar>(sizeof(Scalar) == 4 ? 2e30 : 1e100), tiny = 5 * Limits::denorm_min();
    for (const Scalar value : {Scalar{0}, -Scalar{0}, huge, -huge, tiny, -tiny, Limits::infinity(), -Limits::infinity(),
                               Limits::quiet_NaN(), Limits::min(), sizeof(Scalar) == 4 ? Limits::max() : huge})
      if (draws.randint(2)) x[draws.randint(n)] = value;
    return x;
  }
  Tensor<Scalar> direction(const Tensor<Scalar>& x) { return random_tensor<Scalar>(x.shape(), draws); }

  // The sizes that errors are measured by. Products with a subnormal number are less precise.
  static double floor(double x) {
    return (2 + std::min(std::abs(x), 1000.0)) * static_cast<double>(Limits::denorm_min() / Limits::epsilon());
  }
  static Tensor<double> out_scales(const Tensor<Scalar>& x, const Tensor<double>& out) {
    Tensor<double> scales(x.shape());
    for (Index i = 0; i < x.size(); ++i) {
      const double v = static_cast<double>(x[i]);
      scales[i] = Tested::out_scale(v, out[i]) + floor(v);
    }
    return scales;
  }
  static Tensor<double> dx_scales(const Tensor<Scalar>& x, const Tensor<Scalar>& dout) {
    Tensor<double> scales(x.shape());
    for (Index i = 0; i < x.size(); ++i) {
      const double v = static_cast<double>(x[i]), scale = Tested::dx_scale(v);
      scales[i] = std::abs(static_cast<double>(dout[i])) * (std::isnan(scale) ? 1 : scale) + floor(v);
    }
    return scales;
  }

  RandomState draws{2};
};
using Cases =
    InBoth<testing::ReluLayer, testing::LeakyReluLayer<1>, testing::LeakyReluLayer<0>, testing::LeakyReluLayer<200>,
           testing::SigmoidLayer, testing::TanhLayer, testing::SiluLayer, testing::EluLayer<100>, testing::EluLayer<0>,
           testing::EluLayer<25>, testing::EluLayer<300>, testing::GeluLayer, testing::GeluTanhLayer>;
TYPED_TEST_SUITE(Activation, Cases);

TYPED_TEST(Activation, GradientIsTheNumericalOne) {
  using Layer = typename TypeParam::Layer;
  RandomState random(231);
  const auto x = random.randn({10, 10}), dout = random.randn({10, 10});  // none of them near a kink
  const auto numerical = eval_numerical_gradient_array(
      [](const TensorView<double>& v) { return Layer::template naive_forward<double>(v); }, x, dout);
  EXPECT_LT(rel_error(numerical, Layer::template naive_backward<double>(dout, x)), 1e-8);
  EXPECT_LT(rel_error(numerical, Layer::template gradient<double>(dout, Layer::template fresh<double>(x).second)),
            1e-8);
}

TYPED_TEST(Activation, EqualsNaive) {
  using Layer = typename TypeParam::Layer;
  using T = typename TypeParam::Scalar;
  using Wide = typename TestFixture::Reference;
  testing::over_targets(240, [&](int i) {
    const auto x = this->any(i), dout = this->direction(x);
    auto out = poisoned<T>(x.shape()), dx = poisoned<T>(x.shape());
    typename Layer::template Cache<T> cache;
    Layer::template forward<T>(x, out, cache);
    const auto expected = Layer::template naive_forward<Wide>(cast<Wide>(x));
    EXPECT_TRUE(close_each(out, expected, Layer::kOut, this->out_scales(x, cast<double>(expected))));
    Layer::template backward<T>(dout, cache, dx);
    EXPECT_TRUE(close_each(dx, Layer::template naive_backward<Wide>(cast<Wide>(dout), cast<Wide>(x)), Layer::kDx,
                           this->dx_scales(x, dout)));
    Tensor<T> same = x, gradient = dout;  // in place
    if (!Layer::kKeepsX) {
      Layer::template forward<T>(same, same, cache);
      EXPECT_TRUE(close(same, out, 0));
    }
    Layer::template backward<T>(gradient, cache, gradient);
    EXPECT_TRUE(close(gradient, dx, 0));
  });
}

TYPED_TEST(Activation, NaNStaysInItsPlace) {
  using Layer = typename TypeParam::Layer;
  using T = typename TypeParam::Scalar;
  testing::for_each_target([&](int) {
    for (Index at = 0; at < 21; ++at) {
      Tensor<T> x({21}, T{-1});
      x[at] = std::numeric_limits<T>::quiet_NaN();
      const auto out = Layer::template fresh<T>(x).first;
      for (Index i = 0; i < 21; ++i) EXPECT_EQ(std::isnan(out[i]), i == at);
    }
  });
}

TYPED_TEST(Activation, AnyNumberOfThreadsGivesTheSameBits) {
  using Layer = typename TypeParam::Layer;
  using T = typename TypeParam::Scalar;
  const auto x = random_tensor<T>({50001}, this->draws), dout = this->direction(x);
  const int before = num_threads();
  set_num_threads(1);
  const auto [out, cache] = Layer::template fresh<T>(x);
  const auto dx = Layer::template gradient<T>(dout, cache);
  set_num_threads(3);
  const auto [same, same_cache] = Layer::template fresh<T>(x);
  EXPECT_TRUE(close<T>(same, out, 0));
  EXPECT_TRUE(close<T>(Layer::template gradient<T>(dout, same_cache), dx, 0));
  set_num_threads(before);
}

TYPED_TEST(Activation, CachesOutliveTheirTensors) {
  using Layer = typename TypeParam::Layer;
  using T = typename TypeParam::Scalar;
  Tensor<T> x({3}, T{2});
  const Tensor<T> dout({3}, T{5});
  auto [out, cache] = Layer::template fresh<T>(x);
  const Tensor<T> dx = Layer::template gradient<T>(dout, cache);
  out.fill(-1);  // the caller may do with them what he likes
  x.fill(-1);
  const auto moved = std::move(cache);
  EXPECT_TRUE(close<T>(Layer::template gradient<T>(dout, moved), dx, 0));
}

TYPED_TEST(Activation, ShapesMustMatch) {
  using Layer = typename TypeParam::Layer;
  using T = typename TypeParam::Scalar;
  const Tensor<T> x({2, 3}), dout({3, 2});
  expect_error([&] { Layer::template gradient<T>(dout, Layer::template fresh<T>(x).second); },
               "[" + std::string(Layer::kName) + "_backward] expected dout of shape (2, 3) to match " +
                   (Layer::kKeepsX ? "x" : "out") + ", got (3, 2)");
}

TEST(Activations, OptionsOutOfRange) {
  const Tensor<double> x({2, 3});
  expect_error([&] { leaky_relu_forward(x, -0.5); }, "[leaky_relu_forward] expected a slope of at least 0, got -0.5");
  expect_error([&] { elu_forward(x, -0.5); }, "[elu_forward] expected an alpha of at least 0, got -0.5");
}

TEST(Relu, NotebookForward) {
  const auto x = testing::linspace<double>(-0.5, 0.5, {3, 4});
  const auto correct_out = testing::tensor<double>({3, 4}, printed_values("relu_forward.correct_out"));
  const double printed = printed_value("relu_forward.difference");
  EXPECT_NEAR(rel_error(naive::relu_forward(x), correct_out), printed, 1e-14);
  testing::for_each_target([&](int) { EXPECT_NEAR(rel_error(relu_forward(x).first, correct_out), printed, 1e-14); });
}

TEST(Relu, NotebookGradient) {
  RandomState random(231);
  const auto x = random.randn({10, 10}), dout = random.randn({10, 10});
  const auto numerical =
      eval_numerical_gradient_array([](const TensorView<double>& v) { return naive::relu_forward(v); }, x, dout);
  EXPECT_LT(rel_error(numerical, naive::relu_backward(dout, x)), 1e-11);  // "on the order of e-12"
  EXPECT_LT(rel_error(numerical, relu_backward<double>(dout, relu_forward(x).second)), 1e-11);
}

}  // namespace
}  // namespace lamina
