// Channels-last convolution and its gradients against plain sums, on hostile sizes, for every instruction set.
#include "lamina/kernels/convolution/conv.h"
#include "lamina/threads.h"
#include "tests/kernels/conv_testing.h"

namespace lamina {
namespace {

using kernels::ConvShape;
using testing::ConvSums;
using testing::random_conv_shape;
using testing::random_tensor;

template <class T>
class ConvKernel : public ::testing::Test {};
TYPED_TEST_SUITE(ConvKernel, testing::Scalars);

TYPED_TEST(ConvKernel, EqualsPlainSums) {
  using T = TypeParam;
  RandomState random(5);
  testing::over_targets(400, [&](int i) {
    const ConvShape s = random_conv_shape(random, i, true);
    SCOPED_TRACE(testing::describe(s));
    const Tensor<T> x = random_tensor<T>(Shape{s.N, s.H, s.W, s.C}, random);
    const Tensor<T> w = random_tensor<T>(Shape{s.F, s.C, s.HH, s.WW}, random);
    const Tensor<T> b = random_tensor<T>(Shape{s.F}, random);
    const Tensor<T> dout = random_tensor<T>(Shape{s.N, s.OH, s.OW, s.F}, random);
    const ConvSums expected(s, x, w, b, dout);
    Tensor<T> got = testing::poisoned<T>(dout.shape());
    kernels::conv_forward_direct(s, x.data(), w.data(), b.data(), false, got.data());
    expected.out.expect(got, "out");
    Tensor<T> without_b = testing::poisoned<T>(dout.shape());
    kernels::conv_forward_direct<T>(s, x.data(), w.data(), nullptr, false, without_b.data());
    ConvSums(s, x, w, Tensor<T>(b.shape()), dout).out.expect(without_b, "out without b");
    Tensor<T> with_relu = testing::poisoned<T>(dout.shape());
    kernels::conv_forward_direct(s, x.data(), w.data(), b.data(), true, with_relu.data());
    for (T& value : got) value = std::max(value, T{0});
    EXPECT_TRUE(testing::close(with_relu, got, 0));

    Tensor<T> got_dx = testing::poisoned<T>(x.shape()), got_dw = testing::poisoned<T>(w.shape());
    Tensor<T> got_db = testing::poisoned<T>(b.shape());
    kernels::conv_backward_data_direct(s, dout.data(), w.data(), got_dx.data());
    expected.dx.expect(got_dx, "dx");
    kernels::conv_backward_filter(s, x.data(), dout.data(), got_dw.data(), got_db.data());
    got_dw = testing::poisoned<T>(w.shape());
    kernels::conv_backward_filter_direct(s, x.data(), dout.data(), got_dw.data());
    expected.dw.expect(got_dw, "dw");
    expected.db.expect(got_db, "db");
  });
}

TYPED_TEST(ConvKernel, SameBitsForAnyNumberOfThreads) {
  using T = TypeParam;
  RandomState random(6);
  const int before = num_threads();
  testing::over_targets(40, [&](int i) {
    ConvShape s = random_conv_shape(random, i * 10 + i % 3, true);
    s.N = i % 2 ? 2 : 40;  // few images: chunks of rows; many: several groups in the filter's gradient
    const Tensor<T> x = random_tensor<T>(Shape{s.N, s.H, s.W, s.C}, random);
    const Tensor<T> w = random_tensor<T>(Shape{s.F, s.C, s.HH, s.WW}, random);
    const Tensor<T> b = random_tensor<T>(Shape{s.F}, random);
    const Tensor<T> dout = random_tensor<T>(Shape{s.N, s.OH, s.OW, s.F}, random);
    std::vector<Tensor<T>> expected;
    for (int threads : {1, 2, 3}) {
      set_num_threads(threads);
      std::vector<Tensor<T>> got = {Tensor<T>(dout.shape()), Tensor<T>(x.shape()), Tensor<T>(w.shape()),
                                    Tensor<T>(b.shape())};
      kernels::conv_forward_direct(s, x.data(), w.data(), b.data(), false, got[0].data());
      kernels::conv_backward_data_direct(s, dout.data(), w.data(), got[1].data());
      kernels::conv_backward_filter(s, x.data(), dout.data(), got[2].data(), got[3].data());
      if (threads == 1) expected = got;
      for (std::size_t k = 0; k < got.size(); ++k) EXPECT_TRUE(testing::close(got[k], expected[k], 0)) << threads;
    }
  });
  set_num_threads(before);
}

}  // namespace
}  // namespace lamina
