// Channels-last convolution and its gradients against plain sums, on hostile sizes, for every instruction set.
#include "lamina/kernels/conv.h"
#include "lamina/kernels/parallel.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using kernels::ConvShape;
using testing::random_tensor;

template <class T>
class ConvKernel : public ::testing::Test {};
TYPED_TEST_SUITE(ConvKernel, testing::Scalars);

ConvShape random_shape(RandomState& random, int i) {
  ConvShape s{};
  s.N = 1 + random.randint(i % 10 == 0 ? 12 : 3);
  s.H = 1 + random.randint(13);
  s.W = 1 + random.randint(i % 7 == 0 ? 30 : 9);
  s.C = i % 3 == 0 ? testing::random_length(random, 35) : 1 + random.randint(4);
  s.F = i % 4 == 0 ? testing::random_length(random, 70) : 1 + random.randint(9);
  s.stride = 1 + random.randint(4);
  s.pad = random.randint(i % 9 == 0 ? 12 : 4);
  s.HH = 1 + random.randint(std::min<Index>(7, s.H + 2 * s.pad));
  s.WW = 1 + random.randint(std::min<Index>(7, s.W + 2 * s.pad));
  s.OH = 1 + (s.H + 2 * s.pad - s.HH) / s.stride;
  s.OW = 1 + (s.W + 2 * s.pad - s.WW) / s.stride;
  return s;
}

// Sums and sums of absolute values.
struct Sums {
  explicit Sums(const Shape& shape) : sum(shape), norm(shape) {}
  void add(Index i, double term) {
    sum[i] += term;
    norm[i] += std::abs(term);
  }
  template <class T>
  void expect(const Tensor<T>& got, const char* name) const {
    for (Index i = 0; i < got.size(); ++i)
      ASSERT_NEAR(static_cast<double>(got[i]), sum[i], 4 * norm[i] * std::numeric_limits<T>::epsilon())
          << name << " at " << i;
  }
  Tensor<double> sum, norm;
};

TYPED_TEST(ConvKernel, EqualsPlainSums) {
  using T = TypeParam;
  RandomState random(5);
  testing::over_targets(400, [&](int i) {
    const ConvShape s = random_shape(random, i);
    SCOPED_TRACE(::testing::Message() << "N " << s.N << " H " << s.H << " W " << s.W << " C " << s.C << " F " << s.F
                                      << " HH " << s.HH << " WW " << s.WW << " stride " << s.stride << " pad "
                                      << s.pad);
    const Tensor<T> x = random_tensor<T>(Shape{s.N, s.H, s.W, s.C}, random);
    const Tensor<T> w = random_tensor<T>(Shape{s.F, s.C, s.HH, s.WW}, random);
    const Tensor<T> b = random_tensor<T>(Shape{s.F}, random);
    const Tensor<T> dout = random_tensor<T>(Shape{s.N, s.OH, s.OW, s.F}, random);
    Sums out(dout.shape()), dx(x.shape()), dw(w.shape()), db(b.shape());
    for (Index o = 0; o < dout.size(); ++o) {
      const Index f = o % s.F, j = o / s.F % s.OW, row = o / s.F / s.OW % s.OH, n = o / s.F / s.OW / s.OH;
      out.add(o, static_cast<double>(b[f]));
      db.add(f, static_cast<double>(dout[o]));
      for (Index p = 0; p < s.HH; ++p)
        for (Index q = 0; q < s.WW; ++q) {
          const Index h = row * s.stride - s.pad + p, v = j * s.stride - s.pad + q;
          if (h < 0 || h >= s.H || v < 0 || v >= s.W) continue;
          for (Index c = 0; c < s.C; ++c) {
            const Index xi = ((n * s.H + h) * s.W + v) * s.C + c, wi = ((f * s.C + c) * s.HH + p) * s.WW + q;
            const double xv = static_cast<double>(x[xi]), wv = static_cast<double>(w[wi]);
            out.add(o, xv * wv);
            dx.add(xi, static_cast<double>(dout[o]) * wv);
            dw.add(wi, static_cast<double>(dout[o]) * xv);
          }
        }
    }
    Tensor<T> got = testing::poisoned<T>(dout.shape());
    kernels::conv_forward(s, x.data(), w.data(), b.data(), false, got.data());
    out.expect(got, "out");
    Tensor<T> with_relu = testing::poisoned<T>(dout.shape());
    kernels::conv_forward(s, x.data(), w.data(), b.data(), true, with_relu.data());
    for (T& value : got) value = std::max(value, T{0});
    EXPECT_TRUE(testing::close(with_relu, got, 0));

    Tensor<T> got_dx = testing::poisoned<T>(x.shape()), got_dw = testing::poisoned<T>(w.shape());
    Tensor<T> got_db = testing::poisoned<T>(b.shape());
    kernels::conv_backward_data(s, dout.data(), w.data(), got_dx.data());
    dx.expect(got_dx, "dx");
    kernels::conv_backward_filter(s, x.data(), dout.data(), got_dw.data(), got_db.data());
    dw.expect(got_dw, "dw");
    db.expect(got_db, "db");
  });
}

TYPED_TEST(ConvKernel, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  RandomState random(6);
  const int before = kernels::num_threads();
  testing::over_targets(40, [&](int i) {
    ConvShape s = random_shape(random, i * 10);
    s.N = i % 2 ? 2 : 40;  // few images: chunks of rows; many: several groups in the filter's gradient
    const Tensor<T> x = random_tensor<T>(Shape{s.N, s.H, s.W, s.C}, random);
    const Tensor<T> w = random_tensor<T>(Shape{s.F, s.C, s.HH, s.WW}, random);
    const Tensor<T> b = random_tensor<T>(Shape{s.F}, random);
    const Tensor<T> dout = random_tensor<T>(Shape{s.N, s.OH, s.OW, s.F}, random);
    std::vector<Tensor<T>> expected;
    for (int threads : {1, 2, 3}) {
      kernels::set_num_threads(threads);
      std::vector<Tensor<T>> got = {Tensor<T>(dout.shape()), Tensor<T>(x.shape()), Tensor<T>(w.shape()),
                                    Tensor<T>(b.shape())};
      kernels::conv_forward(s, x.data(), w.data(), b.data(), false, got[0].data());
      kernels::conv_backward_data(s, dout.data(), w.data(), got[1].data());
      kernels::conv_backward_filter(s, x.data(), dout.data(), got[2].data(), got[3].data());
      if (threads == 1) expected = got;
      for (std::size_t k = 0; k < got.size(); ++k) EXPECT_TRUE(testing::close(got[k], expected[k], 0)) << threads;
    }
  });
  kernels::set_num_threads(before);
}

}  // namespace
}  // namespace lamina
