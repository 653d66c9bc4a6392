// Layers and sandwiches whose products have operands of bfloat16, against the naive ones in double on operands that
// are rounded first.
#include "lamina/layers/precision.h"

#include "lamina/kernels/products/bf16.h"
#include "lamina/layers/affine_naive.h"
#include "lamina/layers/conv_naive.h"
#include "lamina/layers/layout.h"
#include "lamina/sandwiches/affine_norm_relu_dropout.h"
#include "lamina/sandwiches/affine_relu.h"
#include "lamina/sandwiches/conv_bn_relu.h"
#include "lamina/sandwiches/conv_relu_pool.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::cast;
using testing::close;
using testing::close_each;
using testing::expect_error;
using testing::poisoned;
using testing::random_tensor;

Tensor<double> rounded(const TensorView<float>& x) {
  Tensor<double> y(x.shape());
  for (Index i = 0; i < x.size(); ++i) y[i] = static_cast<double>(kernels::round_to_bf16(x[i]));
  return y;
}

Tensor<double> absolute(const Tensor<double>& x) { return testing::absolute<double>(x); }

TEST(Bf16Layers, Affine) {
  RandomState random(1);
  testing::over_targets(120, [&](int i) {
    const Index N = testing::random_length(random, 40), M = testing::random_length(random, 70);
    const Index D = i % 24 == 23 ? 1500 + random.randint(1000) : testing::random_length(random, 100);
    const auto x = random_tensor<float>({N, D}, random), w = random_tensor<float>({D, M}, random);
    const auto b = random_tensor<float>({M}, random), dout = random_tensor<float>({N, M}, random);
    SCOPED_TRACE(x.shape().to_string() + " by " + w.shape().to_string());
    const Tensor<double> rx = rounded(x), rw = rounded(w), rd = rounded(dout), wide_b = cast<double>(b);
    Tensor<float> out = poisoned<float>({N, M}), dx, dw = poisoned<float>({D, M}), db = poisoned<float>({M});
    AffineCache<float> cache;
    affine_forward<float>(x, w, b, out, cache, Precision::bf16);
    affine_backward<float>(dout, cache, &dx, dw, db);
    const auto grad = naive::affine_backward<double>(rd, rx, rw);
    const auto norms = naive::affine_backward<double>(absolute(rd), absolute(rx), absolute(rw));
    const auto expected = naive::affine_forward<double>(rx, rw, wide_b);
    const auto scale = naive::affine_forward<double>(absolute(rx), absolute(rw), absolute(wide_b));
    EXPECT_TRUE((close_each<float, double>(out, expected, 4, scale)));
    EXPECT_TRUE((close_each<float, double>(dx, grad.dx, 4, norms.dx)));
    EXPECT_TRUE((close_each<float, double>(dw, grad.dw, 4, norms.dw)));
    Tensor<double> sums({M}), sizes({M});  // biases see dout as it is
    for (Index k = 0; k < dout.size(); ++k) {
      sums[k % M] += static_cast<double>(dout[k]);
      sizes[k % M] += std::abs(static_cast<double>(dout[k]));
    }
    EXPECT_TRUE((close_each<float, double>(db, sums, 4, sizes)));
  });
}

TEST(Bf16Layers, ConvolutionInBothLayouts) {
  RandomState random(2);
  testing::over_targets(120, [&](int i) {
    const Index N = 1 + random.randint(3), C = testing::random_length(random, 20), H = 3 + random.randint(8);
    const Index W = 3 + random.randint(8), F = testing::random_length(random, 40), HH = 1 + random.randint(3);
    const Index WW = 1 + random.randint(2);  // never the square 3 x 3 that float32 may be faster at
    ConvParam param{1 + random.randint(3), random.randint(3), Layout::nchw, Precision::bf16};
    const auto x = random_tensor<float>({N, C, H, W}, random), w = random_tensor<float>({F, C, HH, WW}, random);
    const auto b = random_tensor<float>({F}, random);
    const Tensor<double> rx = rounded(x), rw = rounded(w), wide_b = cast<double>(b);
    const auto expected = naive::conv_forward<double>(rx, rw, wide_b, param);
    const auto scale = naive::conv_forward<double>(absolute(rx), absolute(rw), absolute(wide_b), param);
    const auto dout = random_tensor<float>(expected.shape(), random);
    const Tensor<double> rd = rounded(dout);
    const auto grad = naive::conv_backward<double>(rd, rx, rw, param);
    const auto norms = naive::conv_backward<double>(absolute(rd), absolute(rx), absolute(rw), param);
    const bool nhwc = i / 7 % 2 == 1;
    Tensor<float> x_in(x), dout_in(dout), out, dx, dw = poisoned<float>(w.shape()), db = poisoned<float>({F});
    if (nhwc) {
      param.layout = Layout::nhwc;
      to_nhwc<float>(x, x_in);
      to_nhwc<float>(dout, dout_in);
    }
    ConvCache<float> cache;
    conv_forward<float>(x_in, w, b, param, out, cache);
    conv_backward<float>(dout_in, cache, &dx, dw, db);
    if (nhwc) {
      const Tensor<float> out_nhwc(out), dx_nhwc(dx);
      to_nchw<float>(out_nhwc, out);
      to_nchw<float>(dx_nhwc, dx);
    }
    EXPECT_TRUE((close_each<float, double>(out, expected, 4, scale)));
    EXPECT_TRUE((close_each<float, double>(dx, grad.dx, 4, norms.dx)));
    EXPECT_TRUE((close_each<float, double>(dw, grad.dw, 4, norms.dw)));
  });
}

