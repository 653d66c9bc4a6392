#include "lamina/kernels/norm.h"

#include <functional>

#include "lamina/kernels/parallel.h"
#include "lamina/kernels/softmax.h"
#include "tests/layers/layer_testing.h"

namespace lamina::kernels {
namespace {

using testing::close;
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
  *next({1}) = static_cast<T>(softmax_loss(rows, columns, x.data(), y.data(), next({rows, columns})));
  return out;
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
