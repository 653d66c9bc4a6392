#include "lamina/kernels/norm/norm.h"

#include <functional>

#include "lamina/kernels/softmax.h"
#include "lamina/threads.h"
#include "tests/layers/layer_testing.h"

namespace lamina::kernels {
namespace {

using testing::close;
using testing::max_abs;
using testing::poisoned;
using testing::random_tensor;

template <class T>
class NormKernelIn : public ::testing::Test {};
TYPED_TEST_SUITE(NormKernelIn, testing::Scalars);

// Statistics of a stride of elements, in long double.
template <class T>
std::pair<double, double> exact(const T* x, Index count, Index stride) {
  long double mean = 0, var = 0;
  for (Index i = 0; i < count; ++i) mean += static_cast<long double>(x[i * stride]);
  mean /= static_cast<long double>(count);
  for (Index i = 0; i < count; ++i) {
    const long double apart = static_cast<long double>(x[i * stride]) - mean;
    var += apart * apart;
  }
  return {static_cast<double>(mean), static_cast<double>(var / static_cast<long double>(count))};
}

// A mean of 1,000 deviations loses no digits of the variance: about the mean there is nothing to cancel.
TYPED_TEST(NormKernelIn, StatisticsAreAccurateFarFromZero) {
  using T = TypeParam;
  RandomState random(1);
  testing::for_each_target([&](int) {
    for (const auto& [rows, columns] : {std::pair<Index, Index>{20000, 3}, {5000, 16}, {300, 1100}, {1, 40}, {40, 1}}) {
      const auto x = random_tensor<T>({rows, columns}, random, 1, 1000);
      auto mean = poisoned<T>({columns}), var = poisoned<T>({columns});
      column_statistics(rows, columns, x.data(), mean.data(), var.data());
      for (Index j = 0; j < columns; ++j) {
        const auto [m, v] = exact(x.data() + j, rows, columns);
        ASSERT_NEAR(mean[j], m, 1000 * std::numeric_limits<T>::epsilon()) << rows << " " << columns;
        ASSERT_NEAR(var[j], v, 32 * v * std::numeric_limits<T>::epsilon()) << rows << " " << columns;
      }
      auto row_mean = poisoned<T>({rows}), row_var = poisoned<T>({rows});
      row_statistics(rows, columns, x.data(), row_mean.data(), row_var.data());
      for (Index i = 0; i < rows; i += 37) {
        const auto [m, v] = exact(x.data() + i * columns, columns, 1);
        ASSERT_NEAR(row_mean[i], m, 1000 * std::numeric_limits<T>::epsilon());
        ASSERT_NEAR(row_var[i], v, 32 * v * std::numeric_limits<T>::epsilon());
      }
    }
  });
}

// Every kernel of rows and columns on one large matrix, one output after the other.
template <class T>
std::vector<Tensor<T>> all_kernels(Index rows, Index columns) {
  RandomState random(2);
  const auto x = random_tensor<T>({rows, columns}, random), dout = random_tensor<T>({rows, columns}, random);
  const auto active = random_tensor<T>({rows, columns}, random);
  const auto gamma = random_tensor<T>({columns}, random), beta = random_tensor<T>({columns}, random);
  std::vector<Tensor<T>> out;
  const auto next = [&](const Shape& shape) {
    out.push_back(poisoned<T>(shape));
    return out.back().data();
  };
  out.reserve(20);
  T *mean = next({columns}), *var = next({columns}), *dgamma = next({columns}), *dbeta = next({columns});
  column_statistics(rows, columns, x.data(), mean, var);
  inverse_std(columns, var, 1e-5, var);
  normalize_columns(rows, columns, x.data(), mean, var, gamma.data(), beta.data(), true, next({rows, columns}));
  normalize_columns_sums(rows, columns, dout.data(), active.data(), x.data(), mean, var, dgamma, dbeta);
  normalize_columns_backward(rows, columns, dout.data(), active.data(), x.data(), mean, var, gamma.data(), dgamma,
                             dbeta, true, next({rows, columns}));
  mean = next({rows}), var = next({rows}), dgamma = next({columns}), dbeta = next({columns});
  row_statistics(rows, columns, x.data(), mean, var);
  inverse_std(rows, var, 1e-5, var);
  normalize_rows(rows, columns, x.data(), mean, var, gamma.data(), beta.data(), true, next({rows, columns}));
  normalize_rows_backward(rows, columns, dout.data(), active.data(), x.data(), mean, var, gamma.data(),
                          next({rows, columns}), dgamma, dbeta);
  const std::vector<Label> y(static_cast<std::size_t>(rows), 0);
  *next({1}) = static_cast<T>(softmax_loss(rows, columns, x.data(), y.data(), next({rows, columns}), 0,
                                           RowWeights{nullptr, static_cast<double>(rows)}));
  return out;
}

// Batches that go by columns. Rounding a mean of 100,000 deviations costs their squares digits that its error gives
// back; where all are the same, no variance is below 0.
TYPED_TEST(NormKernelIn, BatchesAreAccurateFarFromZero) {
  using T = TypeParam;
  RandomState random(4);
  const double epsilon = std::numeric_limits<T>::epsilon();
  testing::for_each_target([&](int) {
    for (const auto& [rows, columns] : {std::pair<Index, Index>{201, 37}, {511, 100}, {5, 16}, {1, 18}})
      for (const double far : {1e3, 1e5}) {
        auto x = random_tensor<T>({rows, columns}, random, 1, far);
        for (Index i = columns; i < x.size(); ++i)
          if (i % columns % 2 == 1) x[i] = x[i % columns];
        const auto gamma = random_tensor<T>({columns}, random);
        auto mean = poisoned<T>({columns}), var = mean, inv_std = mean, out = poisoned<T>(x.shape());
        normalize_batch(rows, columns, x.data(), gamma.data(), gamma.data(), 1e-3, false, mean.data(), var.data(),
                        inv_std.data(), out.data());
        for (Index j = 0; j < columns; ++j) {
          const auto [m, v] = exact(x.data() + j, rows, columns);
          ASSERT_NEAR(mean[j], m, far * epsilon) << rows << " " << columns;
          ASSERT_NEAR(var[j], v, 32 * v * epsilon + std::pow(far * epsilon, 2)) << rows << " " << columns;
          ASSERT_GE(var[j], 0);
          const double inverse = 1 / std::sqrt(static_cast<double>(var[j]) + 1e-3);
          ASSERT_NEAR(inv_std[j], inverse, inverse * epsilon) << rows << " " << columns;
        }
      }
  });
}

TYPED_TEST(NormKernelIn, NaNStaysInItsColumnOfABatch) {
  using T = TypeParam;
  RandomState random(5);
  const Index rows = 7, columns = 37;
  testing::for_each_target([&](int) {
    for (Index column = 0; column < columns; ++column)
      for (const bool relu : {false, true}) {
        auto x = random_tensor<T>({rows, columns}, random);
        const auto gamma = random_tensor<T>({columns}, random);
        x[2 * columns + column] = std::numeric_limits<T>::quiet_NaN();
        auto mean = random_tensor<T>({columns}, random), var = mean, inv_std = mean, out = x;
        normalize_batch(rows, columns, x.data(), gamma.data(), gamma.data(), 1e-5, relu, mean.data(), var.data(),
                        inv_std.data(), out.data());
        for (Index i = 0; i < out.size(); ++i) ASSERT_EQ(std::isnan(out[i]), i % columns == column) << i;
        for (Index j = 0; j < columns; ++j) ASSERT_EQ(std::isnan(var[j]), j == column) << j;
      }
  });
}

// The calls for whole batches do what the single kernels do, in place too, to all that belongs to a column and to
// nothing else: sizes on both sides of where they go by columns, and every remainder of a strip and of four rows.
TYPED_TEST(NormKernelIn, BatchesEqualTheSingleKernels) {
  using T = TypeParam;
  RandomState random(3);
  std::vector<std::pair<Index, Index>> sizes = {{512, 100}, {513, 99}, {511, 101}, {66, 775}, {2, 16}, {9, 15}};
  for (Index i = 1; i <= 33; ++i) sizes.emplace_back(i + 2, 15 + i);
  testing::for_each_target([&](int) {
    for (const auto& [rows, columns] : sizes)
      for (const bool relu : {false, true}) {
        SCOPED_TRACE(::testing::Message() << rows << " x " << columns << (relu ? ", relu" : ""));
        const Shape shape{rows, columns}, wide{columns};
        const auto x = random_tensor<T>(shape, random), dout = random_tensor<T>(shape, random);
        const auto gamma = random_tensor<T>(wide, random), beta = random_tensor<T>(wide, random);
        Tensor<T> mean(wide), var(wide), inv_std(wide), out(shape), dgamma(wide), dbeta(wide), dx(shape);
        column_statistics(rows, columns, x.data(), mean.data(), var.data());
        inverse_std(columns, var.data(), 1e-5, inv_std.data());
        normalize_columns(rows, columns, x.data(), mean.data(), inv_std.data(), gamma.data(), beta.data(), relu,
                          out.data());
        auto own_mean = poisoned<T>(wide), own_var = poisoned<T>(wide), own_inv = poisoned<T>(wide);
        Tensor<T> own = x;
        normalize_batch(rows, columns, own.data(), gamma.data(), beta.data(), 1e-5, relu, own_mean.data(),
                        own_var.data(), own_inv.data(), own.data());
        ASSERT_TRUE(close(own_mean, mean, 8));
        ASSERT_TRUE(close(own_var, var, 8));
        ASSERT_TRUE(close(own_inv, inv_std, 8));
        ASSERT_TRUE(close(own, out, 64));
        // dx is the difference of terms of this size; of two rows it is all but nothing.
        const double terms = max_abs(gamma) * max_abs(inv_std) * max_abs(dout);
        const T* active = relu ? out.data() : nullptr;
        for (const bool statistics : {false, true}) {
          normalize_columns_sums(rows, columns, dout.data(), active, x.data(), mean.data(), inv_std.data(),
                                 dgamma.data(), dbeta.data());
          normalize_columns_backward(rows, columns, dout.data(), active, x.data(), mean.data(), inv_std.data(),
                                     gamma.data(), dgamma.data(), dbeta.data(), statistics, dx.data());
          auto own_dgamma = poisoned<T>(wide), own_dbeta = poisoned<T>(wide);
          Tensor<T> own_dx = dout;
          normalize_batch_backward(rows, columns, own_dx.data(), active, x.data(), mean.data(), inv_std.data(),
                                   gamma.data(), statistics, own_dgamma.data(), own_dbeta.data(), own_dx.data());
          ASSERT_TRUE(close(own_dgamma, dgamma, 64));
          ASSERT_TRUE(close(own_dbeta, dbeta, 64));
          ASSERT_TRUE(close(own_dx, dx, 64, terms));
        }
      }
  });
}

TYPED_TEST(NormKernelIn, SameBitsWithAnyNumberOfThreads) {
  using T = TypeParam;
  for (const auto& [rows, columns] : {std::pair<Index, Index>{9001, 7}, {700, 130}, {40, 2500}}) {
    set_num_threads(1);
    const auto one = all_kernels<T>(rows, columns);
    for (const int threads : {2, 5}) {
      set_num_threads(threads);
      const auto several = all_kernels<T>(rows, columns);
      for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(close(several[i], one[i], 0)) << "output " << i;
    }
    set_num_threads(0);
  }
}

}  // namespace
}  // namespace lamina::kernels