TEST(Bf16Layers, SandwichesEqualTheirLayers) {
  RandomState random(3);
  const auto x = random_tensor<float>({7, 30}, random), w = random_tensor<float>({30, 21}, random);
  const auto b = random_tensor<float>({21}, random), dout = random_tensor<float>({7, 21}, random);
  const auto gamma = random_tensor<float>({21}, random), beta = random_tensor<float>({21}, random);
  const auto images = random_tensor<float>({3, 8, 9, 5}, random), filters = random_tensor<float>({21, 5, 3, 3}, random);
  const ConvParam param{1, 1, Layout::nhwc, Precision::bf16};
  testing::for_each_target([&](int) {
    // affine - relu, alone and as a hidden layer with batch norm.
    AffineCache<float> cache;
    Tensor<float> out, dx, dw(w.shape()), db({21}), out2, dx2, dw2(w.shape()), db2({21}), dgamma({21}), dbeta({21});
    affine_forward<float>(x, w, b, out, cache, Precision::bf16);
    const auto [relu_out, relu_cache] = relu_forward<float>(out);
    affine_backward<float>(relu_backward<float>(dout, relu_cache), cache, &dx, dw, db);
    AffineReluCache<float> relu_sandwich;
    affine_relu_forward<float>(x, w, b, out2, relu_sandwich, Precision::bf16);
    affine_relu_backward<float>(dout, relu_sandwich, &dx2, dw2, db2);
    EXPECT_TRUE(close(out2, relu_out, 0));
    EXPECT_TRUE(close(dx2, dx, 0));
    EXPECT_TRUE(close(dw2, dw, 0));

    BatchNormParam<float> bn, bn2;
    BatchNormCache<float> bn_cache;
    Tensor<float> normal, da;
    batchnorm_forward<float>(out, gamma, beta, bn, normal, bn_cache);
    const auto [relu2_out, relu2_cache] = relu_forward<float>(normal);
    batchnorm_backward<float>(relu_backward<float>(dout, relu2_cache), bn_cache, da, dgamma, dbeta);
    affine_backward<float>(da, cache, &dx, dw, db);
    AffineNormReluDropoutParam<float> hidden;
    hidden.normalization = Normalization::batchnorm;
    hidden.batchnorm = &bn2;
    hidden.precision = Precision::bf16;
    AffineNormReluDropoutCache<float> hidden_cache;
    affine_norm_relu_dropout_forward<float>(x, w, b, gamma, beta, hidden, out2, hidden_cache);
    affine_norm_relu_dropout_backward<float>(dout, hidden_cache, &dx2, dw2, db2, dgamma, dbeta);
    EXPECT_TRUE(close(out2, relu2_out, 0));
    EXPECT_TRUE(close(dx2, dx, 4));
    EXPECT_TRUE(close(dw2, dw, 4));

    // conv - relu - pool and conv - batch norm - relu.
    ConvCache<float> conv;
    Tensor<float> conv_out, df(filters.shape()), df2(filters.shape());
    conv_forward<float>(images, filters, b, param, conv_out, conv);
    const auto [conv_relu_out, conv_relu_cache] = relu_forward<float>(conv_out);
    PoolCache<float> pool;
    Tensor<float> pooled, dhidden;
    max_pool_forward<float>(conv_relu_out, {2, 2, 2, Layout::nhwc}, pooled, pool);
    const auto dpooled = random_tensor<float>(pooled.shape(), random);
    max_pool_backward<float>(dpooled, pool, dhidden);
    conv_backward<float>(relu_backward<float>(dhidden, conv_relu_cache), conv, &dx, df, db);
    ConvReluPoolCache<float> pool_sandwich;
    conv_relu_pool_forward<float>(images, filters, b, param, {2, 2, 2, Layout::nhwc}, out2, pool_sandwich);
    conv_relu_pool_backward<float>(dpooled, pool_sandwich, &dx2, df2, db2);
    EXPECT_TRUE(close(out2, pooled, 0));
    EXPECT_TRUE(close(dx2, dx, 0));
    EXPECT_TRUE(close(df2, df, 0));

    BatchNormParam<float> conv_bn;
    ConvBnReluCache<float> bn_sandwich;
    conv_bn_relu_forward<float>(images, filters, b, gamma, beta, param, conv_bn, out2, bn_sandwich);
    EXPECT_TRUE(close(bn_sandwich.a, conv_out, 0));
  });
}

TEST(Bf16Layers, AreForFloat32) {
  const Tensor<double> x({2, 3}), w({3, 4}), b({4}), images({1, 2, 3, 3}), filters({4, 2, 1, 1});
  Tensor<double> out;
  AffineCache<double> cache;
  AffineReluCache<double> relu_cache;
  ConvCache<double> conv;
  const char* line = "expected float32 for products of bfloat16, got float64";
  expect_error([&] { affine_forward<double>(x, w, b, out, cache, Precision::bf16); },
               std::string("[affine_forward] ") + line);
  expect_error([&] { affine_relu_forward<double>(x, w, b, out, relu_cache, Precision::bf16); },
               std::string("[affine_relu_forward] ") + line);
  expect_error(
      [&] {
        conv_forward<double>(images, filters, b, {1, 0, Layout::nchw, Precision::bf16}, out, conv);
      },
      std::string("[conv_forward] ") + line);
}

}  // namespace
}  // namespace lamina
