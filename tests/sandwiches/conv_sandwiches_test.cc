// conv_relu, conv_bn_relu and conv_relu_pool against the composition of their layers.
#include "lamina/layers/layout_naive.h"
#include "lamina/layers/spatial_batchnorm.h"
#include "lamina/sandwiches/conv_bn_relu.h"
#include "lamina/sandwiches/conv_relu.h"
#include "lamina/sandwiches/conv_relu_pool.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::close;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;

// One random convolution in one layout, with a gradient for an output of any shape.
template <class T>
struct Case {
  Case(RandomState& random, Layout layout) {
    const Index N = 1 + random.randint(3), C = testing::random_length(random, 20),
                F = testing::random_length(random, 40);
    const Index H = 3 + random.randint(8), W = 3 + random.randint(8);
    param = {.stride = 1 + random.randint(2), .pad = random.randint(2), .layout = layout};
    const Index HH = 1 + random.randint(3), WW = 1 + random.randint(3);
    x = random_tensor<T>(layout == Layout::nchw ? Shape{N, C, H, W} : Shape{N, H, W, C}, random);
    w = random_tensor<T>({F, C, HH, WW}, random);
    b = random_tensor<T>({F}, random);
    dx = poisoned<T>(x.shape());
    dw = poisoned<T>(w.shape());
    db = poisoned<T>(b.shape());
  }

  // Of conv_backward, where `da` is the gradient of the convolution's output.
  void check_gradients(const TensorView<T>& da, const ConvCache<T>& cache) {
    const ConvGradients<T> g = conv_backward(da, cache);
    EXPECT_TRUE(close<T>(dx, g.dx, 0));
    EXPECT_TRUE(close<T>(dw, g.dw, 0));
    EXPECT_TRUE(close<T>(db, g.db, 0));
  }

  ConvParam param;
  Tensor<T> x, w, b, out, dx, dw, db;
};

template <class T>
class ConvSandwiches : public ::testing::Test {
 protected:
  // Calls body(case) for random cases, in both layouts, on every instruction set.
  template <class Body>
  void over_cases(const Body& body) {
    RandomState random(1);
    testing::over_targets(200, [&](int i) {
      Case<T> c(random, i / 8 % 2 ? Layout::nhwc : Layout::nchw);
      SCOPED_TRACE("x " + c.x.shape().to_string() + ", w " + c.w.shape().to_string());
      body(c, random);
    });
  }
};
TYPED_TEST_SUITE(ConvSandwiches, testing::Scalars);

TYPED_TEST(ConvSandwiches, ConvRelu) {
  using T = TypeParam;
  this->over_cases([](Case<T>& c, RandomState& random) {
    const auto [a, conv_cache] = conv_forward(c.x, c.w, c.b, c.param);
    const auto [expected, relu_cache] = relu_forward(a);
    ConvReluCache<T> cache;
    c.out = poisoned<T>(expected.shape());
    conv_relu_forward(c.x, c.w, c.b, c.param, c.out, cache);
    EXPECT_TRUE(close<T>(c.out, expected, 0));

    const auto dout = random_tensor<T>(expected.shape(), random);
    conv_relu_backward<T>(dout, cache, &c.dx, c.dw, c.db);
    const Tensor<T> da = relu_backward(dout, relu_cache);
    c.check_gradients(da, conv_cache);

    c.dw.fill(std::numeric_limits<T>::quiet_NaN());
    c.db.fill(std::numeric_limits<T>::quiet_NaN());
    conv_relu_backward<T>(dout, cache, nullptr, c.dw, c.db);
    c.check_gradients(da, conv_cache);
  });
}

TYPED_TEST(ConvSandwiches, ConvBnRelu) {
  using T = TypeParam;
  this->over_cases([](Case<T>& c, RandomState& random) {
    const Index F = c.w.dim(0);
    const auto gamma = random_tensor<T>({F}, random), beta = random_tensor<T>({F}, random);
    BatchNormParam<T> bn_param;
    bn_param.mode = random.randint(3) ? Mode::train : Mode::test;
    bn_param.running_mean = random_tensor<T>({F}, random);
    bn_param.running_var = Tensor<T>({F}, T(3));
    BatchNormParam<T> layers_bn_param = bn_param;
    layers_bn_param.layout = c.param.layout;

    const auto [a, conv_cache] = conv_forward(c.x, c.w, c.b, c.param);
    const auto [normalized, bn_cache] = spatial_batchnorm_forward(a, gamma, beta, layers_bn_param);
    const auto [expected, relu_cache] = relu_forward(normalized);
    ConvBnReluCache<T> cache;
    c.out = poisoned<T>(expected.shape());
    conv_bn_relu_forward<T>(c.x, c.w, c.b, gamma, beta, c.param, bn_param, c.out, cache);
    EXPECT_TRUE(close<T>(c.out, expected, 0));
    EXPECT_TRUE(close<T>(bn_param.running_mean, layers_bn_param.running_mean, 0));
    EXPECT_TRUE(close<T>(bn_param.running_var, layers_bn_param.running_var, 0));

    const auto dout = random_tensor<T>(expected.shape(), random);
    auto dgamma = poisoned<T>({F}), dbeta = poisoned<T>({F});
    conv_bn_relu_backward<T>(dout, cache, &c.dx, c.dw, c.db, dgamma, dbeta);
    const NormGradients<T> g = spatial_batchnorm_backward(relu_backward(dout, relu_cache), bn_cache);
    EXPECT_TRUE(close<T>(dgamma, g.dgamma, 0));
    EXPECT_TRUE(close<T>(dbeta, g.dbeta, 0));
    c.check_gradients(g.dx, conv_cache);
  });
}

