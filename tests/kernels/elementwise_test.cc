// Elementwise kernels against plain loops: every remainder of a vector, several chunks, every instruction set.
#include "lamina/kernels/elementwise.h"

#include "lamina/threads.h"
#include "tests/layers/layer_testing.h"

namespace lamina {
namespace {

using testing::random_tensor;

template <class T>
class Elementwise : public ::testing::Test {
 protected:
  static std::vector<Index> lengths() {
    std::vector<Index> result;
    for (Index n = 0; n <= 70; ++n) result.push_back(n);
    result.insert(result.end(), {16383, 16384, 16385, 50001});
    return result;
  }
};
TYPED_TEST_SUITE(Elementwise, testing::Scalars);

TYPED_TEST(Elementwise, EqualsPlainLoops) {
  using T = TypeParam;
  RandomState random(8);
  testing::for_each_target([&](int) {
    for (const Index n : this->lengths()) {
      const Shape shape{n};
      const Tensor<T> a = random_tensor<T>(shape, random), b = random_tensor<T>(shape, random);
      Tensor<T> relu = testing::poisoned<T>(shape), back = relu, product = relu, sum = b;
      kernels::relu(n, a.data(), relu.data());
      kernels::relu_backward(n, b.data(), relu.data(), back.data());
      kernels::multiply(n, a.data(), b.data(), product.data());
      kernels::axpy(n, T(0.5), a.data(), sum.data());
      double squares = 0;
      for (Index i = 0; i < n; ++i) {
        ASSERT_EQ(relu[i], a[i] > 0 ? a[i] : T{0});
        ASSERT_EQ(back[i], a[i] > 0 ? b[i] : T{0});
        ASSERT_EQ(product[i], a[i] * b[i]);
        ASSERT_EQ(sum[i], b[i] + T(0.5) * a[i]);
        squares += static_cast<double>(a[i]) * static_cast<double>(a[i]);
      }
      ASSERT_NEAR(kernels::sum_of_squares(n, a.data()), squares, 1e-13 * squares);
    }
  });
}

// Every kind of number through dropout and ReLU, with the sign of every zero.
TYPED_TEST(Elementwise, ReluDropoutBackwardIsNumPys) {
  using T = TypeParam;
  const T infinity = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T numbers[] = {T(-2.5), T(-0.0), T(0), T(3), infinity, -infinity, nan};
  constexpr T kKept = T(1.25);
  Tensor<T> dout(Shape{98}), relu_out = dout, mask = dout, out = dout;
  for (Index i = 0; i < 98; ++i) {
    const T x = numbers[i / 7 % 7];
    dout[i] = numbers[i % 7];
    relu_out[i] = x < 0 ? 0 : x;
    mask[i] = i < 49 ? kKept : T{0};
    out[i] = relu_out[i] * mask[i];
  }
  testing::for_each_target([&](int) {
    Tensor<T> dx = testing::poisoned<T>(dout.shape());
    kernels::relu_dropout_backward(dx.size(), dout.data(), relu_out.data(), out.data(), kKept, dx.data());
    for (Index i = 0; i < dx.size(); ++i) {
      const T expected = relu_out[i] > 0 ? dout[i] * mask[i] : T{0};
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(dx[i])) << i;
      } else {
        EXPECT_EQ(dx[i], expected) << i;
        EXPECT_EQ(std::signbit(dx[i]), std::signbit(expected)) << i;
      }
    }
  });
}

TYPED_TEST(Elementwise, ReluKeepsNaN) {
  using T = TypeParam;
  testing::for_each_target([&](int) {
    Tensor<T> x = testing::poisoned<T>(Shape{37});
    kernels::relu(x.size(), x.data(), x.data());
    for (const T value : x) EXPECT_TRUE(std::isnan(value));
  });
}

TYPED_TEST(Elementwise, ColumnSums) {
  using T = TypeParam;
  RandomState random(9);
  const int before = num_threads();
  testing::over_targets(60, [&](int i) {
    const Index rows = i % 10 == 0 ? 3000 : testing::random_length(random, 90),
                columns = testing::random_length(random, 90);
    const Tensor<T> x = random_tensor<T>(Shape{rows, columns}, random);
    Tensor<T> first;
    for (int threads : {1, 3}) {
      set_num_threads(threads);
      Tensor<T> sums = testing::poisoned<T>(Shape{columns});
      kernels::column_sums(rows, columns, x.data(), sums.data());
      if (threads == 1) first = sums;
      EXPECT_TRUE(testing::close(sums, first, 0)) << threads << " threads";
    }
    for (Index j = 0; j < columns; ++j) {
      double sum = 0, norm = 0;
      for (Index row = 0; row < rows; ++row) {
        sum += static_cast<double>(x(row, j));
        norm += std::abs(static_cast<double>(x(row, j)));
      }
      ASSERT_NEAR(static_cast<double>(first[j]), sum, 4 * norm * std::numeric_limits<T>::epsilon());
    }
  });
  set_num_threads(before);
}

}  // namespace
}  // namespace lamina