TYPED_TEST(ConvSandwiches, ConvReluPool) {
  using T = TypeParam;
  this->over_cases([](Case<T>& c, RandomState& random) {
    const auto [a, conv_cache] = conv_forward(c.x, c.w, c.b, c.param);
    const auto [hidden, relu_cache] = relu_forward(a);
    const bool nhwc = c.param.layout == Layout::nhwc;
    const Index H = hidden.dim(nhwc ? 1 : 2), W = hidden.dim(nhwc ? 2 : 3);
    PoolParam pool_param{.pool_height = std::min<Index>(H, 1 + random.randint(3)),
                         .pool_width = std::min<Index>(W, 1 + random.randint(3)),
                         .stride = 1 + random.randint(3),
                         .layout = c.param.layout};
    const auto [expected, pool_cache] = max_pool_forward(hidden, pool_param);
    pool_param.layout = nhwc ? Layout::nchw : Layout::nhwc;  // the convolution's layout is what counts
    ConvReluPoolCache<T> cache;
    c.out = poisoned<T>(expected.shape());
    conv_relu_pool_forward(c.x, c.w, c.b, c.param, pool_param, c.out, cache);
    EXPECT_TRUE(close<T>(c.out, expected, 0));

    const auto dout = random_tensor<T>(expected.shape(), random);
    conv_relu_pool_backward<T>(dout, cache, &c.dx, c.dw, c.db);
    c.check_gradients(relu_backward(max_pool_backward(dout, pool_cache), relu_cache), conv_cache);
  });
}

TEST(ConvSandwichErrors, NameTheSandwich) {
  using D = Tensor<double>;
  const D x({2, 3, 8, 8}), w({4, 3, 3, 3}), b({4}), gamma({4}), narrow({4, 1, 3, 3});
  const ConvParam param{.stride = 1, .pad = 1};
  const std::string wanted = "expected w of shape (F, 3, HH, WW) to match x (2, 3, 8, 8), got (4, 1, 3, 3)";
  BatchNormParam<double> bn_param;
  D out, dx, dw(w.shape()), db(b.shape());
  ConvReluCache<double> relu_cache;
  ConvBnReluCache<double> bn_cache;
  ConvReluPoolCache<double> pool_cache;
  expect_error([&] { conv_relu_forward(x, narrow, b, param, out, relu_cache); }, "[conv_relu_forward] " + wanted);
  expect_error([&] { conv_bn_relu_forward(x, narrow, b, gamma, b, param, bn_param, out, bn_cache); },
               "[conv_bn_relu_forward] " + wanted);
  expect_error([&] { conv_bn_relu_forward(x, w, b, D({3}), b, param, bn_param, out, bn_cache); },
               "[conv_bn_relu_forward] expected gamma of shape (4,) to match x, got (3,)");
  expect_error([&] { conv_relu_pool_forward(x, narrow, b, param, {}, out, pool_cache); },
               "[conv_relu_forward] " + wanted);
  conv_relu_forward(x, w, b, param, out, relu_cache);
  expect_error(
      [&] {
        conv_relu_backward<double>(D({2, 4, 8}), relu_cache, &dx, dw, db);
      },
      "[conv_relu_backward] expected dout of shape (2, 4, 8, 8) to match out, got (2, 4, 8)");
  conv_bn_relu_forward(x, w, b, gamma, b, param, bn_param, out, bn_cache);
  expect_error(
      [&] {
        conv_bn_relu_backward<double>(D({2, 4, 8}), bn_cache, &dx, dw, db, db, db);
      },
      "[conv_bn_relu_backward] expected dout of shape (2, 4, 8, 8) to match out, got (2, 4, 8)");
}

}  // namespace
}  // namespace lamina
